package broker

import (
	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/exchange"
)

// namedExchange is an exchange of a vhost. All but its bindings is immutable.
type namedExchange struct {
	name       string
	kind       string
	durable    bool
	autoDelete bool
	internal   bool
	arguments  amqp.Table

	matcher  exchange.Matcher[*queue]  // vhost.mu
	bindings map[bindingKey]amqp.Table // vhost.mu
}

// bindingKey is what makes a binding the same as another (QOP-01, QOP-02).
type bindingKey struct {
	exchange  string
	queue     *queue
	key       string
	arguments string // canonical
}

// addExchange makes an exchange known. v.mu is held, or v is new.
func (v *vhost) addExchange(x *namedExchange) {
	x.matcher, _ = exchange.New[*queue](x.kind)
	x.bindings = map[bindingKey]amqp.Table{}
	v.exchanges[x.name] = x
	v.generation.Add(1)
}

// bind adds a binding unless it is there (QOP-01). The lookups and their
// order are those of QOP-03, QOP-04 and QDEC-14.
func (v *vhost) bind(s *session, exchangeName, queueName, key string, args amqp.Table) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	x := v.exchanges[exchangeName]
	if x == nil {
		return noExchange(exchangeName, v)
	}
	q, err := v.queueLocked(queueName, s)
	if err != nil {
		return err
	}
	if err := exchange.CheckBinding(x.kind, key, args); err != nil {
		return err
	}
	id := bindingKey{x.name, q, key, args.Canonical()}
	if _, have := x.bindings[id]; have {
		return nil
	}
	x.bindings[id] = args
	x.matcher.Bind(key, args, q)
	if q.bindings == nil {
		q.bindings = map[bindingKey]*namedExchange{}
	}
	q.bindings[id] = x
	v.generation.Add(1)
	return nil
}

// unbind removes a binding; one that is not there is no error (QOP-07), and
// then nothing is checked either (QDEC-16).
func (v *vhost) unbind(s *session, exchangeName, queueName, key string, args amqp.Table) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	x, q := v.exchanges[exchangeName], v.queues[queueName]
	if x == nil || q == nil {
		return nil
	}
	id := bindingKey{x.name, q, key, args.Canonical()}
	if _, have := x.bindings[id]; !have {
		return nil
	}
	if q.owner != nil && q.owner != s {
		return lockedQueue(q.name, v)
	}
	v.unbindLocked(x, id)
	return nil
}

// unbindLocked removes a binding, and an auto-delete exchange with its last
// one (EXCH-30).
func (v *vhost) unbindLocked(x *namedExchange, id bindingKey) {
	x.matcher.Unbind(id.key, x.bindings[id], id.queue)
	delete(x.bindings, id)
	delete(id.queue.bindings, id)
	v.generation.Add(1)
	if x.autoDelete && len(x.bindings) == 0 {
		v.removeExchange(x)
	}
}

// removeExchange removes an exchange with its bindings. v.mu is held.
func (v *vhost) removeExchange(x *namedExchange) {
	delete(v.exchanges, x.name)
	for id := range x.bindings {
		delete(id.queue.bindings, id)
	}
	clear(x.bindings)
	v.generation.Add(1)
}
