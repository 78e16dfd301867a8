package control

import (
	"bytes"
	"testing"
)

// A name does not tell a terminal what to do.
func TestControlCharactersAreShown(t *testing.T) {
	for text, want := range map[string]string{
		"name\tä\n":                  "name\tä\n",
		"\x1b]0;title\a\r\x7f\u009b": `\x1b]0;title\x07\x0d\x7f\x9b`,
	} {
		var b bytes.Buffer
		n, err := visible{&b}.Write([]byte(text))
		if err != nil || n != len(text) || b.String() != want {
			t.Errorf("%q is shown as %q, %d bytes, %v", text, b.String(), n, err)
		}
	}
	var b bytes.Buffer
	if Visible(&b) != &b {
		t.Error("scripts do not get what RabbitMQ's tools write")
	}
}
