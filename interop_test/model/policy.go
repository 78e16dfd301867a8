package model

import (
	"encoding/json"
	"fmt"
	"regexp"
	"slices"
)

// policy gives settings to what its pattern is found in (POL-01).
type policy struct {
	operator   bool
	name       string
	pattern    *regexp.Regexp
	applyTo    string // all, queues, classic_queues or exchanges
	priority   int
	definition map[string]any // empty: the policy goes
}

// String is the policy as a script of package oracle has it.
func (p policy) String() string {
	definition, _ := json.Marshal(p.definition)
	kind := "policy"
	if p.operator {
		kind = "operator policy"
	}
	return fmt.Sprintf("%s %s %q %s apply-to=%s priority=%d", kind, p.name, p.pattern, definition, p.applyTo, p.priority)
}

// SetPolicy sets a policy, or takes it away. What changes acts at once (POL-03),
// on one queue after the other.
func (ws worlds) SetPolicy(p policy, came inbox) (worlds, string) {
	return ws.happen(came, func(w *world) {
		before := map[*queue]string{}
		for _, q := range w.queues {
			before[q] = q.settings()
		}
		w.policies = slices.DeleteFunc(slices.Clone(w.policies), func(other policy) bool {
			return other.name == p.name && other.operator == p.operator
		})
		if len(p.definition) > 0 {
			w.policies = append(w.policies, p)
		}
		changed := slices.DeleteFunc(slices.Clone(w.queues), func(q *queue) bool { return before[q] == q.settings() })
		for len(changed) > 0 {
			i := 0
			if w.fragile() {
				i = w.choose(len(changed))
			}
			q := changed[i]
			changed = slices.Delete(changed, i, i+1)
			q.use() // EXP-07
			q.trim()
			w.dispatch()
			w.meanwhile()
		}
		w.rest()
	})
}

// rule is the policy that holds: the one with the highest priority, of several
// the first by name (POL-01, POL-02); nil if there is none.
func (w *world) rule(name string, operator bool, applyTo ...string) (best *policy) {
	for i, p := range w.policies {
		if p.operator != operator || !slices.Contains(applyTo, p.applyTo) || !p.pattern.MatchString(name) {
			continue
		}
		better := best == nil || p.priority > best.priority || p.priority == best.priority && p.name < best.name
		if w.wrong == "the policy of the lowest priority holds" {
			better = best == nil || p.priority < best.priority
		}
		if better {
			best = &w.policies[i]
		}
	}
	return best
}

// asked are all the values that are given for a setting of a queue: by its
// arguments, the operator's policy and the policy.
func (q *queue) asked(key string) (values []any) {
	if v, ok := q.args.Get("x-" + key); ok {
		values = append(values, v)
	}
	for _, operator := range []bool{true, false} {
		if p := q.world.rule(q.name, operator, q.types()...); p != nil && p.definition[key] != nil {
			values = append(values, p.definition[key])
		}
	}
	return values
}

// number is a setting of the queue: the lowest that is given (POL-09, LEN-10).
func (q *queue) number(key string) (lowest int, ok bool) {
	for _, v := range q.asked(key) {
		if n, _ := integer(v); n >= 0 && (!ok || int(n) < lowest) {
			lowest, ok = int(n), true
			if q.world.wrong == "arguments win over policies" {
				return lowest, ok
			}
		}
	}
	return lowest, ok
}

// word is likewise: the first that is given (DLX-25, POL-09).
func (q *queue) word(key string) (s string, ok bool) {
	all := q.asked(key)
	if len(all) == 0 {
		return "", false
	}
	v := all[0]
	if q.world.wrong == "policies win over arguments" {
		v = all[len(all)-1]
	}
	s, ok = v.(string)
	return s, ok
}

// settings are all that policies can change.
func (q *queue) settings() (all string) {
	for _, key := range []string{"max-length", "max-length-bytes", "message-ttl", "expires", "delivery-limit"} {
		n, ok := q.number(key)
		all += fmt.Sprint(n, ok, " ")
	}
	overflow := q.overflows()
	if overflow == "drop-head" {
		overflow = ""
	}
	all += overflow
	if exchange, ok := q.word("dead-letter-exchange"); ok {
		key, keyed := q.word("dead-letter-routing-key")
		all += fmt.Sprintf(" %q %q %t", exchange, key, keyed)
	}
	return all
}

// alternate is where an exchange sends what it has no binding for (EXCH-37,
// POL-10).
func (w *world) alternate(x *exchange) (name string, ok bool) {
	if v, ok := x.args.Get("alternate-exchange"); ok {
		return v.(string), true
	}
	if p := w.rule(x.name, false, "all", "exchanges"); p != nil {
		name, ok = p.definition["alternate-exchange"].(string)
	}
	return name, ok
}
