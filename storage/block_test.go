package storage

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func drawItems(t *rapid.T) (items []blockItem) {
	var seq uint64
	segment := rapid.Uint32Range(1, 1<<31).Draw(t, "segment")
	for range rapid.IntRange(1, 50).Draw(t, "items") {
		size := rapid.SampledFrom([]uint32{0, 7, 7, 1 << 20}).Draw(t, "size")
		seq += rapid.SampledFrom([]uint64{1, 1, 1, 2, 1 << 40}).Draw(t, "gap")
		items = append(items, blockItem{Item{
			Seq:         seq,
			Place:       placeAt(segment, rapid.Int64Range(0, maxRecord).Draw(t, "offset")),
			Expires:     rapid.SampledFrom([]int64{0, 0, 1, 1800000000000, math.MaxInt64}).Draw(t, "expires"),
			Size:        size,
			Head:        min(size, rapid.SampledFrom([]uint32{0, 7, 7, 30000, math.MaxUint32}).Draw(t, "head")),
			Deliveries:  rapid.SampledFrom([]uint16{0, 0, 1, math.MaxUint16}).Draw(t, "deliveries"),
			Priority:    rapid.SampledFrom([]uint8{0, 0, 9, 255}).Draw(t, "priority"),
			Redelivered: rapid.Bool().Draw(t, "redelivered"),
		}, rapid.Bool().Draw(t, "shared")})
	}
	return items
}

func TestBlockKeepsItems(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		items := drawItems(t)
		b := encodeBlock(items)
		got, err := decodeBlock(nil, b)
		if err != nil || !slices.Equal(got, items) {
			t.Fatalf("%v: got %v, want %v", err, got, items)
		}
		for cut := range b {
			if _, err := decodeBlock(nil, b[:cut]); err == nil {
				t.Fatalf("%d bytes of %d are a block", cut, len(b))
			}
		}
	})
}

func FuzzDecodeBlock(f *testing.F) {
	f.Add(encodeBlock([]blockItem{{Item: Item{Seq: 5, Place: placeAt(3, 4096), Size: 10}}}))
	f.Fuzz(func(t *testing.T, b []byte) {
		items, err := decodeBlock(nil, b)
		if err != nil {
			return
		}
		if again, err := decodeBlock(nil, encodeBlock(items)); err != nil || !slices.Equal(again, items) {
			t.Fatalf("%v: %v, then %v", err, items, again)
		}
	})
}

func TestBlockOfLikeItemsIsSmall(t *testing.T) {
	var items []blockItem
	at := int64(4096)
	for i := range uint64(blockLimit) {
		items = append(items, blockItem{Item: Item{Seq: i + 1, Place: placeAt(9, at), Size: 1000}})
		at += blobHead + 1000
	}
	if n := len(encodeBlock(items)); n > blockLimit+100 {
		t.Errorf("%d bytes", n)
	}
}
