package amqp

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
)

// contentHeader is the payload of a content header frame.
func contentHeader(size uint64, p Properties) []byte {
	f := AppendContentHeader(nil, 1, size, p)
	return f[frameHeaderSize : len(f)-1]
}

func patterned(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}

// assemble gives an assembler a body in pieces of the given sizes and what is
// left in one. Every second piece is read to its place.
func assemble(t *testing.T, properties Properties, body []byte, pieces ...int) Content {
	t.Helper()
	var a assembler
	a.begin(&BasicPublish{})
	if err := a.header(FrameHeader, contentHeader(uint64(len(body)), properties), 1<<30, 1); err != nil {
		t.Fatal(err)
	}
	rest := body
	for i, n := range append(pieces, math.MaxInt) {
		if len(rest) == 0 {
			break
		}
		if _, ok := a.complete(); ok {
			t.Fatalf("complete with %d of %d bytes", len(body)-len(rest), len(body))
		}
		n = min(n, len(rest))
		if i%2 == 0 {
			a.body(rest[:n])
		} else if !a.fits(n) || copy(a.space(n), rest[:n]) != n {
			t.Fatalf("no space for %d bytes behind %d", n, len(body)-len(rest))
		}
		rest = rest[n:]
	}
	content, ok := a.complete()
	if !ok {
		t.Fatalf("not complete with all of %d bytes", len(body))
	}
	return content
}

func TestAssemblerJoinsPieces(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, size := range []int{0, 1, 2, 100, 4087, 4088, 4089, 10000, 32768, 32769, 1 << 20, 1<<20 + 1, 3 << 20} {
		body := patterned(size)
		for round := range 20 {
			var pieces []int
			for range random.IntN(8) {
				pieces = append(pieces, random.IntN(size/4+2))
			}
			properties := (&BasicProperties{MessageID: fmt.Sprint(round)}).Append(nil)
			content := assemble(t, properties, body, pieces...)
			if !bytes.Equal(content.Body(), body) || !bytes.Equal(content.Properties(), properties) {
				t.Fatalf("%d bytes in pieces of %v do not come out as they went in", size, pieces)
			}
			if n := content.Size(); n < size || n > size+200 {
				t.Errorf("a body of %d bytes occupies %d", size, n)
			}
		}
	}
}

// FRM-19: a body that is longer than declared is never complete.
func TestAssemblerNeverCompletesALongBody(t *testing.T) {
	for _, size := range []uint64{1, 4088, 100000} {
		for _, more := range []int{1, 50000} {
			var a assembler
			a.begin(&BasicPublish{})
			if err := a.header(FrameHeader, contentHeader(size, Properties{0, 0}), 1<<30, 1); err != nil {
				t.Fatal(err)
			}
			a.body(make([]byte, size-1))
			a.body(make([]byte, 1+more))
			for range 3 {
				if _, ok := a.complete(); ok {
					t.Errorf("%d bytes and %d more are complete", size, more)
				}
				if a.fits(0) || a.fits(1) || a.space(1) != nil {
					t.Errorf("there is space behind %d bytes and %d more", size, more)
				}
			}
		}
	}
}

// FRM-26: of a body that is too large nothing is kept, and its end is noticed.
func TestAssemblerCountsABodyThatIsTooLarge(t *testing.T) {
	for _, size := range []uint64{11, 4088, 4089, 1 << 20} {
		var a assembler
		a.begin(&BasicPublish{})
		if err := a.header(FrameHeader, contentHeader(size, Properties{0, 0}), 10, 1); err != nil {
			t.Fatal(err)
		}
		for left := size; left > 0; {
			if _, ok := a.complete(); ok || a.fits(1) {
				t.Fatalf("%d bytes are complete or kept with %d to come", size, left)
			}
			n := min(left, 1000)
			a.body(make([]byte, n))
			left -= n
		}
		if _, ok := a.complete(); !ok {
			t.Errorf("%d bytes are not complete", size)
		}
		if n := cap(a.memory); n > 0 {
			t.Errorf("%d bytes of memory for a body of %d that is not kept", n, size)
		}
	}
}

// What a header declares takes no memory; it comes with the body, at most
// twice as much as that.
func TestAssemblerDoesNotBelieveTheHeader(t *testing.T) {
	piece := make([]byte, 4088)
	for _, size := range []uint64{1 << 20, 128 << 20, 1 << 40, 1 << 63, math.MaxUint64} {
		for _, channels := range []int{1, 100, 2047} {
			var a assembler
			a.begin(&BasicPublish{})
			if err := a.header(FrameHeader, contentHeader(size, Properties{0, 0}), math.MaxUint64, channels); err != nil {
				t.Fatal(err)
			}
			if n := cap(a.frames) + cap(a.memory); n > 4096 {
				t.Errorf("a header that declares %d bytes takes %d", size, n)
			}
			least := min(firstPiece, 2*firstPieces/channels)
			for got := len(piece); got < 1<<20; got += len(piece) {
				a.body(piece)
				if n := cap(a.memory); n > max(2*got, least, 16<<10) {
					t.Fatalf("%d of %d bytes take %d on one of %d channels", got, size, n, channels)
				}
			}
		}
	}
}

// FRM-15 to FRM-17
func TestAssemblerWantsAHeaderOfItsClass(t *testing.T) {
	whole := contentHeader(5, Properties{0, 0})
	changed := func(i int, b byte) []byte {
		c := bytes.Clone(whole)
		c[i] = b
		return c
	}
	for name, tt := range map[string]struct {
		kind    FrameType
		payload []byte
		ok      bool
	}{
		"header":        {FrameHeader, whole, true},
		"method":        {FrameMethod, whole, false},
		"body":          {FrameBody, whole, false},
		"another class": {FrameHeader, changed(1, 50), false},
		"weight":        {FrameHeader, changed(3, 1), false},
		"high weight":   {FrameHeader, changed(2, 1), false},
		"short":         {FrameHeader, whole[:11], false},
		"empty":         {FrameHeader, nil, false},
	} {
		var a assembler
		a.begin(&BasicPublish{})
		err := a.header(tt.kind, tt.payload, 1<<20, 1)
		if (err == nil) != tt.ok {
			t.Errorf("%s: %v", name, err)
		}
		if _, ok := a.complete(); ok {
			t.Errorf("%s: complete without a body", name)
		}
	}
}
