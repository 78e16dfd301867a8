package definitions

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/leveretmq/leveret/amqp"
)

// tags are a list, or as older versions have them, a text with commas.
type tags []string

// UnmarshalJSON implements [json.Unmarshaler].
func (t *tags) UnmarshalJSON(b []byte) error {
	var text string
	if json.Unmarshal(b, &text) != nil {
		return json.Unmarshal(b, (*[]string)(t))
	}
	*t = tags{}
	for tag := range strings.SplitSeq(text, ",") {
		if tag = strings.TrimSpace(tag); tag != "" {
			*t = append(*t, tag)
		}
	}
	return nil
}

// object is an object, or what RabbitMQ makes of it at times: a list of pairs.
type object map[string]any

// UnmarshalJSON implements [json.Unmarshaler].
func (o *object) UnmarshalJSON(b []byte) error {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return err
	}
	m, err := objectOf(v)
	*o = m
	return err
}

var errNoObject = errors.New("want an object")

func objectOf(v any) (object, error) {
	if m, ok := v.(map[string]any); ok {
		return m, nil
	}
	list, ok := v.([]any)
	if !ok {
		return nil, errNoObject
	}
	o := object{}
	for _, item := range list {
		pair, _ := item.([]any)
		if len(pair) != 2 {
			return nil, errNoObject
		}
		key, ok := pair[0].(string)
		if !ok {
			return nil, errNoObject
		}
		o[key] = pair[1]
	}
	return o, nil
}

// limits are an object of integers.
type limits map[string]int

// UnmarshalJSON implements [json.Unmarshaler].
func (l *limits) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	var o object
	if err := o.UnmarshalJSON(b); err != nil {
		return err
	}
	*l = limits{}
	for name, v := range o {
		number, _ := v.(json.Number)
		n, err := strconv.Atoi(number.String())
		if err != nil {
			return fmt.Errorf("limit %q: want an integer", name)
		}
		(*l)[name] = n
	}
	return nil
}

// arguments are those of something that is declared, of the types that RabbitMQ
// gives to what it reads: integers are long, other numbers double.
func (o object) arguments() (map[string]any, error) {
	t, err := amqp.TableOf(o)
	return t.Map(), err
}

// written are arguments as RabbitMQ writes them, by which types are lost: what is
// read from it again is what arguments has.
func written(m map[string]any) object {
	o := make(object, len(m))
	for key, v := range m {
		o[key] = writtenValue(v)
	}
	return o
}

func writtenValue(v any) any {
	switch v := v.(type) {
	case string:
		return writtenText(v)
	case []byte:
		return writtenText(string(v))
	case float32:
		return double(float64(v))
	case float64:
		return double(v)
	case amqp.Timestamp:
		return uint64(v)
	case amqp.Decimal:
		return double(float64(v.Value) / math.Pow10(int(v.Scale)))
	case []any:
		list := make([]any, len(v))
		for i := range v {
			list[i] = writtenValue(v[i])
		}
		return list
	case map[string]any:
		return written(v)
	}
	return v
}

// writtenText says what JSON cannot have.
func writtenText(s string) string {
	if utf8.ValidString(s) {
		return s
	}
	return "Not UTF-8, base64 is: " + base64.StdEncoding.EncodeToString([]byte(s))
}

// double is a number that nobody takes for an integer.
func double(f float64) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Sprint(f)
	}
	s := strconv.FormatFloat(f, 'g', -1, 64)
	if !strings.ContainsAny(s, ".e") {
		s += ".0"
	}
	return json.Number(s)
}

// plain has objects for the lists of pairs that the parameters of RabbitMQ's own
// components have at times.
func (p parameter) plain() json.RawMessage {
	if p.Component == nil || *p.Component != operatorPolicy && *p.Component != vhostLimits {
		return p.Value
	}
	var value object
	if value.UnmarshalJSON(p.Value) != nil {
		return p.Value
	}
	value = maps.Clone(value)
	if definition, err := objectOf(value["definition"]); err == nil {
		value["definition"] = definition
	}
	b, err := json.Marshal(value)
	if err != nil {
		return p.Value
	}
	return b
}
