package broker

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/internal/expression"
	"github.com/leveretmq/leveret/storage"
)

// policies of a vhost, by their kind, which is policyKind or operatorPolicyKind,
// and their name.
type policies map[storage.EntityKind]map[string]*policy

// policy is one that was found in order. It never changes.
type policy struct {
	policyEntity
	names *expression.Expression
	scope func(*queueType) bool
	id    uint64 // in the store, 0 if it is not there
}

// rule are the policies that hold for a queue or an exchange, each nil if there
// is none.
type rule struct{ policy, operator *policy }

// rule finds those for a queue of a type, or, if that is nil, for an exchange.
// v.mu is held.
func (v *vhost) rule(name string, t *queueType) rule {
	return rule{v.policies.find(policyKind, name, t), v.policies.find(operatorPolicyKind, name, t)}
}

// find returns the policy of a kind that holds (POL-01, POL-02).
func (ps policies) find(kind storage.EntityKind, name string, t *queueType) (best *policy) {
	for _, p := range ps[kind] {
		if p.holds(name, t) && (best == nil || p.before(best)) {
			best = p
		}
	}
	return best
}

func (p *policy) before(other *policy) bool {
	return cmp.Or(cmp.Compare(other.priority, p.priority), cmp.Compare(p.name, other.name)) < 0
}

// holds tells whether a policy is for something. A queue has no policy with a
// setting that is foreign to its type.
func (p *policy) holds(name string, t *queueType) bool {
	if !p.scope(t) || !p.names.Fits(name) {
		return false
	}
	return t == nil || !slices.ContainsFunc(p.definition, func(f amqp.Field) bool {
		return slices.Contains(t.foreignPolicies, f.Key)
	})
}

// get returns a setting; p may be nil.
func (p *policy) get(key string) (any, bool) {
	if p == nil {
		return nil, false
	}
	return p.definition.Get(key)
}

// called is the name of a policy, which may be nil.
func (p *policy) called() string {
	if p == nil {
		return ""
	}
	return p.name
}

// putPolicy adds a policy, or replaces one. Exchanges conform at once, queues
// have to be told.
func (v *vhost) putPolicy(kind storage.EntityKind, p *policy) error {
	v.begin()
	defer v.end()
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.deleted {
		return fmt.Errorf("%w: '%s'", ErrVhostNotFound, v.name)
	}
	p.vhost = v.id
	v.keepPolicy(kind, p)
	v.addPolicy(kind, p)
	v.conformExchanges()
	return nil
}

// addPolicy makes a policy known. v.mu is held, or v is new.
func (v *vhost) addPolicy(kind storage.EntityKind, p *policy) {
	if v.policies == nil {
		v.policies = policies{}
	}
	if v.policies[kind] == nil {
		v.policies[kind] = map[string]*policy{}
	}
	v.policies[kind][p.name] = p
}

func (v *vhost) dropPolicy(kind storage.EntityKind, name string) error {
	v.begin()
	defer v.end()
	v.mu.Lock()
	defer v.mu.Unlock()
	p := v.policies[kind][name]
	if p == nil {
		return fmt.Errorf("%w: '%s'", ErrPolicyNotFound, name)
	}
	v.forget(kind, p.id)
	delete(v.policies[kind], name)
	v.conformExchanges()
	return nil
}

// forgetPolicies is for a vhost that is deleted. v.mu is held.
func (v *vhost) forgetPolicies() {
	for kind, all := range v.policies {
		for _, p := range all {
			v.forget(kind, p.id)
		}
	}
	v.policies = nil
}

// conformExchanges gives all exchanges the settings that their policies ask for
// now. v.mu is held.
func (v *vhost) conformExchanges() {
	for _, x := range v.exchanges {
		x.conform(v)
	}
	v.generation.Add(1)
}

// conform gives an exchange its policies, and its alternate exchange: its own one,
// or else that of the policy (EXCH-37, POL-10). v.mu is held, or v is new.
func (x *namedExchange) conform(v *vhost) {
	x.rule = v.rule(x.name, nil)
	name, ok := x.arguments.Get("alternate-exchange")
	if !ok {
		name, ok = x.rule.policy.get("alternate-exchange")
	}
	x.alternate = nil
	if ok {
		alternate := text(name)
		x.alternate = &alternate
	}
}

// conformQueues does it for queues, one after the other. No lock is held.
func (v *vhost) conformQueues() {
	v.mu.RLock()
	all := slices.Collect(maps.Values(v.queues))
	v.mu.RUnlock()
	for _, q := range all {
		q.conform()
	}
}

// conform gives a queue the settings that its policies ask for now. They act at
// once (POL-03, LEN-11, EXP-07), as far as they are not about messages to come
// (POL-13, TTL-07). The vhost's lock is held until that of the queue is: so who
// comes here last has the newest policies.
func (q *queue) conform() {
	if q.stored != nil {
		q.vhost.begin()
	}
	q.vhost.mu.RLock()
	r := q.vhost.rule(q.name, q.kind)
	q.mu.Lock()
	q.vhost.mu.RUnlock()
	defer q.leave()
	if !q.deleted && q.obey(r) {
		q.used()
		q.dispatch()
	}
}

// obey puts a queue under a rule, and tells whether it has other settings by that.
// q.mu is held, or q is new.
func (q *queue) obey(r rule) (changed bool) {
	q.rule = r
	s := settingsOf(q.kind, q.arguments, r)
	if s.equal(q.settings) {
		return false
	}
	q.settings = s
	q.setPatience()
	return true
}
