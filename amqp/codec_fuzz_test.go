package amqp

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"
)

// goldenPayloads gives the payloads of real clients' frames as seeds.
func goldenPayloads(f *testing.F, kind FrameType, skip int) {
	paths, err := filepath.Glob("testdata/golden/*.txt")
	if err != nil || len(paths) == 0 {
		f.Fatal("no golden frames", err)
	}
	for _, path := range paths {
		for _, g := range readGolden(f, path) {
			if FrameType(g.frame[0]) == kind {
				f.Add(g.frame[frameHeaderSize+skip : len(g.frame)-1])
			}
		}
	}
}

// FuzzMethod: what decodes is encoded so that it decodes to the same, and an
// error is one for the peer.
func FuzzMethod(f *testing.F) {
	goldenPayloads(f, FrameMethod, 0)
	f.Add([]byte("\x00\x32"))
	f.Add([]byte("\x00\x63\x00\x0a"))
	f.Add([]byte("\x00\x14\x00\x0a\x01\xff"))
	f.Fuzz(func(t *testing.T, payload []byte) {
		m, err := DecodeMethod(payload)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) || !e.IsHard() || len(e.ReplyText()) > maxShortstr {
				t.Fatalf("%v", err)
			}
			return
		}
		once := payloadOf(m)
		again, err := DecodeMethod(once)
		if err != nil || !bytes.Equal(payloadOf(again), once) {
			t.Fatalf("% x became % x, %v", payload, once, err)
		}
	})
}

// FuzzTable: the check that builds nothing and the decoder agree, and what
// decodes is encoded so that it decodes to the same.
func FuzzTable(f *testing.F) {
	f.Add(AppendTable(nil, oneOfEach))
	f.Add(AppendTable(nil, nil))
	f.Add(tableOf("k", "A\x00\x00\x00\x05A\x00\x00\x00\x00"))
	f.Add(tableOf("k", "S\xff\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, src []byte) {
		table, rest, err := DecodeTable(src)
		if good := skipped(&reader{src: src[:len(src)-len(rest)]}); good != (err == nil) {
			t.Fatalf("checked %t, decoded %v", good, err)
		}
		if err != nil {
			return
		}
		once := AppendTable(nil, table)
		again, rest, err := DecodeTable(once)
		if err != nil || len(rest) > 0 || !bytes.Equal(AppendTable(nil, again), once) {
			t.Fatalf("% x became % x, %q, %v", src, once, rest, err)
		}
		if table.Canonical() != again.Canonical() || !Equal(table, again) || !Equivalent(table, again) {
			t.Fatalf("%v is not itself", table)
		}
		_ = FormatValue(table)
	})
}

// FuzzProperties: what passes the check can be read and is kept.
func FuzzProperties(f *testing.F) {
	goldenPayloads(f, FrameHeader, contentHeaderSize)
	f.Add(every.Append(nil))
	f.Add([]byte("\x00\x01\x00\x00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		p := Properties(b)
		_, _, _ = p.Headers()
		_, _ = p.ClusterID()
		all, err := p.Decode()
		if err != nil {
			return
		}
		once := Properties(all.Append(nil))
		again, err := once.Decode()
		if err != nil || !bytes.Equal(again.Append(nil), once) {
			t.Fatalf("% x became % x, %v", b, once, err)
		}
	})
}

// FuzzSASL: a response is accepted only if it is what its parts make up.
func FuzzSASL(f *testing.F) {
	f.Add([]byte("\x00guest\x00guest"))
	f.Add(appendTableBody(nil, Table{{"LOGIN", "guest"}, {"PASSWORD", "guest"}}))
	f.Fuzz(func(t *testing.T, response []byte) {
		if user, password, err := ParsePlain(response); err == nil && "\x00"+user+"\x00"+password != string(response) {
			t.Fatalf("%q: %q, %q", response, user, password)
		}
		if user, password, err := ParseAMQPlain(response); err == nil {
			table, _, err := DecodeTable(appendLongstr(nil, response))
			login, _ := table.Get("LOGIN")
			secret, _ := table.Get("PASSWORD")
			if err != nil || !Equal(login, user) || !Equal(secret, password) {
				t.Fatalf("%q: %q, %q, %v", response, user, password, err)
			}
		}
	})
}
