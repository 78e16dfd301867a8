package broker

import (
	"testing"

	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/exchange"
)

// An exchange may be deleted after a publisher has found its route.
func TestARouteOutlivesItsExchange(t *testing.T) {
	v := newVhost("/", zerolog.Nop())
	v.addExchange(&namedExchange{name: "x", kind: exchange.Headers})
	rt, err := v.route("x", "k")
	if err != nil || !rt.each {
		t.Fatalf("%+v, %v", rt, err)
	}
	if err := v.deleteExchange("x", false); err != nil {
		t.Fatal(err)
	}
	s := &session{vhost: v}
	content := amqp.NewContent(amqp.Properties{0, 0}, nil)
	if got := s.reroute(rt, nil, &content); len(got.queues) > 0 {
		t.Errorf("it leads to %v", got.queues)
	}
}
