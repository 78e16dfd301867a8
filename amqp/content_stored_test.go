package amqp

import (
	"bytes"
	"testing"
)

// What is loaded is the content that was stored, whatever form it had.
func TestAStoredContentIsLoadedAsItWas(t *testing.T) {
	p := Properties((&BasicProperties{ContentType: "t", DeliveryMode: 2, Headers: oneOfEach}).Append(nil))
	for _, size := range contentSizes {
		body := patterned(size)
		for name, c := range contents(t, p, body) {
			before := bytes.Clone(c.frames)
			b := c.AppendStored([]byte("prefix"))[len("prefix"):]
			if !bytes.Equal(c.frames, before) {
				t.Fatalf("%d bytes, %s: storing changes the content", size, name)
			}
			if len(b) != c.StoredSize() {
				t.Errorf("%d bytes, %s: stored in %d bytes, not %d", size, name, len(b), c.StoredSize())
			}
			got, err := LoadContent(b)
			if err != nil || !bytes.Equal(got.Body(), body) || !bytes.Equal(got.Properties(), p) {
				t.Errorf("%d bytes, %s: loaded %d bytes of body, properties %q, %v", size, name, len(got.Body()), got.Properties(), err)
				continue
			}
			if (got.large != nil) != (c.large != nil) || (size > 0 && &got.Body()[size-1] != &b[len(b)-1-trailing(&got)]) {
				t.Errorf("%d bytes, %s: loaded in another form, or copied", size, name)
			}
			if again := got.AppendStored(nil); !bytes.Equal(again, b) {
				t.Errorf("%d bytes, %s: stored again with other bytes", size, name)
			}
		}
	}
}

// trailing is what follows the body in the memory of the content.
func trailing(c *Content) int {
	if c.large != nil {
		return 0
	}
	return 1
}

// The bytes stored do not depend on the channel by which a content came.
func TestAContentIsStoredAlikeFromEveryChannel(t *testing.T) {
	var stored [2][]byte
	for i, channel := range []uint16{1, 2047} {
		b := AppendContentHeader(nil, channel, 4, Properties{0, 0})
		b = AppendFrame(b, FrameBody, channel, []byte("body"))
		stored[i] = (&Content{frames: b}).AppendStored(nil)
	}
	if !bytes.Equal(stored[0], stored[1]) {
		t.Errorf("% x and % x", stored[0], stored[1])
	}
}

func TestWhatIsNoStoredContentIsAnError(t *testing.T) {
	small, large := NewContent(Properties{0, 0}, []byte("body")), NewContent(Properties{0, 0}, patterned(5000))
	for name, good := range map[string][]byte{"small": small.AppendStored(nil), "large": large.AppendStored(nil)} {
		for n := range len(good) {
			if _, err := LoadContent(good[:n]); err == nil {
				t.Fatalf("%s: the first %d of %d bytes are loaded", name, n, len(good))
			}
		}
		if _, err := LoadContent(append(bytes.Clone(good), 0)); err == nil {
			t.Errorf("%s: more bytes are loaded", name)
		}
	}
	good := small.AppendStored(nil)
	for i := range len(good) - len("body") - 1 {
		bad := bytes.Clone(good)
		bad[i] ^= 0x81
		if _, err := LoadContent(bad); err == nil {
			t.Errorf("octet %d may be anything", i)
		}
	}
}

// FuzzStoredContent: what loads is stored as the same bytes.
func FuzzStoredContent(f *testing.F) {
	for _, size := range []int{0, 1, 5000} {
		c := NewContent((&BasicProperties{DeliveryMode: 2, Headers: oneOfEach}).Append(nil), patterned(size))
		f.Add(c.AppendStored(nil))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, err := LoadContent(b)
		if err != nil {
			return
		}
		if again := c.AppendStored(nil); !bytes.Equal(again, b) {
			t.Fatalf("% x became % x", b, again)
		}
		if err := c.Properties().Check(); err != nil {
			t.Fatal(err)
		}
		_ = c.Body()
	})
}
