package storage

import (
	"testing"

	"pgregory.net/rapid"
)

// TestSeqSetIsASet compares with a map.
func TestSeqSetIsASet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var s seqSet
		model := make(map[uint64]bool)
		number := rapid.Uint64Range(0, 3*chunkBits)
		ranges := rapid.Custom(func(t *rapid.T) Range {
			from := number.Draw(t, "from")
			return Range{from, from + rapid.Uint64Range(0, 2*chunkBits).Draw(t, "length")}
		})
		inModel := func(r Range) (n int) {
			for seq := r.From; seq <= r.To; seq++ {
				if model[seq] {
					n++
				}
			}
			return n
		}
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				r := ranges.Draw(t, "range")
				want := int(r.To-r.From) + 1 - inModel(r)
				if got := s.add(r); got != want {
					t.Fatalf("add(%v) = %d, want %d", r, got, want)
				}
				for seq := r.From; seq <= r.To; seq++ {
					model[seq] = true
				}
			},
			"take": func(t *rapid.T) {
				through := number.Draw(t, "through")
				taken := s.take(through)
				for seq := range uint64(6 * chunkBits) {
					if want := model[seq] && seq <= through; taken.has(seq) != want {
						t.Fatalf("take(%d) has %d: %v, want %v", through, seq, taken.has(seq), want)
					}
					if seq <= through {
						delete(model, seq)
					}
				}
			},
			"": func(t *rapid.T) {
				if r := ranges.Draw(t, "range"); s.count(r) != inModel(r) {
					t.Fatalf("count(%v) = %d, want %d", r, s.count(r), inModel(r))
				}
				if seq := number.Draw(t, "seq"); s.has(seq) != model[seq] {
					t.Fatalf("has(%d) = %v", seq, s.has(seq))
				}
				if s.empty() != (len(model) == 0) {
					t.Fatalf("empty() = %v with %d numbers", s.empty(), len(model))
				}
			},
		})
	})
}
