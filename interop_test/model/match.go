package model

import (
	"slices"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// matches tells whether a binding of an exchange lets a message through, whose
// routing keys are keys.
func (b binding) matches(kind string, keys []string, headers amqp.Table) bool {
	switch kind {
	case "direct":
		return slices.Contains(keys, b.key)
	case "fanout":
		return true
	case "topic":
		return slices.ContainsFunc(keys, func(key string) bool { return topic(words(b.key), words(key)) })
	default:
		return headersMatch(b.args, headers)
	}
}

// words are those of a topic: none in the empty one (XTYP-05), two in "."
// (XTYP-07).
func words(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ".")
}

// topic is XTYP-04 to XTYP-13.
func topic(pattern, key []string) bool {
	switch {
	case len(pattern) == 0:
		return len(key) == 0
	case pattern[0] == "#":
		return topic(pattern[1:], key) || len(key) > 0 && topic(pattern, key[1:])
	case len(key) == 0:
		return false
	}
	return (pattern[0] == "*" || pattern[0] == key[0]) && topic(pattern[1:], key[1:])
}

// headersMatch is XTYP-16 to XTYP-24.
func headersMatch(args, headers amqp.Table) bool {
	how, _ := args.Get("x-match")
	anyOf := how == "any" || how == "any-with-x"
	withX := how == "all-with-x" || how == "any-with-x"
	for _, f := range args {
		if f.Key == "x-match" || strings.HasPrefix(f.Key, "x-") && !withX {
			continue
		}
		v, present := headers.Get(f.Key)
		if equal := present && (f.Value == nil || sameValue(f.Value, v)); equal == anyOf {
			return anyOf
		}
	}
	return !anyOf
}

// checkMatch is XTYP-25.
func checkMatch(kind string, args amqp.Table) *refusal {
	how, ok := args.Get("x-match")
	if kind != "headers" || !ok || slices.Contains([]any{"all", "any", "all-with-x", "any-with-x"}, how) {
		return nil
	}
	return refuse(406, `Invalid x-match field value <<"%s">>; expected all, any, all-with-x, or any-with-x`, how)
}

// sameValue compares integers of any width by their value, and all else as it is.
func sameValue(a, b any) bool {
	i, aInt := integer(a)
	j, bInt := integer(b)
	if aInt && bInt {
		return i == j
	}
	return a == b
}

func integer(v any) (int64, bool) {
	switch v := v.(type) {
	case int8:
		return int64(v), true
	case int32:
		return int64(v), true
	case int:
		return int64(v), true
	case int64:
		return v, true
	}
	return 0, false
}
