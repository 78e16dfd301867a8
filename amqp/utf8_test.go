package amqp

import "testing"

func TestTheShapeOfUTF8IsWhatMatters(t *testing.T) { // FRM-10
	for s, want := range map[string]bool{
		"":                         true,
		"plain":                    true,
		"\xC3\xA4":                 true,
		"\xED\xA0\x80":             true, // a surrogate
		"\xF4\x90\x80\x80":         true, // beyond Unicode
		"\xFC\x84\x80\x80\x80\x80": true, // six bytes
		"\xC0\x80":                 false,
		"\xE0\x80\x80":             false,
		"\xC3":                     false,
		"a\x80":                    false,
		"\xFE\x80":                 false,
		"\xC3a":                    false,
	} {
		if got := wellFormed([]byte(s)); got != want {
			t.Errorf("% x: %v, want %v", s, got, want)
		}
	}
}
