package broker

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"reflect"
	"regexp/syntax"
	"slices"
	"strings"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/internal/expression"
	"github.com/leveretmq/leveret/storage"
)

// policyKey is a setting that policies may have (POL-06).
type policyKey struct {
	check    valueCheck
	wrong    string // what is said of a value that is not in order (POL-07)
	operator bool   // operator policies may have it, too (POL-05)
}

// policyKeys are all that there are. Those that have no meaning for a single
// node without plugins, such as ha-mode, are taken and do nothing.
var policyKeys = map[string]policyKey{
	"alternate-exchange":            {words0, "is not a valid alternate exchange name", false},
	"dead-letter-exchange":          {words0, "is not a valid dead letter exchange name", false},
	"dead-letter-routing-key":       {words0, "is not a valid dead letter routing key", false},
	"dead-letter-strategy":          {deadLetterStrategy, "is not a valid dead letter strategy", false},
	"message-ttl":                   {count, "is not a valid message TTL", true},
	"expires":                       {positive, "is not a valid queue expiry", true},
	"max-length":                    {count, "is not a valid maximum length", true},
	"max-length-bytes":              {count, "is not a valid maximum length in bytes", true},
	"max-in-memory-length":          {count, "is not a valid maximum memory in bytes", true}, // as RabbitMQ says
	"max-in-memory-bytes":           {count, "is not a valid maximum memory in bytes", true},
	"overflow":                      {overflow, "is not a valid overflow value", true},
	"delivery-limit":                {count, "is not a valid delivery limit", true},
	"max-age":                       {maxAge, "is not a valid max age", false},
	"stream-max-segment-size-bytes": {integers(0, 3_000_000_000, ""), "is not a valid segment size", false},
	"stream-filter-size-bytes":      {integers(16, 255, ""), "is not a valid filter size", false},
	"queue-mode":                    {queueMode, "is not a valid queue-mode value", false},
	"queue-version":                 {queueVersion, "is not a valid queue-version value", true},
	"queue-leader-locator":          {leaderLocator, "is not a valid queue leader locator value", false},
	"queue-master-locator":          {masterLocator, "invalid queue-master-locator value", false},
	"initial-cluster-size":          {count, "is not a valid cluster size", false},
	"target-group-size":             {positive, "is not a valid target group size", true},
	"consumer-timeout":              {count, "is not a valid consumer timeout", false},
	"consumer-disconnected-timeout": {count, "is not a valid consumer disconnected timeout", false},
	"federation-upstream":           idlePolicyKey,
	"federation-upstream-set":       idlePolicyKey,
	"federation-upstream-pattern":   idlePolicyKey,
	"ha-mode":                       idlePolicyKey,
	"ha-params":                     idlePolicyKey,
	"ha-sync-mode":                  idlePolicyKey,
	"ha-sync-batch-size":            idlePolicyKey,
	"ha-promote-on-shutdown":        idlePolicyKey,
	"ha-promote-on-failure":         idlePolicyKey,
}

var idlePolicyKey = policyKey{check: plain, wrong: "is not a valid value"}

// words0 accepts any string.
func words0(v any, _ amqp.Table) error {
	if !isString(v) {
		return unacceptable(v)
	}
	return nil
}

// plain accepts what definitions of policies hold: strings, integers, truth
// values and lists of strings.
func plain(v any, args amqp.Table) error {
	switch v := v.(type) {
	case string, int64, bool:
		return nil
	case amqp.Array:
		for _, item := range v {
			if err := words0(item, args); err != nil {
				return err
			}
		}
		return nil
	}
	return errors.New("it is not plain")
}

// scopes tell what apply-to means for a queue of a type, or, if that is nil, for
// an exchange (POL-01).
var scopes = map[string]func(*queueType) bool{
	"all":            func(*queueType) bool { return true },
	"queues":         func(t *queueType) bool { return t != nil },
	"exchanges":      func(t *queueType) bool { return t == nil },
	"classic_queues": func(t *queueType) bool { return t == classicQueue },
	"quorum_queues":  func(t *queueType) bool { return t == quorumQueue },
	"streams":        func(t *queueType) bool { return t == streamQueue },
}

// newPolicy makes a policy what it describes, or says all that is wrong with it
// in the order in which RabbitMQ does.
func newPolicy(kind storage.EntityKind, e policyEntity) (*policy, error) {
	e.applyTo = cmp.Or(e.applyTo, "all")
	var faults []string
	if fault := checkDefinition(kind, e.definition); fault != "" {
		faults = append(faults, fault)
	}
	scope, known := scopes[e.applyTo]
	if !known {
		faults = append(faults, fmt.Sprintf("apply-to '%s' unrecognised; should be one of: 'queues', 'classic_queues', "+
			"'quorum_queues', 'streams', 'exchanges', or 'all'", e.applyTo))
	}
	names, err := expression.Compile(e.pattern)
	if err != nil {
		faults = append(faults, "pattern should be regular expression but is invalid: "+patternFault(err))
	}
	if len(faults) > 0 {
		return nil, &PolicyError{faults}
	}
	return &policy{policyEntity: e, names: names, scope: scope}, nil
}

// patternFault is in the form of RabbitMQ and the words of package regexp.
func patternFault(err error) string {
	var e *syntax.Error
	if errors.As(err, &e) {
		return fmt.Sprintf("{%q,%q}", e.Code.String(), e.Expr)
	}
	return err.Error()
}

// checkDefinition says the first thing that is wrong with a definition: values
// first, then all keys that policies of the kind may not have.
func checkDefinition(kind storage.EntityKind, definition amqp.Table) (fault string) {
	if len(definition) == 0 {
		return "no policy provided"
	}
	var unknown amqp.Table
	for _, f := range definition {
		k, known := policyKeys[f.Key]
		if !known || kind == operatorPolicyKind && !k.operator {
			unknown = append(unknown, f)
		} else if k.check(f.Value, nil) != nil {
			return term(f.Value) + " " + k.wrong
		}
	}
	if len(unknown) > 0 {
		return term(unknown) + " are not recognised policy settings"
	}
	return ""
}

// term prints a value of a definition as Erlang prints what it has read from
// JSON.
func term(v any) string {
	switch v := v.(type) {
	case nil:
		return "null"
	case string:
		return amqp.FormatBinary([]byte(v))
	case []byte:
		return string(v) // a stranger
	case amqp.Array:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = term(item)
		}
		return "[" + strings.Join(items, ",") + "]"
	case amqp.Table:
		items := make([]string, len(v))
		for i, f := range v {
			items[i] = "{" + term(f.Key) + "," + term(f.Value) + "}"
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	return amqp.FormatValue(v)
}

// stranger is a value that no definition can have, for which it has its text: as
// octets, which are otherwise not there.
func stranger(text string) []byte { return []byte(text) }

// ordered is a definition in the order of its keys, with values as tables have
// them.
func ordered(m map[string]any) amqp.Table {
	t := amqp.Table{}
	for _, key := range slices.Sorted(maps.Keys(m)) {
		t = append(t, amqp.Field{Key: key, Value: normal(m[key])})
	}
	return t
}

// normal is a value in one of the types that tables have for it.
func normal(v any) any {
	switch v := v.(type) {
	case nil, bool, string, float64:
		return v
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return n
		}
		if f, err := v.Float64(); err == nil && strings.ContainsAny(v.String(), ".eE") {
			return f
		}
		return stranger(v.String())
	case map[string]any:
		return ordered(v)
	}
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return r.Int()
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		if n := r.Uint(); n <= math.MaxInt64 {
			return int64(n)
		}
		return stranger(fmt.Sprint(v))
	case reflect.Slice:
		list := make(amqp.Array, r.Len())
		for i := range list {
			list[i] = normal(r.Index(i).Interface())
		}
		return list
	default:
		return stranger(fmt.Sprint(v))
	}
}
