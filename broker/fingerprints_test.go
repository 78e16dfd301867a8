package broker

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// TestFingerprintsAgreeWithAList compares the set with a list of what was added,
// in its order.
func TestFingerprintsAgreeWithAList(t *testing.T) {
	type known struct {
		print   fingerprint
		expires int64
	}
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		most := 1 + r.IntN(20)
		set, now := fingerprints{most: most}, int64(1000)
		var list []known
		find := func(f fingerprint) int {
			return slices.IndexFunc(list, func(k known) bool { return k.print == f })
		}
		for range 2000 {
			f := fingerprint{byte(r.IntN(2 * most))}
			now += int64(r.IntN(3))
			i := find(f)
			want := i >= 0 && (list[i].expires == 0 || list[i].expires > now)
			if i >= 0 && !want {
				list = slices.Delete(list, i, i+1)
			}
			if got := set.has(f, now); got != want {
				t.Fatalf("seed %d: %v, want %v", seed, got, want)
			}
			switch {
			case want && r.IntN(3) == 0:
				set.remove(f)
				list = slices.Delete(list, find(f), find(f)+1)
			case !want:
				k := known{print: f}
				if r.IntN(2) == 0 {
					k.expires = now + int64(r.IntN(50))
				}
				if len(list) >= most {
					list = list[1:]
				}
				list = append(list, k)
				set.add(k.print, k.expires)
			default:
				set.remove(fingerprint{255})
			}
			if len(set.places) != len(list) || len(set.links) > most+1 {
				t.Fatalf("seed %d: %d are known in %d links, want %d", seed, len(set.places), len(set.links), len(list))
			}
		}
	}
}

// BenchmarkDedup looks at messages of which each is another one.
func BenchmarkDedup(b *testing.B) {
	d := dedupOf(end{name: "q"}, deduplicating("x-cache-size", int32(100_000)))
	contents := make([]amqp.Content, 200_000)
	for i := range contents {
		props := identified(strconv.Itoa(i))
		contents[i] = amqp.NewContent(props.Append(nil), nil)
	}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		if id, ok := d.identify(&contents[i]); !ok || d.drops(id, 0) {
			b.Fatal("it is none that is known")
		}
		i = (i + 1) % len(contents)
	}
}

func BenchmarkFingerprints(b *testing.B) {
	set := fingerprints{most: 100_000}
	b.ReportAllocs()
	i := 0
	for b.Loop() {
		f := fingerprint{byte(i), byte(i >> 8), byte(i >> 16), byte(i >> 24)}
		if !set.has(f, 0) {
			set.add(f, 0)
		}
		i++
	}
}
