package amqp

import (
	"bytes"
	"fmt"
	"maps"
	"testing"
)

// contents are the same content in all the forms that one can take.
func contents(t *testing.T, p Properties, body []byte) map[string]Content {
	forms := map[string]Content{
		"made":                NewContent(p, body),
		"received":            assemble(t, p, body),
		"received in pieces":  assemble(t, p, body, len(body)/3, len(body)/3),
		"received byte first": assemble(t, p, body, 1),
	}
	b := AppendContentHeader(nil, 1, uint64(len(body)), p)
	if len(body) > 0 {
		b = AppendFrame(b, FrameBody, 1, body)
	}
	if n := wholeContent(b, 1, 131072); n > 0 {
		forms["as it stands"] = Content{frames: b[:n:n]}
	}
	for name, c := range maps.Clone(forms) {
		kept, dst := c.Keep(make([]byte, 0, c.KeepSize()))
		if len(dst) != c.KeepSize() {
			t.Errorf("%s: Keep copies %d bytes, KeepSize is %d", name, len(dst), c.KeepSize())
		}
		forms[name+", kept"] = kept
	}
	return forms
}

var contentSizes = []int{0, 1, 4087, 4088, 4089, 32767, 32768, 32769, 131064, 300000}

func TestContentIsWhatItWasMadeOf(t *testing.T) {
	for _, size := range contentSizes {
		for _, p := range []Properties{{0, 0}, (&BasicProperties{ContentType: "t", MessageID: "m"}).Append(nil)} {
			body := patterned(size)
			for name, c := range contents(t, p, body) {
				if !bytes.Equal(c.Body(), body) || !bytes.Equal(c.Properties(), p) {
					t.Errorf("%d bytes, %s: %d bytes of body, properties %q", size, name, len(c.Body()), c.Properties())
				}
			}
		}
	}
}

// Kept contents share no memory with the read buffer, nor with each other's
// bytes.
func TestKeptContentStays(t *testing.T) {
	var slab []byte
	var kept []Content
	for i := range 100 {
		body := []byte(fmt.Sprint("message ", i))
		b := AppendContentHeader(nil, 1, uint64(len(body)), Properties{0, 0})
		b = AppendFrame(b, FrameBody, 1, body)
		c := Content{frames: b}
		if slab == nil {
			slab = make([]byte, 0, 100*(c.KeepSize()+1))
		}
		var k Content
		k, slab = c.Keep(slab)
		kept = append(kept, k)
		clear(b)
	}
	for i, k := range kept {
		if want := fmt.Sprint("message ", i); string(k.Body()) != want {
			t.Errorf("got %q, want %q", k.Body(), want)
		}
		if cap(k.frames) != len(k.frames) {
			t.Errorf("content %d could grow into the next one", i)
		}
	}
}

// The shortcut for whole contents takes what the frame by frame way would
// take, or leaves it.
func TestWholeContentTakesOnlyWholeContents(t *testing.T) {
	body := []byte("0123456789")
	header := AppendContentHeader(nil, 7, uint64(len(body)), Properties{0, 0})
	whole := AppendFrame(bytes.Clone(header), FrameBody, 7, body)
	if n := wholeContent(whole, 7, 131072); n != len(whole) {
		t.Fatalf("a whole content is not taken: %d", n)
	}
	if n := wholeContent(append(bytes.Clone(whole), whole...), 7, 131072); n != len(whole) {
		t.Errorf("of two contents %d bytes are taken, want %d", n, len(whole))
	}
	for n := range whole {
		if wholeContent(whole[:n], 7, 131072) != 0 {
			t.Errorf("%d of %d bytes are taken", n, len(whole))
		}
	}
	for i := range whole {
		inBody, inProperties := i >= len(header)+frameHeaderSize && i < len(whole)-1, i == len(header)-3 || i == len(header)-2
		for _, flip := range []byte{1, 0x80, 0xff} {
			changed := bytes.Clone(whole)
			changed[i] ^= flip
			if taken := wholeContent(changed, 7, 131072) != 0; taken != (inBody || inProperties) {
				t.Errorf("with octet %d as %#x: taken %t", i, changed[i], taken)
			}
		}
	}
	empty := AppendContentHeader(nil, 7, 0, Properties{0, 0})
	if n := wholeContent(append(bytes.Clone(empty), whole...), 7, 131072); n != len(empty) {
		t.Errorf("of an empty content and another %d bytes are taken, want %d", n, len(empty))
	}
	split := AppendFrame(AppendFrame(bytes.Clone(header), FrameBody, 7, body[:5]), FrameBody, 7, body[5:])
	if wholeContent(split, 7, 131072) != 0 {
		t.Error("a body in two frames is taken")
	}
}

func TestContentTakesOtherProperties(t *testing.T) {
	p, other := Properties{0, 0}, Properties((&BasicProperties{ReplyTo: "somewhere"}).Append(nil))
	for _, size := range contentSizes {
		body := patterned(size)
		for name, c := range contents(t, p, body) {
			n := c.WithProperties(other)
			if !bytes.Equal(n.Body(), body) || !bytes.Equal(n.Properties(), other) || !bytes.Equal(c.Properties(), p) {
				t.Errorf("%d bytes, %s: %d bytes of body, properties %q", size, name, len(n.Body()), n.Properties())
			}
			if kept, _ := n.Keep(make([]byte, 0, n.KeepSize())); !bytes.Equal(kept.Body(), body) {
				t.Errorf("%d bytes, %s: kept %d", size, name, len(kept.Body()))
			}
		}
	}
}
