package config

import (
	"fmt"
	"os"
	"strconv"
)

// readTerms reads a file in the older syntax of rabbitmq.config, a list of
// {Application, [{Key, Value}]} in Erlang, into what rabbitmq.conf would have.
func (r *confReader) readTerms(path string) {
	at := Origin{Source: path, rank: fromFile}
	b, err := os.ReadFile(path)
	if err != nil {
		r.faults = append(r.faults, fault{at, err})
		return
	}
	file, err := readTerm(string(b))
	if err != nil {
		r.faults = append(r.faults, fault{at, fmt.Errorf("%s:%w", path, err)})
		return
	}
	for _, app := range file.items {
		name, settings, ok := app.pair()
		if !ok || settings.open != '[' {
			r.termFault(at, app, "want {APPLICATION, [{KEY, VALUE}]}")
			continue
		}
		for _, s := range settings.items {
			key, value, ok := s.pair()
			if !ok {
				r.termFault(at, s, "want {KEY, VALUE}")
				continue
			}
			r.term(at, confName(name, key), value)
		}
	}
	if file.open != '[' {
		r.termFault(at, file, "want a list")
	}
}

func (r *confReader) termFault(at Origin, t term, want string) {
	at.Line = t.line
	r.faults = append(r.faults, fault{at, fmt.Errorf("%s: %s", at, want)})
}

// pair takes {KEY, VALUE} apart.
func (t term) pair() (key string, value term, ok bool) {
	if t.open != '{' || len(t.items) != 2 || t.items[0].open != 0 {
		return "", term{}, false
	}
	return t.items[0].text, t.items[1], true
}

// confName is the name in rabbitmq.conf of a key of an application.
func confName(app, key string) string {
	switch {
	case app == "rabbit" && renamed[key] != "":
		return renamed[key]
	case app == "rabbit":
		return escape(key)
	case app == "rabbitmq_management":
		return "management." + escape(key)
	}
	return escape(app) + "." + escape(key)
}

// renamed are keys of the application rabbit that rabbitmq.conf has under other
// names.
var renamed = map[string]string{
	"tcp_listeners": "listeners.tcp",
	"ssl_listeners": "listeners.ssl",
}

// term makes settings of a value.
func (r *confReader) term(at Origin, name string, value term) {
	at.Line = value.line
	put := func(name, text string) { r.entries = append(r.entries, entry{name, text, at}) }
	key, of, isPair := value.pair()
	switch {
	case value.open == 0 && value.quote == 0 && value.text == "undefined": // as if it were not there
	case value.open == 0:
		put(name, value.text)
	case len(value.items) == 0:
		put(name, "none")
	case name == "listeners.tcp", name == "listeners.ssl":
		for i, l := range value.items {
			text := l.text
			if host, port, ok := l.pair(); ok {
				text = host + ":" + port.text
			}
			put(name+"."+strconv.Itoa(i+1), text)
		}
	case name == "loopback_users", name == "default_user_tags":
		for _, w := range value.items {
			put(name+"."+escape(w.text), "true")
		}
	case name == "default_permissions" && len(value.items) == 3:
		for i, what := range []string{"configure", "write", "read"} {
			put(name+"."+what, value.items[i].text)
		}
	case isPair && key == "encrypted":
		r.termFault(at, value, name+": "+wantPlain)
	case isPair && key == "mem_relative":
		put(name+".relative", of.text)
	case isPair:
		r.term(at, name+"."+escape(key), of)
	default:
		r.list(at, name, value.items)
	}
}

// list makes settings of a list: of pairs, or numbered ones.
func (r *confReader) list(at Origin, name string, items []term) {
	for i, item := range items {
		if key, value, ok := item.pair(); ok {
			r.term(at, name+"."+escape(key), value)
		} else {
			r.term(at, name+"."+strconv.Itoa(i+1), item)
		}
	}
}
