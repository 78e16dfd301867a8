package broker

import (
	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/exchange"
)

// route is where publishes to an exchange with a routing key go.
type route struct {
	origin
	queues     []*queue
	exchange   *namedExchange // set where every message is matched by itself
	generation uint64         // of the vhost's topology
}

// route finds the queues of a publish (PUB-01, EXCH-28).
func (v *vhost) route(exchangeName, key string) (*route, error) {
	v.mu.RLock()
	defer v.mu.RUnlock()
	rt := &route{origin: origin{exchangeName, key}}
	if exchangeName == "" { // EXCH-02
		if q := v.queues[key]; q != nil {
			rt.queues = []*queue{q}
		}
		return rt, nil
	}
	x := v.exchanges[exchangeName]
	switch {
	case x == nil:
		return nil, noExchange(exchangeName, v)
	case x.internal:
		return nil, amqp.AccessRefused.Errorf("cannot publish to internal exchange '%s' in vhost '%s'", x.name, v.name)
	case !exchange.ByKey(x.kind):
		rt.exchange = x
	default:
		rt.queues = x.matcher.Match(nil, key, nil)
	}
	return rt, nil
}

// match finds the queues of one message of a route whose exchange looks at
// more than the routing key.
func (v *vhost) match(rt *route, p amqp.Properties) *route {
	v.mu.RLock()
	defer v.mu.RUnlock()
	return &route{origin: rt.origin, queues: rt.exchange.matcher.Match(nil, rt.key, p)}
}
