package control

import (
	"encoding/json"
	"maps"
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// typedTable is a table as RabbitMQ has it in JSON: key, type and value of each
// field.
func typedTable(t amqp.Table) [][3]any {
	typed := make([][3]any, len(t))
	for i, f := range t {
		typed[i] = [3]any{f.Key, amqp.TypeName(f.Value), typedValue(f.Value)}
	}
	return typed
}

func typedValue(v any) any {
	switch v := v.(type) {
	case amqp.Table:
		return typedTable(v)
	case amqp.Array:
		all := make([][2]any, len(v))
		for i := range v {
			all[i] = [2]any{amqp.TypeName(v[i]), typedValue(v[i])}
		}
		return all
	case []byte:
		return string(v)
	}
	return v
}

// typedMap is the same of a map, in the order of its keys.
func typedMap(m map[string]any) [][3]any {
	t := make(amqp.Table, 0, len(m))
	for _, key := range slices.Sorted(maps.Keys(m)) {
		t = append(t, amqp.Field{Key: key, Value: asField(m[key])})
	}
	return typedTable(t)
}

// asField is a value of a map as a table has it.
func asField(v any) any {
	switch v := v.(type) {
	case map[string]any:
		var t amqp.Table
		for _, key := range slices.Sorted(maps.Keys(v)) {
			t = append(t, amqp.Field{Key: key, Value: asField(v[key])})
		}
		return t
	case []any:
		a := make(amqp.Array, len(v))
		for i := range v {
			a[i] = asField(v[i])
		}
		return a
	}
	return v
}

// jsonText is JSON that is shown as text.
func jsonText(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		return ""
	}
	return string(b)
}
