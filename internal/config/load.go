package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Flag is a flag that was given, with its values.
type Flag struct {
	Name   string // without dashes
	Values []string
}

// Sources are where configuration comes from.
type Sources struct {
	Files   []string // instead of all others: files, or directories of them
	System  bool     // look at where RabbitMQ has its files
	Environ []string // as of os.Environ
	Flags   []Flag
}

// Load reads all sources. Its error joins all faults; each names where it is,
// the key, and what was expected.
func Load(from Sources) (*Set, error) {
	env := newEnvironment(from.Environ)
	s := &Set{values: make(map[string]Value)}
	files := reader{confReader: confReader{env: env.lookup}, set: s}
	files.readAll(from)
	files.readPlugins(from.System)
	env.read()

	s.faults = append(files.faults, env.faults...)
	for _, e := range files.entries {
		s.take(e)
	}
	for _, r := range []rank{fromRabbitMQ, fromLeveret} {
		for _, e := range env.entries {
			if e.origin.rank == r {
				s.take(e)
			}
		}
	}
	for _, f := range from.Flags {
		for _, e := range f.entries() {
			s.take(e)
		}
	}
	for _, name := range env.quiet {
		s.note(Debug, "%s does nothing here", name)
	}
	for _, name := range env.unknown {
		s.note(Warning, "%s: nobody knows this variable: it does nothing", name)
	}
	s.takeDefaults()
	s.judgeUnknown()
	return s, joined(s.faults)
}

// Check reads files alone, as Load does.
func Check(environ []string, strict bool, files ...string) (*Set, error) {
	var about []string // what files may refer to
	for _, v := range environ {
		if !strings.HasPrefix(v, "RABBITMQ_") && !strings.HasPrefix(v, "LEVERET_") {
			about = append(about, v)
		}
	}
	s := Sources{Files: files, Environ: about}
	if strict {
		s.Flags = []Flag{{"strict-config", []string{"true"}}}
	}
	return Load(s)
}

// entries is what a flag says of its key.
func (f Flag) entries() []entry {
	from := Origin{Source: "--" + f.Name, rank: fromFlag}
	for i := range keys {
		switch k := &keys[i]; {
		case k.Flag != f.Name:
		case k.Many:
			return many(k, f.Values, from)
		default:
			return []entry{{k.Name, f.Values[len(f.Values)-1], from}}
		}
	}
	panic("no key has the flag " + f.Name)
}

// many numbers the values of a key that ends in $x.
func many(k *Key, values []string, from Origin) (all []entry) {
	stem := k.Name[:strings.LastIndexByte(k.Name, '.')+1]
	for i, v := range values {
		all = append(all, entry{stem + strconv.Itoa(i+1), v, from})
	}
	return all
}

// take has an entry replace what earlier sources say.
func (s *Set) take(e entry) {
	k, name := lookup(e.name)
	if k == nil {
		s.unknown = append(s.unknown, e)
		return
	}
	v := Value{Name: name, Key: k, Text: e.text, Origin: e.origin}
	var err error
	if v.Data, err = k.Kind.parse(e.text); err != nil {
		s.fault(v, e.name, err)
	}
	if k.Group != "" {
		for other, old := range s.values {
			if old.Key.Group == k.Group && e.origin.Beyond(old.Origin) {
				delete(s.values, other)
			}
		}
	}
	s.values[name] = v
}

// takeDefaults fills in what no source says.
func (s *Set) takeDefaults() {
	given := make(map[string]bool)
	for _, v := range s.values {
		given[v.Key.Name], given["group "+v.Key.Group] = true, v.Key.Group != ""
	}
	for i := range keys {
		k := &keys[i]
		if k.Default == "" || given[k.Name] || given["group "+k.Group] {
			continue
		}
		name := k.Name
		if k.Many {
			name = many(k, []string{""}, Origin{})[0].name
		}
		v := Value{Name: name, Key: k, Text: k.Default}
		v.Data, _ = k.Kind.parse(k.Default)
		s.values[name] = v
	}
}

// judgeUnknown refuses or mentions keys that nobody knows.
func (s *Set) judgeUnknown() {
	for _, e := range s.unknown {
		if s.Bool("leveret.strict_config") {
			s.faults = append(s.faults, fault{e.origin, fmt.Errorf("%s: %s: want a key that is known, or no --strict-config", e.origin, e.name)})
			continue
		}
		s.note(Warning, "%s: nobody knows the key %s: it does nothing", e.origin, e.name)
	}
	for _, v := range s.All() {
		switch v.Key.Effect {
		case Acts:
		case Ignored:
			s.note(Warning, "%s: %s does nothing: %s", v.Origin, v.Name, v.Key.Usage)
		case Unserved:
			s.unserved = append(s.unserved, v.Name)
		}
	}
	if len(s.unserved) > 0 {
		s.note(Info, "the HTTP API and metrics are not served: nothing comes of %s", strings.Join(s.unserved, ", "))
	}
}

// fault is about a value; name is what its source calls it.
func (s *Set) fault(v Value, name string, err error) {
	got := fmt.Sprintf(", got %q", v.Text)
	if v.Key.Secret {
		got = ""
	}
	if !errors.Is(err, errValue) {
		got += ": " + err.Error()
	}
	subject := v.Origin.String()
	if v.Origin.rank == fromFile {
		subject += ": " + name
	}
	s.faults = append(s.faults, fault{v.Origin, fmt.Errorf("%s: want %s%s", subject, v.Key.Kind.Want, got)})
}

// fault is what is wrong somewhere.
type fault struct {
	at  Origin
	err error
}

// joined is all faults, by source and line.
func joined(faults []fault) error {
	slices.SortStableFunc(faults, func(a, b fault) int {
		return cmp.Or(strings.Compare(a.at.Source, b.at.Source), a.at.Line-b.at.Line)
	})
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = f.err
	}
	return errors.Join(errs...)
}
