package amqp

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"
	"time"
)

// TableOf is a map as a table, in the order of its keys. Values that tables
// have no type for become those of the type that RabbitMQ has for them where it
// reads JSON: integers long, other numbers double.
// What nests deeper than what is read is refused.
func TableOf(m map[string]any) (Table, error) { return tableAt(m, 0) }

func tableAt(m map[string]any, depth int) (Table, error) {
	if depth >= maxTableDepth {
		return nil, errTooDeep
	}
	var t Table
	for _, key := range slices.Sorted(maps.Keys(m)) {
		if len(key) > math.MaxUint8 {
			return nil, fmt.Errorf("argument '%s' has a name of %d bytes, more than 255", key, len(key))
		}
		v, err := fieldValue(m[key], depth+1)
		if err != nil {
			return nil, fmt.Errorf("argument '%s': %w", key, err)
		}
		t = append(t, Field{Key: key, Value: v})
	}
	return t, nil
}

// fieldValue is one value of it; a table or a list in it is at a depth.
func fieldValue(v any, depth int) (any, error) {
	switch v := v.(type) {
	case nil, bool, string, int8, uint8, int16, uint16, int32, uint32, int64, float32, float64,
		[]byte, Decimal, Timestamp:
		return v, nil
	case time.Time:
		return Timestamp(v.Unix()), nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n, nil
		}
		if strings.ContainsAny(v.String(), ".eE") {
			return v.Float64()
		}
	case Table:
		return tableAt(v.Map(), depth)
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Int:
		return r.Int(), nil
	case reflect.Uint, reflect.Uint64:
		if n := r.Uint(); n <= math.MaxInt64 {
			return int64(n), nil
		}
	case reflect.Slice, reflect.Array:
		if depth >= maxTableDepth {
			return nil, errTooDeep
		}
		list := make(Array, r.Len())
		for i := range list {
			var err error
			if list[i], err = fieldValue(r.Index(i).Interface(), depth+1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case reflect.Map:
		if m := reflect.TypeFor[map[string]any](); r.CanConvert(m) {
			return tableAt(r.Convert(m).Interface().(map[string]any), depth)
		}
	default:
	}
	return nil, fmt.Errorf("AMQP has no type for %T %v", v, v)
}

// Map is the table as a map, nil if it is empty: of several values of a key
// the first, as [Table.Get] finds it.
func (t Table) Map() map[string]any {
	if len(t) == 0 {
		return nil
	}
	m := make(map[string]any, len(t))
	for _, f := range slices.Backward(t) {
		m[f.Key] = plainValue(f.Value)
	}
	return m
}

func plainValue(v any) any {
	switch v := v.(type) {
	case Table:
		m := v.Map()
		if m == nil {
			m = map[string]any{}
		}
		return m
	case Array:
		list := make([]any, len(v))
		for i := range v {
			list[i] = plainValue(v[i])
		}
		return list
	}
	return v
}
