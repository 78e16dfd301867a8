package oracle

import (
	"fmt"
	"strings"
)

// splitWords cuts a line at the spaces that stand outside quotes, braces and
// brackets.
func splitWords(line string) ([]string, error) {
	var words []string
	for rest := strings.TrimLeft(line, " "); rest != ""; rest = strings.TrimLeft(rest, " ") {
		n, err := wordEnd(rest)
		if err != nil {
			return nil, err
		}
		words = append(words, rest[:n])
		rest = rest[n:]
	}
	return words, nil
}

// wordEnd returns the length of the word that s begins with.
func wordEnd(s string) (int, error) {
	depth := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			n, err := quotedEnd(s[i:])
			if err != nil {
				return 0, err
			}
			i += n - 1
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		case ' ':
			if depth == 0 {
				return i, nil
			}
		}
	}
	if depth != 0 {
		return 0, fmt.Errorf("unbalanced brackets in %q", s)
	}
	return len(s), nil
}

// quotedEnd returns the length of the quoted string that s begins with.
func quotedEnd(s string) (int, error) {
	for i := 1; i < len(s); i++ {
		switch s[i] {
		case '\\':
			i++
		case '"':
			return i + 1, nil
		}
	}
	return 0, fmt.Errorf("unfinished string in %q", s)
}

// splitOutside cuts s at every sep that stands outside quotes.
func splitOutside(s string, sep byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case '"':
			if n, err := quotedEnd(s[i:]); err == nil {
				i += n - 1
			}
		case sep:
			parts = append(parts, s[start:i])
			start = i + 1
		}
	}
	return append(parts, s[start:])
}

// keyValue cuts a word of the form key=value.
func keyValue(word string) (key, value string, ok bool) {
	i := strings.IndexByte(word, '=')
	if i <= 0 || strings.ContainsAny(word[:i], "\"{[+*") {
		return "", "", false
	}
	return word[:i], word[i+1:], true
}
