package broker

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/amqp"
)

// DefinitionError is why definitions were not imported.
type DefinitionError struct {
	// Object is what it is about, such as "queue 'q' in vhost '/'".
	Object string
	Err    error

	// Done is how many objects, of Of, were imported before. It is 0 unless the
	// broker, or what else has changed it meanwhile, is at fault.
	Done, Of int
}

// Error names the object.
func (e *DefinitionError) Error() string {
	if e.Done > 0 {
		return fmt.Sprintf("%s: %v; %d of %d objects were imported", e.Object, e.Err, e.Done, e.Of)
	}
	return e.Object + ": " + e.Err.Error()
}

// Unwrap is the reason.
func (e *DefinitionError) Unwrap() error { return e.Err }

// Import adds what is not there yet. Exchanges, queues and bindings that are stay
// as they are; of everything else what is defined replaces what is there. Nothing
// is removed.
//
// It is all or nothing: if the broker refuses anything, nothing has changed, and
// the error is a [DefinitionError]. Import returns when all is durable, and says
// what it has passed over, as RabbitMQ does: what has a reserved name, and
// bindings without an end. tell is told some hundred times how far it has come, if
// it is not nil.
func (b *Broker) Import(d Definitions, tell func(done, of int)) (passedOver []string, err error) {
	steps := d.steps()
	if err := b.rehearse(steps); err != nil {
		return nil, err
	}
	for i, s := range steps {
		over, err := s.do(b)
		if err != nil {
			return passedOver, &DefinitionError{s.object, err, i, len(steps)}
		}
		if over != "" {
			passedOver = append(passedOver, s.object+": "+over)
		}
		if done := i + 1; tell != nil && (done%(len(steps)/100+1) == 0 || done == len(steps)) {
			tell(done, len(steps))
		}
	}
	for _, v := range b.vhosts.all() {
		if err := v.awaitTopology(); err != nil {
			return passedOver, err
		}
	}
	return passedOver, nil
}

// copyTo gives a broker what this one has. All queues are there, so that they count,
// and belong to nobody; bindings are in nobody's way.
func (b *Broker) copyTo(stage *Broker) error {
	present, err := b.Definitions()
	if err != nil {
		return err
	}
	for i := range present.Vhosts {
		v := &present.Vhosts[i]
		v.Queues, v.Bindings = nil, nil
		v.Parameters = slices.DeleteFunc(v.Parameters, func(p Parameter) bool { return p.Component == vhostLimitsComponent })
	}
	for _, s := range present.steps() {
		_, _ = s.do(stage) // what would be refused today is not there to be built upon
	}
	for _, from := range b.vhosts.all() {
		if to := stage.vhosts.get(from.name); to != nil {
			from.copyQueues(to)
		}
	}
	return nil
}

// copyQueues declares in a vhost the queues of this one, which may be more than its
// limits now allow.
func (v *vhost) copyQueues(to *vhost) {
	v.mu.RLock()
	all, limited := slices.Collect(maps.Values(v.queues)), v.limits
	v.mu.RUnlock()
	for _, q := range all {
		_, _ = to.findOrAddQueue(q.name, &amqp.QueueDeclare{
			Durable: q.durable, Exclusive: q.owner != nil, AutoDelete: q.autoDelete, Arguments: q.arguments,
		}, nil)
	}
	_ = to.setLimits(func(limits) limits { return limited })
}

// rehearse imports into a broker that has what this one has, and finds what is
// refused. So an import is checked by what it is done with.
func (b *Broker) rehearse(steps []importStep) error {
	o := b.options
	o.Log, o.DataDir, o.Clock, o.Changed, o.Backend = zerolog.Nop(), "", nil, nil, nil
	stage := newBroker(o)
	defer func() { _ = stage.Shutdown(context.Background()) }()
	if err := b.copyTo(stage); err != nil {
		return err
	}
	for _, s := range steps {
		if _, err := s.do(stage); err != nil {
			return &DefinitionError{Object: s.object, Err: err}
		}
	}
	return nil
}
