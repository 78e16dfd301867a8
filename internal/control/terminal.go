package control

import (
	"fmt"
	"io"
	"os"
	"strings"
	"unicode"
)

// isTerminal tells whether somebody looks at what is written.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// Visible is what writes text with names that anybody may have chosen. A terminal
// does not get their control characters, which it would obey; scripts do.
func Visible(w io.Writer) io.Writer {
	if isTerminal(w) {
		return visible{w}
	}
	return w
}

type visible struct{ io.Writer }

// Write implements io.Writer.
func (v visible) Write(b []byte) (int, error) {
	if _, err := io.WriteString(v.Writer, shown(string(b))); err != nil {
		return 0, err
	}
	return len(b), nil
}

// shown is a text in which control characters stand as Go writes them, but for
// tabs and ends of lines.
func shown(text string) string {
	if !strings.ContainsFunc(text, isControl) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if isControl(r) {
			fmt.Fprintf(&b, "\\x%02x", r)
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

func isControl(r rune) bool { return unicode.IsControl(r) && r != '\t' && r != '\n' }
