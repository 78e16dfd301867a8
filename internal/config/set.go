package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Value is what a key is set to.
type Value struct {
	Name   string // in rabbitmq.conf
	Key    *Key
	Text   string // as the source has it
	Data   any    // what it means; nil if the text makes no sense
	Origin Origin
}

// Shown is the text, with stars for what is secret.
func (v Value) Shown() string {
	if v.secret() {
		return "********"
	}
	return secretOfURL.ReplaceAllString(v.Text, "://********@")
}

// secretOfURL is who asks, and the password.
var secretOfURL = regexp.MustCompile(`://[^/@]*@`)

// secretName is of keys that have passwords, such as those of plugins that are not
// here.
var secretName = regexp.MustCompile(`(?i)pass|secret|credential|token|(^|[._])key$`)

// secret reports whether nobody shall see the value.
func (v Value) secret() bool {
	if v.Key.Effect != Acts {
		return secretName.MatchString(v.Name)
	}
	return v.Key.Secret
}

// Level is how much a note matters.
type Level int

// Levels of notes.
const (
	Debug Level = iota
	Info
	Warning
)

// Note is something that the one who starts a broker should know.
type Note struct {
	Level Level
	Text  string
}

// Set is the effective configuration.
type Set struct {
	// Notes are for the log.
	Notes []Note

	// Files are those that were read.
	Files []string

	values   map[string]Value
	unknown  []entry
	unserved []string
	faults   []fault
}

func (s *Set) note(l Level, format string, args ...any) {
	s.Notes = append(s.Notes, Note{l, fmt.Sprintf(format, args...)})
}

// All is every value that there is, by name.
func (s *Set) All() []Value {
	all := make([]Value, 0, len(s.values))
	for _, v := range s.values {
		all = append(all, v)
	}
	slices.SortFunc(all, func(a, b Value) int { return compareNames(a.Name, b.Name) })
	return all
}

// compareNames orders names word by word, numbers by size.
func compareNames(a, b string) int {
	return slices.CompareFunc(split(a), split(b), func(a, b string) int {
		x, errA := strconv.Atoi(a)
		y, errB := strconv.Atoi(b)
		if errA == nil && errB == nil {
			return x - y
		}
		return strings.Compare(a, b)
	})
}

// Origin tells where the value of a key comes from.
func (s *Set) Origin(name string) Origin { return s.values[name].Origin }

// Has reports whether a key has a value, if only by default.
func (s *Set) Has(name string) bool {
	_, ok := s.values[name]
	return ok
}

// Given reports whether a key has a value that is not the default.
func (s *Set) Given(name string) bool { return s.Origin(name).rank != fromDefault }

// get is the meaning of a value, the zero value if there is none.
func get[T any](s *Set, name string) T {
	v, _ := s.values[name].Data.(T)
	return v
}

// Text is the value of a key that is a text, a word or a path.
func (s *Set) Text(name string) string { return get[string](s, name) }

// Bool is the value of a key that is true or false.
func (s *Set) Bool(name string) bool { return get[bool](s, name) }

// Number is the value of a key that is a number or a size.
func (s *Set) Number(name string) uint64 { return get[uint64](s, name) }

// Time is the value of a key that is a time.
func (s *Set) Time(name string) time.Duration { return get[time.Duration](s, name) }

// Amount is the value of a key that is a size or a part of the memory, which
// may be given as one or the other: NAME, or NAME.absolute and NAME.relative.
func (s *Set) Amount(name string) Amount {
	for _, n := range []string{name, name + ".absolute"} {
		if s.Has(n) {
			return get[Amount](s, n)
		}
	}
	return get[Amount](s, name+".relative")
}

// Below is the values of the keys STEM.x, by x, with numbers by size. It is
// empty if STEM itself is none.
func (s *Set) Below(stem string) (words []string, values []Value) {
	if s.Text(stem) == "none" {
		return nil, nil
	}
	of := split(stem)
	for _, v := range s.All() {
		if w := split(v.Name); len(w) == len(of)+1 && slices.Equal(w[:len(of)], of) {
			words, values = append(words, w[len(of)]), append(values, v)
		}
	}
	return words, values
}

// Texts is the texts of Below.
func (s *Set) Texts(stem string) (texts []string) {
	_, values := s.Below(stem)
	for _, v := range values {
		if t, ok := v.Data.(string); ok {
			texts = append(texts, t)
		}
	}
	return texts
}

// GivenBelow reports whether STEM or a key below it is given.
func (s *Set) GivenBelow(stem string) bool {
	for name := range s.values {
		if (name == stem || strings.HasPrefix(name, stem+".")) && s.Given(name) {
			return true
		}
	}
	return false
}
