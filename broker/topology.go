package broker

import (
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// Exchange is an exchange as it is declared.
type Exchange struct {
	Name       string
	Type       string // direct, fanout, topic, headers or what else there is
	Durable    bool
	AutoDelete bool
	Internal   bool

	// Arguments may be of any type that amqp.Table has, of Go's other integers,
	// and maps and slices of them.
	Arguments map[string]any
}

// Queue is a queue as it is declared.
type Queue struct {
	Name       string
	Durable    bool
	AutoDelete bool

	// Exclusive queues belong to a connection: Queues shows them, DeclareQueue
	// refuses them.
	Exclusive bool

	// Type is classic, quorum or stream. Empty is what the arguments or, without
	// x-queue-type among them, the vhost say.
	Type string

	Arguments map[string]any // as those of Exchange
}

// Binding leads from an exchange to a queue or another exchange.
type Binding struct {
	Source      string
	Destination string
	ToExchange  bool // or else to a queue
	RoutingKey  string
	Arguments   map[string]any // as those of Exchange
}

// DeclareExchange adds an exchange to a vhost, durably if it is durable. As for
// exchange.declare, it is no error if there is the same one already, and the
// error is an [amqp.Error] with RabbitMQ's text if the broker refuses it. Of
// all such methods the error is ErrVhostNotFound if there is no such vhost.
func (b *Broker) DeclareExchange(vhost string, x Exchange) error {
	v, m, err := b.exchangeFor(vhost, x)
	if err != nil {
		return err
	}
	if err := v.declareExchange(m.Exchange, m, nil); err != nil {
		return err
	}
	return v.awaitTopology()
}

// exchangeFor is what a client would say to declare an exchange.
func (b *Broker) exchangeFor(vhost string, x Exchange) (*vhost, *amqp.ExchangeDeclare, error) {
	v, args, err := b.vhostFor(vhost, x.Arguments, x.Name, x.Type)
	return v, &amqp.ExchangeDeclare{
		Exchange: entityName(x.Name), Type: x.Type,
		Durable: x.Durable, AutoDelete: x.AutoDelete, Internal: x.Internal, Arguments: args,
	}, err
}

// DeclareQueue does for queues what DeclareExchange does for exchanges. The
// name may not be empty.
func (b *Broker) DeclareQueue(vhost string, q Queue) error {
	v, m, err := b.queueFor(vhost, q)
	if err != nil {
		return err
	}
	if _, err := v.declareQueue(m.Queue, m, nil); err != nil {
		return err
	}
	return v.awaitTopology()
}

// queueFor is what a client would say to declare a queue.
func (b *Broker) queueFor(vhost string, q Queue) (*vhost, *amqp.QueueDeclare, error) {
	v, args, err := b.vhostFor(vhost, q.Arguments, q.Name)
	if err != nil {
		return nil, nil, err
	}
	m := &amqp.QueueDeclare{Queue: entityName(q.Name), Durable: q.Durable, AutoDelete: q.AutoDelete, Arguments: args}
	switch {
	case m.Queue == "":
		return nil, nil, amqp.PreconditionFailed.Errorf("a queue that no client declares needs a name")
	case q.Exclusive:
		return nil, nil, amqp.PreconditionFailed.Errorf("exclusive %s needs a connection", queueText(m.Queue, v))
	}
	if q.Type != "" && q.Type != v.typeOf(m) {
		m.Arguments = append(slices.Clip(m.Arguments), amqp.Field{Key: "x-queue-type", Value: q.Type})
	}
	return v, m, nil
}

// Bind adds a binding; it is no error if it is there already. It is durable if
// both ends are (DUR-03).
func (b *Broker) Bind(vhost string, d Binding) error {
	v, n, err := b.binding(vhost, d)
	if err != nil {
		return err
	}
	if err := v.bind(nil, n); err != nil {
		return err
	}
	return v.awaitTopology()
}

// Unbind removes a binding; it is no error if there is none (QOP-07).
func (b *Broker) Unbind(vhost string, d Binding) error {
	v, n, err := b.binding(vhost, d)
	if err != nil {
		return err
	}
	if err := v.unbind(nil, n); err != nil {
		return err
	}
	return v.awaitTopology()
}

// binding is the one that a vhost has, or may have.
func (b *Broker) binding(vhost string, d Binding) (*vhost, bindingName, error) {
	v, args, err := b.vhostFor(vhost, d.Arguments, d.Source, d.Destination, d.RoutingKey)
	if err != nil {
		return nil, bindingName{}, err
	}
	n := bindingName{entityName(d.Source), end{entityName(d.Destination), d.ToExchange}, d.RoutingKey, args}
	return v, n, n.checkEnds()
}

// DeleteExchange removes an exchange with its bindings, as exchange.delete, but
// that one which is not there is an error of the code 404.
func (b *Broker) DeleteExchange(vhost, name string, ifUnused bool) error {
	v, err := b.vhost(vhost)
	if err != nil {
		return err
	}
	if err := v.checkDeletable(name); err != nil {
		return err
	}
	if err := v.exchangeExists(name); err != nil {
		return err
	}
	if err := v.deleteExchange(name, ifUnused); err != nil {
		return err
	}
	return v.awaitTopology()
}

// DeleteQueue removes a queue, cancels its consumers, and says how many messages
// were ready in it. One that is not there is an error of the code 404. Other than
// a client it may delete exclusive queues.
func (b *Broker) DeleteQueue(vhost, name string, ifUnused, ifEmpty bool) (messages int, err error) {
	v, err := b.vhost(vhost)
	if err != nil {
		return 0, err
	}
	if _, err := v.queue(name, nil); err != nil {
		return 0, err
	}
	gone, err := v.deleteNamed(name, &amqp.QueueDelete{IfUnused: ifUnused, IfEmpty: ifEmpty}, nil)
	if err != nil {
		return 0, err
	}
	gone.cancel()
	return gone.messages, v.awaitTopology()
}

// PurgeQueue removes all messages that are ready in a queue, and says how many
// there were. Other than a client it may purge exclusive queues.
func (b *Broker) PurgeQueue(vhost, name string) (messages int, err error) {
	v, err := b.vhost(vhost)
	if err != nil {
		return 0, err
	}
	q, err := v.queue(name, nil)
	if err != nil {
		return 0, err
	}
	n := q.purge()
	if q.stored == nil || n == 0 {
		return n, nil
	}
	return n, v.awaitAll() // they do not come back
}

// vhostFor is the vhost with a name, and arguments for something in it that has
// these names.
func (b *Broker) vhostFor(name string, arguments map[string]any, names ...string) (*vhost, amqp.Table, error) {
	v, err := b.vhost(name)
	if err != nil {
		return nil, nil, err
	}
	for _, n := range names {
		if err := amqp.CheckName(n); err != nil {
			return nil, nil, err
		}
	}
	args, err := amqp.TableOf(arguments)
	return v, args, err
}
