package oracle

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// parseTable reads {key=value key=value}; see parseField for the values.
func parseTable(s string) (amqp.Table, error) {
	inner, ok := between(s, "{", "}")
	if !ok {
		return nil, fmt.Errorf("%s is not a table", s)
	}
	words, err := splitWords(inner)
	if err != nil {
		return nil, err
	}
	t := amqp.Table{}
	for _, w := range words {
		key, value, ok := cutField(w)
		if !ok {
			return nil, fmt.Errorf("%s is not key=value", w)
		}
		v, err := parseField(value)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", key, err)
		}
		t = append(t, amqp.Field{Key: key, Value: v})
	}
	return t, nil
}

// cutField cuts key=value where the key may be quoted.
func cutField(w string) (key, value string, ok bool) {
	if strings.HasPrefix(w, `"`) {
		n, err := quotedEnd(w)
		if err != nil || n >= len(w) || w[n] != '=' {
			return "", "", false
		}
		key, err = strconv.Unquote(w[:n])
		return key, w[n+1:], err == nil
	}
	return strings.Cut(w, "=")
}

// parseField reads one field value: "text" (or text+text as parseText) is a
// long string, true and false are booleans, void is V, {...} a table, [...] an
// array, and everything else names its tag: I:5 d:1.5 x:"ab" D:2/314 T:1700000000.
func parseField(s string) (any, error) {
	switch {
	case s == "true" || s == "false":
		return s == "true", nil
	case s == "void":
		return nil, nil
	case strings.HasPrefix(s, "{"):
		return parseTable(s)
	case strings.HasPrefix(s, "["):
		return parseArray(s)
	}
	if len(s) > 2 && s[1] == ':' {
		return parseTagged(s[0], s[2:])
	}
	return parseText(s)
}

func parseArray(s string) (amqp.Array, error) {
	inner, ok := between(s, "[", "]")
	if !ok {
		return nil, fmt.Errorf("%s is not an array", s)
	}
	words, err := splitWords(inner)
	if err != nil {
		return nil, err
	}
	a := amqp.Array{}
	for _, w := range words {
		v, err := parseField(w)
		if err != nil {
			return nil, err
		}
		a = append(a, v)
	}
	return a, nil
}

func parseTagged(tag byte, s string) (any, error) {
	switch tag {
	case 'x':
		text, err := parseText(s)
		return []byte(text), err
	case 'f':
		v, err := strconv.ParseFloat(s, 32)
		return float32(v), err
	case 'd':
		return strconv.ParseFloat(s, 64)
	case 'D':
		return parseDecimal(s)
	}
	return parseInteger(tag, s)
}

func parseInteger(tag byte, s string) (any, error) {
	if tag == 'T' {
		v, err := strconv.ParseUint(s, 10, 64)
		return amqp.Timestamp(v), err
	}
	v, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return nil, err
	}
	switch tag {
	case 'b':
		return int8(v), nil
	case 'B':
		return uint8(v), nil
	case 's':
		return int16(v), nil
	case 'u':
		return uint16(v), nil
	case 'I':
		return int32(v), nil
	case 'i':
		return uint32(v), nil
	case 'l':
		return v, nil
	}
	return nil, fmt.Errorf("unknown tag %c", tag)
}

func parseDecimal(s string) (amqp.Decimal, error) {
	scale, value, _ := strings.Cut(s, "/")
	n, err := strconv.ParseUint(scale, 10, 8)
	if err != nil {
		return amqp.Decimal{}, err
	}
	v, err := strconv.ParseUint(value, 10, 32)
	return amqp.Decimal{Scale: uint8(n), Value: uint32(v)}, err
}

// printTable writes t as parseTable reads it.
func printTable(t amqp.Table) string {
	fields := make([]string, len(t))
	for i, f := range t {
		key := f.Key
		if !bareText.MatchString(key) {
			key = strconv.Quote(key)
		}
		fields[i] = key + "=" + printField(f.Value)
	}
	return "{" + strings.Join(fields, " ") + "}"
}

var integerTags = map[string]string{
	"int8": "b", "uint8": "B", "int16": "s", "uint16": "u", "int32": "I", "uint32": "i",
	"int64": "l", "float32": "f", "float64": "d",
}

func printField(v any) string {
	switch v := v.(type) {
	case nil:
		return "void"
	case bool:
		return strconv.FormatBool(v)
	case string:
		return strconv.Quote(v)
	case []byte:
		return "x:" + strconv.Quote(string(v))
	case amqp.Table:
		return printTable(v)
	case amqp.Array:
		return printArray(v)
	case amqp.Timestamp:
		return fmt.Sprintf("T:%d", uint64(v))
	case amqp.Decimal:
		return fmt.Sprintf("D:%d/%d", v.Scale, v.Value)
	}
	return fmt.Sprintf("%s:%v", integerTags[fmt.Sprintf("%T", v)], v)
}

func printArray(a amqp.Array) string {
	values := make([]string, len(a))
	for i, v := range a {
		values[i] = printField(v)
	}
	return "[" + strings.Join(values, " ") + "]"
}

func between(s, open, end string) (string, bool) {
	s, ok := strings.CutPrefix(s, open)
	if !ok {
		return "", false
	}
	return strings.CutSuffix(s, end)
}
