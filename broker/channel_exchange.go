package broker

import (
	"math/rand/v2"
	"strings"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/exchange"
)

// entityName is a name as it is stored: without CR and LF (EXCH-24, QDEC-34).
func entityName(name string) string {
	if !strings.ContainsAny(name, "\r\n") {
		return name
	}
	return strings.NewReplacer("\r", "", "\n", "").Replace(name)
}

// reserved tells whether a name is the broker's own (EXCH-06, QDEC-04).
func reserved(name string) bool { return strings.HasPrefix(name, "amq.") }

// exchangeDeclare is exchange.declare (40,10).
func (ch *channel) exchangeDeclare(m *amqp.ExchangeDeclare) error {
	name := entityName(m.Exchange)
	var err error
	switch {
	case m.Passive && name != "":
		err = ch.session.vhost.exchangeExists(name)
	case m.Passive: // EXCH-03
		err = defaultExchange()
	default:
		err = ch.session.vhost.declareExchange(name, m, ch.session)
	}
	if err != nil || m.NoWait {
		return err
	}
	return ch.answer(&amqp.ExchangeDeclareOk{})
}

// answer tells that a change of the topology is done, once what is durable of
// it is durable.
func (ch *channel) answer(m amqp.Method) error {
	if err := ch.session.vhost.awaitTopology(); err != nil {
		return err
	}
	ch.out.Send(ch.id, m)
	return nil
}

func (v *vhost) exchangeExists(name string) error { // EXCH-08, EXCH-09
	v.mu.RLock()
	defer v.mu.RUnlock()
	if v.exchanges[name] == nil {
		return noExchange(name, v)
	}
	return nil
}

// declareExchange adds the exchange that a declaration describes, unless it is
// there. What is checked first is in RabbitMQ's order (PERM-05).
func (v *vhost) declareExchange(name string, m *amqp.ExchangeDeclare, s *session) error {
	if err := checkKind(m.Type); err != nil { // before EXCH-03
		return err
	}
	if name == "" {
		return defaultExchange()
	}
	if err := s.mayExchange(configure, name); err != nil {
		return err
	}
	v.begin()
	defer v.end()
	v.mu.Lock()
	defer v.mu.Unlock()
	x := v.exchanges[name]
	if x == nil && reserved(name) { // EXCH-06
		return amqp.AccessRefused.Errorf("exchange name '%s' contains reserved prefix 'amq.*'", name)
	}
	if x != nil {
		return x.equivalent(v, m)
	}
	if err := checkAlternate(name, v, m.Arguments); err != nil {
		return err
	}
	if err := s.mayHaveAlternate(name, m.Arguments); err != nil {
		return err
	}
	if err := checkExchangeArguments(exchangeText(name, v), m.Type, m.Arguments); err != nil {
		return err
	}
	x = &namedExchange{
		name: name, kind: m.Type, durable: m.Durable, autoDelete: m.AutoDelete,
		internal: m.Internal, arguments: m.Arguments,
	}
	v.keepExchange(x)
	v.addExchange(x)
	return nil
}

// checkKind is EXCH-12 and EXCH-13.
func checkKind(kind string) error {
	if _, ok := exchange.New[destination](kind, nil, byEnd, rand.IntN); ok || kind == delayedType {
		return nil
	}
	if kind == "" {
		return amqp.CommandInvalid.Errorf("invalid exchange type ''")
	}
	return amqp.CommandInvalid.Errorf("unknown exchange type '%s'", kind)
}

// checkAlternate is EXCH-23.
func checkAlternate(name string, v *vhost, args amqp.Table) error {
	value, ok := args.Get("alternate-exchange")
	if !ok || isString(value) {
		return nil
	}
	return amqp.PreconditionFailed.Errorf("invalid type '%s' for arg 'alternate-exchange' in %s",
		amqp.TypeName(value), exchangeText(name, v))
}

// equivalent compares a declaration with the exchange in the order of EXCH-18.
func (x *namedExchange) equivalent(v *vhost, m *amqp.ExchangeDeclare) error {
	what := exchangeText(x.name, v)
	switch {
	case m.Type != x.kind:
		return inequivalent("type", what, m.Type, x.kind)
	case m.Durable != x.durable:
		return inequivalent("durable", what, m.Durable, x.durable)
	case m.AutoDelete != x.autoDelete:
		return inequivalent("auto_delete", what, m.AutoDelete, x.autoDelete)
	case m.Internal != x.internal:
		return inequivalent("internal", what, m.Internal, x.internal)
	}
	for _, key := range exchangeArguments {
		if err := compareArgument(key, what, m.Arguments, x.arguments); err != nil {
			return err
		}
	}
	return nil
}

// exchangeArguments are those that declarations are compared by, in their order.
// RabbitMQ has the first one only (EXCH-20 to EXCH-22).
var exchangeArguments = append([]string{"alternate-exchange"}, dedupArguments...)

// exchangeChecks are those of arguments that exchanges of all types have.
var exchangeChecks = append([]argumentCheck{{"x-delayed-exchange", boolean}}, dedupChecks...)

// checkExchangeArguments checks what the type of an exchange thinks of its
// arguments, then those that all have.
func checkExchangeArguments(what, kind string, args amqp.Table) error {
	inner, err := innerType(kind, args)
	if err != nil {
		return err
	}
	if err := exchange.CheckArguments(inner, args); err != nil {
		return err
	}
	for _, c := range exchangeChecks {
		if v, ok := args.Get(c.key); ok {
			if err := c.check(v, args); err != nil {
				return invalidArgument(c.key, what, err)
			}
		}
	}
	return nil
}

// exchangeDelete is exchange.delete (40,20).
func (ch *channel) exchangeDelete(m *amqp.ExchangeDelete) error {
	v, name := ch.session.vhost, entityName(m.Exchange)
	if err := v.checkDeletable(name); err != nil {
		return err
	}
	if err := ch.session.mayExchange(configure, name); err != nil { // PERM-08
		return err
	}
	if err := v.deleteExchange(name, m.IfUnused); err != nil {
		return err
	}
	if m.NoWait {
		return nil
	}
	return ch.answer(&amqp.ExchangeDeleteOk{})
}

// checkDeletable refuses to delete the broker's own exchanges.
func (v *vhost) checkDeletable(name string) error {
	switch {
	case name == "": // EXCH-04
		return defaultExchange()
	case reserved(name): // EXCH-10
		return amqp.AccessRefused.Errorf("deletion of system %s not allowed", exchangeText(name, v))
	}
	return nil
}

func (v *vhost) deleteExchange(name string, ifUnused bool) error {
	v.begin()
	defer v.end()
	v.mu.Lock()
	defer v.mu.Unlock()
	x := v.exchanges[name]
	if x == nil { // EXCH-11
		return nil
	}
	if ifUnused && len(x.bindings) > 0 { // EXCH-25
		return amqp.PreconditionFailed.Errorf("%s in use", exchangeText(x.name, v))
	}
	v.removeExchange(x)
	return nil
}

// exchangeBind is exchange.bind (40,30).
func (ch *channel) exchangeBind(m *amqp.ExchangeBind) error {
	n := bindingName{entityName(m.Source), end{entityName(m.Destination), true}, m.RoutingKey, m.Arguments}
	if err := ch.session.mayBind(n); err != nil {
		return err
	}
	if err := ch.session.vhost.bind(ch.session, n); err != nil {
		return err
	}
	if m.NoWait {
		return nil
	}
	return ch.answer(&amqp.ExchangeBindOk{})
}

// exchangeUnbind is exchange.unbind (40,40).
func (ch *channel) exchangeUnbind(m *amqp.ExchangeUnbind) error {
	n := bindingName{entityName(m.Source), end{entityName(m.Destination), true}, m.RoutingKey, m.Arguments}
	if err := ch.session.mayBind(n); err != nil {
		return err
	}
	if err := ch.session.vhost.unbind(ch.session, n); err != nil {
		return err
	}
	if m.NoWait {
		return nil
	}
	return ch.answer(&amqp.ExchangeUnbindOk{})
}
