package oracle

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"unicode"

	"github.com/leveretmq/leveret/amqp"
)

// newMethod returns a method with all fields zero.
func newMethod(name string) (amqp.Method, error) {
	t, ok := vocabulary[name]
	if !ok {
		return nil, fmt.Errorf("no method %s", name)
	}
	return reflect.New(t).Interface().(amqp.Method), nil
}

// setField sets the field of the struct behind p that has the given name in
// the specification's spelling; false if there is none.
func setField(p any, name, value string) (bool, error) {
	v := reflect.ValueOf(p).Elem()
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() && specName(v.Type().Field(i).Name) == name {
			return true, setValue(v.Field(i), value)
		}
	}
	return false, nil
}

func setValue(v reflect.Value, s string) error {
	switch v.Interface().(type) {
	case amqp.Table:
		t, err := parseTable(s)
		v.Set(reflect.ValueOf(t))
		return err
	case string:
		text, err := parseText(s)
		v.SetString(text)
		return err
	case []byte:
		text, err := parseText(s)
		v.SetBytes([]byte(text))
		return err
	case bool:
		b, err := strconv.ParseBool(s)
		v.SetBool(b)
		return err
	}
	n, err := strconv.ParseUint(s, 10, v.Type().Bits())
	if err == nil {
		v.SetUint(n)
	}
	return err
}

// printFields writes the fields of the struct behind p in their order, each
// as setField reads it.
func printFields(p any, zero bool) string {
	var b strings.Builder
	v := reflect.ValueOf(p).Elem()
	for i := range v.NumField() {
		if !v.Type().Field(i).IsExported() || !zero && v.Field(i).IsZero() {
			continue
		}
		fmt.Fprintf(&b, " %s=%s", specName(v.Type().Field(i).Name), printValue(v.Field(i).Interface()))
	}
	return b.String()
}

func printValue(v any) string {
	switch v := v.(type) {
	case amqp.Table:
		return printTable(v)
	case string:
		return printText(v)
	case []byte:
		return printText(string(v))
	case bool:
		if v {
			return "1"
		}
		return "0"
	}
	return fmt.Sprint(v)
}

// printMethod writes a method's name and all its fields.
func printMethod(m amqp.Method) string { return m.ID().String() + printFields(m, true) }

// specName spells a Go field name as the specification does.
func specName(field string) string {
	var b strings.Builder
	runes := []rune(field)
	for i, r := range runes {
		if i > 0 && unicode.IsUpper(r) {
			afterLower := unicode.IsLower(runes[i-1])
			beforeLower := i+1 < len(runes) && unicode.IsLower(runes[i+1])
			if afterLower || beforeLower {
				b.WriteByte('-')
			}
		}
		b.WriteRune(unicode.ToLower(r))
	}
	return b.String()
}
