package config

import (
	"fmt"
	"strings"
)

// A term of Erlang, as far as files of configuration have them: an atom or a
// number as it is written, a quoted text, a list or a tuple.
type term struct {
	line  int
	text  string
	quote rune   // ' of an atom, " of a text or binary, 0 for the rest
	open  rune   // [ or {, of a list or a tuple
	items []term // of it
}

// termReader reads terms. Comments begin with %.
type termReader struct {
	text  string
	line  int
	depth int
	err   error
}

// maxTerms bounds how deep terms are within terms.
const maxTerms = 100

// readTerm reads the one term of a file, which a dot ends.
func readTerm(text string) (term, error) {
	r := &termReader{text: text, line: 1}
	t := r.term()
	if r.err == nil && !r.skip(".") {
		r.fail("want a dot at the end")
	}
	r.space()
	if r.err == nil && r.text != "" {
		r.fail("want nothing after the dot")
	}
	return t, r.err
}

func (r *termReader) fail(want string) {
	if r.err == nil {
		r.err = fmt.Errorf("%d: %s", r.line, want)
	}
	r.text = ""
}

// space passes over white space and comments.
func (r *termReader) space() {
	for r.text != "" {
		switch r.text[0] {
		case '%':
			_, r.text, _ = strings.Cut(r.text, "\n")
			r.line++
		case '\n':
			r.line++
			r.text = r.text[1:]
		case ' ', '\t', '\r':
			r.text = r.text[1:]
		default:
			return
		}
	}
}

// skip passes over a token if it is next.
func (r *termReader) skip(token string) bool {
	r.space()
	rest, ok := strings.CutPrefix(r.text, token)
	r.text = rest
	return ok
}

func (r *termReader) term() term {
	r.space()
	t := term{line: r.line}
	switch {
	case r.text == "":
		r.fail("want a term of Erlang")
	case r.skip("["):
		t.open, t.items = '[', r.items("]")
	case r.skip("{"):
		t.open, t.items = '{', r.items("}")
	case r.skip("<<"):
		if !r.skip(">>") { // an empty one
			t.quote, t.text = '"', r.quoted('"')
			if !r.skip(">>") {
				r.fail("want a binary that is one text")
			}
		} else {
			t.quote = '"'
		}
	case r.text[0] == '"', r.text[0] == '\'':
		t.quote = rune(r.text[0])
		t.text = r.quoted(t.quote)
	default:
		n := strings.IndexFunc(r.text, func(c rune) bool {
			return !strings.ContainsRune("+-._@", c) && !('0' <= c && c <= '9') && !('a' <= c && c <= 'z') && !('A' <= c && c <= 'Z')
		})
		if n < 0 {
			n = len(r.text)
		}
		t.text = strings.TrimRight(r.text[:n], ".")
		r.text = r.text[len(t.text):]
		if t.text == "" {
			r.fail("want a term of Erlang")
		}
	}
	return t
}

// items are those of a list or a tuple up to its end.
func (r *termReader) items(end string) (items []term) {
	if r.depth++; r.depth > maxTerms {
		r.fail(fmt.Sprintf("want terms at most %d deep", maxTerms))
	}
	defer func() { r.depth-- }()
	if r.skip(end) {
		return nil
	}
	for r.err == nil {
		items = append(items, r.term())
		switch {
		case r.skip(end):
			return items
		case !r.skip(","):
			r.fail("want , or " + end)
		}
	}
	return nil
}

// quoted reads up to the closing quote.
func (r *termReader) quoted(quote rune) string {
	var b strings.Builder
	r.space()
	if r.text == "" || rune(r.text[0]) != quote {
		r.fail(fmt.Sprintf("want %c", quote))
		return ""
	}
	for i := 1; i < len(r.text); i++ {
		switch c := r.text[i]; {
		case rune(c) == quote:
			r.text = r.text[i+1:]
			return b.String()
		case c == '\\' && i+1 < len(r.text):
			i++
			b.WriteByte(r.text[i])
		default:
			if c == '\n' {
				r.line++
			}
			b.WriteByte(c)
		}
	}
	r.fail(fmt.Sprintf("want a closing %c", quote))
	return ""
}
