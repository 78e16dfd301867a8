package exchange

import (
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// A routing script is a text of one command a line:
//
//	exchange TYPE [ARG=VALUE...]         a new exchange, without bindings
//	bind QUEUE KEY [ARG=VALUE...]
//	unbind QUEUE KEY [ARG=VALUE...]
//	KEY [| HEADER=VALUE...] -> QUEUE...  where a message goes
//
// A KEY is a bare word or quoted, as "" must be. A message without | has no
// headers; with it, it may have an empty table of them. A VALUE is a type tag
// and a value, I:1 or S:"a b" or F:{k=I:1,l=V:} or A:[I:1,I:2]; without a tag
// it is a long string. A line that begins with # and a space is a comment.
func TestRoutingFollowsTheScripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("scripts: %v, %v", files, err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			s := script{T: t}
			for i, line := range strings.Split(string(text), "\n") {
				s.at = fmt.Sprintf("%s:%d: %s", file, i+1, line)
				s.run(line)
			}
		})
	}
}

type script struct {
	*testing.T
	at   string // line at work, for messages
	kind string
	m    Matcher[string]
}

func (s *script) run(line string) {
	s.Helper()
	tokens := s.tokens(line)
	switch {
	case len(tokens) == 0:
	case tokens[0] == "exchange":
		args := s.table(tokens[2:])
		m, ok := New(tokens[1], args, strings.Compare, rand.IntN)
		if !ok {
			s.Fatalf("%s: no such type", s.at)
		}
		if err := CheckArguments(tokens[1], args); err != nil {
			s.Fatalf("%s: %v", s.at, err)
		}
		s.kind, s.m = tokens[1], m
	case tokens[0] == "bind":
		args := s.table(tokens[3:])
		if err := CheckBinding(s.kind, tokens[2], args); err != nil {
			s.Fatalf("%s: %v", s.at, err)
		}
		s.m.Bind(unquote(tokens[2]), args, tokens[1])
	case tokens[0] == "unbind":
		s.m.Unbind(unquote(tokens[2]), s.table(tokens[3:]), tokens[1])
	default:
		s.match(tokens)
	}
}

func (s *script) match(tokens []string) {
	s.Helper()
	arrow := slices.Index(tokens, "->")
	if arrow < 1 {
		s.Fatalf("%s: neither a command nor a message", s.at)
	}
	var b amqp.BasicProperties
	if arrow > 1 {
		b.Headers = s.table(tokens[2:arrow])
	}
	got := s.m.Match(nil, unquote(tokens[0]), b.Append(nil))
	want := slices.Clone(tokens[arrow+1:])
	slices.Sort(got)
	slices.Sort(want)
	if !slices.Equal(got, want) {
		s.Errorf("%s: goes to %v", s.at, got)
	}
}

// tokens splits at spaces that are not within quotes.
func (s *script) tokens(line string) []string {
	if strings.HasPrefix(line, "# ") {
		return nil
	}
	var tokens []string
	for {
		line = strings.TrimLeft(line, " ")
		if line == "" {
			return tokens
		}
		quoted, end := false, 0
		for ; end < len(line) && (quoted || line[end] != ' '); end++ {
			if line[end] == '"' {
				quoted = !quoted
			}
		}
		tokens, line = append(tokens, line[:end]), line[end:]
	}
}

// table reads KEY=VALUE tokens. It is not nil even if empty.
func (s *script) table(fields []string) amqp.Table {
	t := amqp.Table{}
	for _, f := range fields {
		key, value, ok := strings.Cut(f, "=")
		if !ok {
			s.Fatalf("%s: %q is no field", s.at, f)
		}
		t = append(t, amqp.Field{Key: unquote(key), Value: s.value(value)})
	}
	return t
}

func (s *script) value(text string) any {
	tag, rest, ok := strings.Cut(text, ":")
	if !ok || len(tag) != 1 {
		return unquote(text)
	}
	n, _ := strconv.ParseInt(rest, 10, 64)
	switch tag {
	case "t":
		return rest == "true"
	case "b":
		return int8(n)
	case "B":
		return uint8(n)
	case "s":
		return int16(n)
	case "u":
		return uint16(n)
	case "I":
		return int32(n)
	case "i":
		return uint32(n)
	case "l", "L":
		return n
	case "f":
		f, _ := strconv.ParseFloat(rest, 32)
		return float32(f)
	case "d":
		return s.double(rest)
	case "D":
		scale, unscaled, _ := strings.Cut(rest, ",")
		a, _ := strconv.Atoi(scale)
		b, _ := strconv.Atoi(unscaled)
		return amqp.Decimal{Scale: uint8(a), Value: uint32(b)}
	case "S":
		return unquote(rest)
	case "x":
		return []byte(unquote(rest))
	case "A":
		a := amqp.Array{}
		for _, v := range s.list(rest, "[", "]") {
			a = append(a, s.value(v))
		}
		return a
	case "T":
		u, _ := strconv.ParseUint(rest, 10, 64)
		return amqp.Timestamp(u)
	case "F":
		return s.table(s.list(rest, "{", "}"))
	case "V":
		return nil
	}
	s.Fatalf("%s: %q is no type tag", s.at, tag)
	return nil
}

func (s *script) double(text string) float64 {
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) {
		s.Fatalf("%s: %q is no number", s.at, text)
	}
	return f
}

// list splits what stands between brackets, which do not nest.
func (s *script) list(text, left, right string) []string {
	text = strings.TrimSuffix(strings.TrimPrefix(text, left), right)
	if text == "" {
		return nil
	}
	return strings.Split(text, ",")
}

func unquote(token string) string {
	if text, err := strconv.Unquote(token); err == nil {
		return text
	}
	return token
}
