package raw

import (
	"bytes"
	"testing"
)

func TestMemoryIsOnesOwn(t *testing.T) {
	var all [][]byte
	for i := range 256 {
		b := Bytes(1 + i*1000)
		if len(b) != 1+i*1000 || cap(b) != len(b) {
			t.Fatalf("length %d, capacity %d, want %d", len(b), cap(b), 1+i*1000)
		}
		for j := range b {
			b[j] = byte(i)
		}
		all = append(all, b)
	}
	for i, b := range all {
		if !bytes.Equal(b, bytes.Repeat([]byte{byte(i)}, len(b))) {
			t.Fatalf("memory of %d bytes was changed by another", len(b))
		}
	}
}
