package broker

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// Whatever has become of the topology, it is there again after each restart,
// and nothing else: recovery takes no entity that leads nowhere.
func TestTheTopologyIsWhatItWas(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		k := keepWith(t, Options{Durability: storage.OS})
		defer k.stop()
		for range rapid.IntRange(1, 3).Draw(rt, "runs") {
			h := hands{T: rt, b: k.Broker}
			for range rapid.IntRange(1, 40).Draw(rt, "steps") {
				h.step()
			}
			want := durableTopology(k.Broker)
			if h.yes("crash") {
				h.await()
				k.crash()
			} else {
				k.restart()
			}
			wantTopology(rt, k.Broker, want)
		}
	})
}

// hands change the topology of a broker at random, and do not mind errors.
type hands struct {
	*rapid.T
	b       *Broker
	session *session // whose exclusive queues there are
}

func (h *hands) one(of string, among ...string) string {
	return rapid.SampledFrom(among).Draw(h.T, of)
}

func (h *hands) yes(what string) bool { return rapid.Bool().Draw(h.T, what) }

func (h *hands) exchange() string {
	return h.one("exchange", "amq.fanout", "amq.topic", "x", "y", "z")
}
func (h *hands) queue() string { return h.one("queue", "x", "q", "r") }

func (h *hands) arguments() amqp.Table {
	return rapid.SampledFrom([]amqp.Table{
		nil,
		{{Key: "x-match", Value: "any"}, {Key: "a", Value: int32(1)}},
		{{Key: "alternate-exchange", Value: "x"}, {Key: "x-single-active-consumer", Value: true}},
	}).Draw(h.T, "arguments")
}

// vhost is one that there is, perhaps just now.
func (h *hands) vhost() *vhost {
	name := h.one("vhost", "a", "a", "a", "b")
	if v := h.b.vhosts.get(name); v != nil {
		return v
	}
	_ = h.b.CreateVhost(name)
	return h.b.vhosts.get(name)
}

// await waits until all is durable.
func (h *hands) await() {
	for _, v := range h.b.vhosts.byName {
		if err := v.awaitTopology(); err != nil {
			h.Fatal(err)
		}
	}
}

func (h *hands) end() end {
	if h.yes("to an exchange") {
		return end{h.exchange(), true}
	}
	return end{h.queue(), false}
}

func (h *hands) step() {
	v := h.vhost()
	if h.session == nil {
		h.session = &session{vhost: v, user: mighty(v), exclusive: map[*queue]struct{}{}}
	}
	key := func() string { return h.one("key", "", "k") }
	switch rapid.IntRange(0, 13).Draw(h.T, "step") {
	case 0, 1, 2:
		_, _ = v.declareQueue(h.queue(), &amqp.QueueDeclare{
			Durable: h.yes("durable"), AutoDelete: h.yes("auto-delete"), Exclusive: h.yes("exclusive") && h.yes("indeed"), Arguments: h.arguments(),
		}, h.session)
	case 3, 4, 5:
		_ = v.declareExchange(h.exchange(), &amqp.ExchangeDeclare{
			Type: h.one("type", "direct", "topic", "headers"), Durable: h.yes("durable"), AutoDelete: h.yes("auto-delete"),
			Internal: h.yes("internal"), Arguments: h.arguments(),
		}, h.session)
	case 6, 7, 8, 9:
		_ = v.bind(h.session, bindingName{h.exchange(), h.end(), key(), h.arguments()})
	case 10:
		_ = v.unbind(h.session, bindingName{h.exchange(), h.end(), key(), h.arguments()})
	case 11:
		_, _ = v.deleteNamed(h.queue(), &amqp.QueueDelete{}, h.session)
	case 12:
		_ = v.deleteExchange(h.one("exchange", "x", "y", "z"), h.yes("if unused"))
	case 13:
		switch h.one("rarely", "delete vhost", "leave", "nothing", "nothing") {
		case "delete vhost":
			_ = h.b.DeleteVhost(v.name)
		case "leave":
			for _, q := range v.exclusiveQueues(h.session) { // of all vhosts
				_, _ = q.vhost.deleteQueue(q, func(*queue) error { return nil })
			}
		}
	}
}
