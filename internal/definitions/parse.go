package definitions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/leveretmq/leveret/broker"
)

// Parse reads definitions, all of whose objects say which vhost they are in. The
// error is a [ParseError] if the document is at fault.
func Parse(data []byte) (broker.Definitions, error) { return parseFor(data, nil) }

// ParseVhost reads definitions for a vhost, whatever other vhost they name. Of
// those of a cluster it takes, as RabbitMQ does, parameters, policies, exchanges,
// queues and bindings.
func ParseVhost(data []byte, vhost string) (broker.Definitions, error) {
	return parseFor(data, &vhost)
}

func parseFor(data []byte, vhost *string) (broker.Definitions, error) {
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	p := parser{data: data, dec: json.NewDecoder(bytes.NewReader(data)), vhost: vhost}
	var all json.RawMessage
	if err := json.Unmarshal(data, &all); err != nil {
		return broker.Definitions{}, p.fail(0, "", err)
	}
	if !utf8.Valid(data) { // json would put something else for it into names
		return broker.Definitions{}, p.fail(int64(bytes.IndexRune(data, utf8.RuneError)), "", errors.New("want UTF-8"))
	}
	if err := p.document(); err != nil {
		return broker.Definitions{}, err
	}
	return p.collected()
}

// parser reads one document.
type parser struct {
	data  []byte
	dec   *json.Decoder
	vhost *string // that all is in, nil if each object says it
	read  document
}

// document reads it all. Its syntax is in order.
func (p *parser) document() error {
	if t, _ := p.dec.Token(); t != json.Delim('{') {
		return p.fail(0, "", errNoObject)
	}
	for p.dec.More() {
		key, err := p.dec.Token()
		if err != nil {
			return p.fail(p.dec.InputOffset(), "", err)
		}
		if err := p.section(key.(string)); err != nil {
			return err
		}
	}
	return nil
}

// section reads what is behind a key.
func (p *parser) section(key string) error {
	s, known := sections[key]
	if !known {
		return p.other(key)
	}
	switch t, err := p.dec.Token(); {
	case err != nil:
		return p.fail(p.dec.InputOffset(), key, err)
	case t == nil:
		return nil
	case t != json.Delim('['):
		return p.fail(p.dec.InputOffset()-1, key, errors.New("want a list"))
	}
	required := s.required
	if s.inVhost && p.vhost == nil {
		required = append(required[:len(required):len(required)], "vhost")
	}
	for i := 0; p.dec.More(); i++ {
		raw, at, err := p.next()
		object := fmt.Sprintf("%s[%d]", key, i)
		if err != nil {
			return p.fail(at, object, err)
		}
		if err := checkFields(raw, required); err != nil {
			return p.fail(at, object, err)
		}
		if err := s.read(&p.read, raw); err != nil {
			return p.fail(at, object, err)
		}
	}
	_, err := p.dec.Token() // the end of the list
	return err
}

// other reads what is no list of objects.
func (p *parser) other(key string) error {
	raw, at, err := p.next()
	if err != nil {
		return p.fail(at, key, err)
	}
	if key == "rabbit_version" || key == "rabbitmq_version" {
		_ = json.Unmarshal(raw, &p.read.RabbitVersion) // it matters in old files alone
	}
	return nil
}

// next is a value, and where it begins.
func (p *parser) next() (raw json.RawMessage, at int64, err error) {
	err = p.dec.Decode(&raw)
	return raw, p.dec.InputOffset() - int64(len(raw)), err
}

// checkFields finds what an object lacks.
func checkFields(raw json.RawMessage, required []string) error {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil || fields == nil {
		return errNoObject
	}
	for _, name := range required {
		if v, have := fields[name]; !have || string(v) == "null" && name != "value" {
			return fmt.Errorf("%s is missing", name)
		}
	}
	return nil
}
