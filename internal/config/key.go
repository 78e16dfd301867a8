package config

import (
	"slices"
	"strings"
)

// Key is something to be configured.
type Key struct {
	// Name is that of rabbitmq.conf; those that RabbitMQ does not have begin
	// with "leveret.". A word $x stands for any word, and a word * at the end
	// for one or more.
	Name string

	// Alias is an older name of the same.
	Alias string

	// Flag of leveret serve, without dashes. Its variable is LEVERET_ and the
	// same in capitals.
	Flag string

	// Variable of RabbitMQ that gives a value as it is.
	Variable string

	Kind    Kind
	Default string

	// Group is what a later source replaces together.
	Group string

	// Many is for names ending in $x that a flag gives more than one value of.
	Many bool

	// Secret values are not shown.
	Secret bool

	// Effect is what a value of it does here.
	Effect Effect

	// Usage says what it is, or what becomes of it. For flags, the word in
	// backquotes stands for the value.
	Usage string
}

// Effect is what the value of a key does.
type Effect int

// Effects.
const (
	Acts     Effect = iota // as in RabbitMQ
	Ignored                // accepted, with a warning
	Unserved               // accepted: of a surface that is not served
)

// LeveretVariable is the environment variable that stands for the flag.
func (k *Key) LeveretVariable() string {
	if k.Flag == "" {
		return ""
	}
	return "LEVERET_" + strings.ToUpper(strings.ReplaceAll(k.Flag, "-", "_"))
}

// IsSwitch reports whether the flag stands for itself: true.
func (k *Key) IsSwitch() bool { return k.Kind.Want == boolean.Want }

// Keys is all that there is to be configured.
func Keys() []Key { return keys }

var keys = slices.Concat(
	listenerKeys, tlsKeys, accessKeys, clientKeys, storeKeys, definitionKeys, resourceKeys, startKeys, logKeys, ignoredKeys, unservedKeys,
)

// byName has the keys whose names hold no words of any kind.
var byName, patterns = func() (map[string]*Key, []*Key) {
	exact := make(map[string]*Key)
	var rest []*Key
	for i := range keys {
		k := &keys[i]
		if strings.ContainsAny(k.Name, "$*") {
			rest = append(rest, k)
			continue
		}
		exact[k.Name] = k
		if k.Alias != "" {
			exact[k.Alias] = k
		}
	}
	return exact, rest
}()

// lookup finds the key of a name in a file, nil if there is none, and the name
// by which it goes.
func lookup(name string) (*Key, string) {
	if k := byName[name]; k != nil {
		return k, k.Name
	}
	words := split(name)
	for _, k := range patterns {
		if matches(strings.Split(k.Name, "."), words) {
			return k, name
		}
	}
	return nil, name
}

// matches reports whether words are as a pattern has them.
func matches(pattern, words []string) bool {
	for i, p := range pattern {
		switch {
		case p == "*":
			return len(words) > i
		case i >= len(words), p[0] != '$' && p != words[i]:
			return false
		}
	}
	return len(pattern) == len(words)
}

// split is the words of a name; a dot in one of them has a backslash before it.
func split(name string) []string {
	const dot = "\x00"
	words := strings.Split(strings.ReplaceAll(name, `\.`, dot), ".")
	for i := range words {
		words[i] = strings.ReplaceAll(words[i], dot, ".")
	}
	return words
}

// escape makes one word of a name of a text.
func escape(word string) string { return strings.ReplaceAll(word, ".", `\.`) }
