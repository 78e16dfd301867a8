package broker

import (
	"fmt"
	"slices"
	"strconv"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
	"github.com/leveretmq/leveret/exchange"
)

// bindAll declares an exchange and queues, bound to it with the key in turn.
func (p *peer) bindAll(x *amqp.ExchangeDeclare, key string, queues ...string) {
	p.t.Helper()
	p.do(1, x)
	for _, q := range queues {
		p.do(1, &amqp.QueueDeclare{Queue: q, Durable: x.Durable})
		p.do(1, &amqp.QueueBind{Queue: q, Exchange: x.Exchange, RoutingKey: key})
	}
}

// to publishes a message on channel 1.
func (p *peer) to(exchange, key string, props amqp.BasicProperties, body string) {
	p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: exchange, RoutingKey: key, Mandatory: true}, props, []byte(body), 131072))
}

// where empties queues and says in which one each body was. No body may be
// there twice.
func (p *peer) where(queues ...string) map[string]string {
	p.t.Helper()
	found := map[string]string{}
	for _, q := range queues {
		for _, body := range p.drain(q) {
			if found[body] != "" {
				p.t.Errorf("%s is in %s and %s", body, found[body], q)
			}
			found[body] = q
		}
	}
	return found
}

// XTYP-29, XTYP-33, XTYP-34: what a channel remembers of one message does not
// bind the next one.
func TestOneOfManyQueuesGetsAMessage(t *testing.T) {
	queues := []string{"a", "b", "c", "d"}
	header := func(i int) amqp.BasicProperties {
		return amqp.BasicProperties{Headers: amqp.Table{{Key: "h", Value: int32(i)}}}
	}
	plain := func(int) amqp.BasicProperties { return amqp.BasicProperties{} }
	for _, c := range []struct {
		name, kind string
		args       amqp.Table
		key        func(i int) string
		props      func(i int) amqp.BasicProperties
	}{
		{"hash of the key", exchange.ConsistentHash, nil, strconv.Itoa, plain},
		{"modulus of the key", exchange.ModulusHash, nil, strconv.Itoa, plain},
		{
			"modulus of the key and others", exchange.ModulusHash, nil, func(int) string { return "k" },
			func(i int) amqp.BasicProperties {
				return amqp.BasicProperties{Headers: amqp.Table{{Key: "BCC", Value: amqp.Array{strconv.Itoa(i)}}}}
			},
		},
		{"hash of a header", exchange.ConsistentHash, amqp.Table{{Key: "hash-header", Value: "h"}}, func(int) string { return "k" }, header},
		{
			"hash of a property", exchange.ConsistentHash,
			amqp.Table{{Key: "hash-property", Value: "message_id"}},
			func(int) string { return "k" },
			func(i int) amqp.BasicProperties { return amqp.BasicProperties{MessageID: strconv.Itoa(i)} },
		},
		{"random", exchange.Random, nil, func(int) string { return "k" }, plain},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := connect(t, New(Options{}), 1)
			p.bindAll(&amqp.ExchangeDeclare{Exchange: "x", Type: c.kind, Arguments: c.args}, "1", queues...)
			found := map[string]int{}
			var first map[string]string
			for range 2 {
				for i := range 200 {
					p.to("x", c.key(i), c.props(i), strconv.Itoa(i))
				}
				got := p.where(queues...)
				if len(got) != 200 {
					t.Fatalf("%d of 200 messages arrived", len(got))
				}
				for body, q := range got {
					if found[q]++; first != nil && c.kind != exchange.Random && first[body] != q {
						t.Errorf("%s went to %s, then to %s", body, first[body], q)
					}
				}
				first = got
			}
			for _, q := range queues {
				if found[q] < 40 {
					t.Errorf("%s has only %d of 400", q, found[q])
				}
			}
		})
	}
}

// A consistent hash exchange looks at no other key, and sends one copy.
func TestFurtherKeysDoNotCountInAConsistentHash(t *testing.T) {
	p := connect(t, New(Options{}), 1)
	p.bindAll(&amqp.ExchangeDeclare{Exchange: "x", Type: exchange.ConsistentHash}, "1", "a", "b", "c", "d")
	for i := range 50 {
		p.to("x", "k", amqp.BasicProperties{Headers: amqp.Table{{Key: "CC", Value: amqp.Array{strconv.Itoa(i)}}}}, strconv.Itoa(i))
	}
	got := p.where("a", "b", "c", "d")
	for body, q := range got {
		if q != got["0"] {
			t.Errorf("%s is in %s, 0 in %s", body, q, got["0"])
		}
	}
	if len(got) != 50 {
		t.Errorf("%d messages", len(got))
	}
}

// XTYP-29: without bindings nothing is found, and the alternate exchange has it;
// exchanges may be behind it.
func TestOneOfManyWithOtherExchanges(t *testing.T) {
	for _, kind := range []string{exchange.ConsistentHash, exchange.ModulusHash, exchange.Random, exchange.RecentHistory} {
		t.Run(kind, func(t *testing.T) {
			p := connect(t, New(Options{}), 1)
			p.bindAll(&amqp.ExchangeDeclare{Exchange: "other", Type: exchange.Fanout}, "", "q")
			p.do(1, &amqp.ExchangeDeclare{Exchange: "x", Type: kind})
			p.to("x", "k", amqp.BasicProperties{}, "m")
			if m, ok := nextMethod(p).(*amqp.BasicReturn); !ok || m.ReplyCode != 312 {
				t.Fatalf("got %+v", m)
			}
			p.content()
			p.do(1, &amqp.ExchangeDelete{Exchange: "x"})
			p.do(1, &amqp.ExchangeDeclare{Exchange: "x", Type: kind, Arguments: amqp.Table{{Key: "alternate-exchange", Value: "other"}}})
			p.to("x", "k", amqp.BasicProperties{}, "alternate")
			p.do(1, &amqp.ExchangeDeclare{Exchange: "y", Type: kind})
			p.do(1, &amqp.ExchangeBind{Source: "y", Destination: "x", RoutingKey: "1"})
			p.to("y", "k", amqp.BasicProperties{}, "through both")
			p.do(1, &amqp.ExchangeBind{Source: "x", Destination: "other", RoutingKey: "1"})
			p.to("y", "k", amqp.BasicProperties{}, "bound")
			want := []string{"alternate", "through both", "bound"}
			if kind == exchange.RecentHistory { // which goes to what is bound later, too
				want = []string{"alternate", "through both", "alternate", "through both", "bound"}
			}
			if got := p.drain("q"); !slices.Equal(got, want) {
				t.Errorf("%q, not %q", got, want)
			}
		})
	}
}

func nextMethod(p *peer) amqp.Method {
	p.t.Helper()
	_, m := p.NextMethod()
	return m
}

func TestWeightsAndArgumentsOfExchangesAreChecked(t *testing.T) { // XTYP-28, XTYP-30, XTYP-37
	p := connect(t, New(Options{}), 1)
	p.declare("q")
	p.do(1, &amqp.ExchangeDeclare{Exchange: "x", Type: exchange.ConsistentHash})
	refuse := func(m amqp.Method, want string) {
		t.Helper()
		c, ok := p.call(1, m).(*amqp.ChannelClose)
		if !ok || c.ReplyText != want || c.ReplyCode != 406 || m.ID().Class() != c.ClassID {
			t.Errorf("got %+v, want %s", c, want)
		}
		p.SendMethods(1, &amqp.ChannelCloseOk{})
		p.OpenChannel(1)
	}
	refuse(&amqp.QueueBind{Queue: "q", Exchange: "x", RoutingKey: "abc"},
		`PRECONDITION_FAILED - The binding key must be an integer: <<"abc">>`)
	refuse(&amqp.ExchangeBind{Destination: "amq.fanout", Source: "x", RoutingKey: "0"},
		"PRECONDITION_FAILED - The binding key must be greater than 0")
	refuse(&amqp.ExchangeDeclare{Exchange: "y", Type: exchange.ConsistentHash, Arguments: amqp.Table{{Key: "hash-property", Value: "foo"}}},
		"PRECONDITION_FAILED - Unsupported property: foo")
	refuse(&amqp.ExchangeDeclare{Exchange: "y", Type: exchange.RecentHistory, Arguments: amqp.Table{{Key: "x-recent-history-length", Value: int32(0)}}},
		"PRECONDITION_FAILED - Invalid argument 0, 'x-recent-history-length' must be a positive integer")
	refuse(&amqp.ExchangeDeclare{Exchange: "y", Type: exchange.RecentHistory, Arguments: amqp.Table{
		{Key: "x-recent-history-length", Value: int32(0)}, {Key: "alternate-exchange", Value: int32(0)},
	}}, "PRECONDITION_FAILED - invalid type 'signedint' for arg 'alternate-exchange' in exchange 'y' in vhost '/'")
	p.do(1, &amqp.ExchangeDeclare{Exchange: "x", Type: exchange.ConsistentHash, Arguments: amqp.Table{{Key: "hash-property", Value: "foo"}}})
}

// XTYP-44, XTYP-45: what is not there is refused, not accepted silently.
func TestTypesThatAreNotThere(t *testing.T) {
	for _, kind := range []string{"x-jms-topic", "x-event", "x-federation-upstream", "x-local-random", "X-Random"} {
		p := connect(t, New(Options{}), 1)
		p.SendMethods(1, &amqp.ExchangeDeclare{Exchange: "x", Type: kind})
		c, ok := nextMethod(p).(*amqp.ConnectionClose)
		if want := fmt.Sprintf("COMMAND_INVALID - unknown exchange type '%s'", kind); !ok || c.ReplyCode != 503 || c.ReplyText != want {
			t.Errorf("%s: %+v", kind, c)
		}
		p.Close()
	}
}

// XTYP-29, XTYP-33: what goes by a hash goes the same way after a restart,
// whatever was unbound before.
func TestHashesFindTheSameAfterARestart(t *testing.T) {
	queues := []string{"a", "b", "c", "d", "e"}
	for _, kind := range []string{exchange.ConsistentHash, exchange.ModulusHash} {
		t.Run(kind, func(t *testing.T) {
			b := openIn(t, t.TempDir())
			p := connect(t, b, 1)
			p.bindAll(&amqp.ExchangeDeclare{Exchange: "x", Type: kind, Durable: true}, "3", queues...)
			p.do(1, &amqp.QueueBind{Queue: "a", Exchange: "x", RoutingKey: "7"})
			p.do(1, &amqp.QueueUnbind{Queue: "a", Exchange: "x", RoutingKey: "3"})
			p.do(1, &amqp.QueueUnbind{Queue: "c", Exchange: "x", RoutingKey: "3"})
			p.do(1, &amqp.QueueBind{Queue: "c", Exchange: "x", RoutingKey: "2"})
			before := p.throughHash(queues)
			p.Quit()
			b = restart(t, b)
			p = connect(t, b, 1)
			after := p.throughHash(queues)
			for body, q := range before {
				if after[body] != q {
					t.Errorf("%s went to %s, then to %s", body, q, after[body])
				}
			}
		})
	}
}

func (p *peer) throughHash(queues []string) map[string]string {
	for i := range 100 {
		p.to("x", strconv.Itoa(i), amqp.BasicProperties{}, strconv.Itoa(i))
	}
	return p.where(queues...)
}
