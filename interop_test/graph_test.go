package interop

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// autoDeleted declares an exchange that goes with its last binding.
func autoDeleted(t *testing.T, ch *amqp.Channel) string {
	t.Helper()
	name := unique()
	must(t, ch.ExchangeDeclare(name, "fanout", false, true, false, false, nil))
	return name
}

// alternated declares an exchange with an alternate exchange.
func alternated(t *testing.T, ch *amqp.Channel, kind, alternate string) string {
	t.Helper()
	name := unique()
	must(t, ch.ExchangeDeclare(name, kind, false, false, false, false, amqp.Table{"alternate-exchange": alternate}))
	t.Cleanup(func() { janitor.deleteExchange(t, name) })
	return name
}

// there tells whether an exchange exists.
func there(t *testing.T, name string) bool {
	t.Helper()
	return channel(t).ExchangeDeclarePassive(name, "fanout", false, false, false, false, nil) == nil
}

// EXCH-38, EXCH-41, EXCH-42
func TestMessagesGoThroughExchangesOnce(t *testing.T) {
	ch := publisher(t, dial(t))
	a, b, c := exchange(t, ch, "direct"), exchange(t, ch, "topic"), exchange(t, ch, "headers")
	q := private(t, ch)
	must(t, ch.ExchangeBind(b, "k", a, false, nil))
	must(t, ch.ExchangeBind(c, "k", a, false, nil))
	must(t, ch.ExchangeBind(b, "#", b, false, nil))                       // to itself
	must(t, ch.ExchangeBind(a, "", c, false, amqp.Table{"again": "yes"})) // in a circle
	must(t, ch.QueueBind(q, "k", b, false, nil))
	must(t, ch.QueueBind(q, "", c, false, nil))
	put(t, ch, a, "k", "1")
	put(t, ch, a, "l", "lost")
	putMessage(t, ch, c, "k", amqp.Publishing{Headers: amqp.Table{"again": "yes"}, Body: []byte("2")})
	putMessage(t, ch, c, "l", amqp.Publishing{Headers: amqp.Table{"again": "no"}, Body: []byte("3")})
	same(t, "messages", drain(t, ch, q), []string{"1", "2", "3"})
	must(t, ch.ExchangeUnbind(b, "k", a, false, nil))
	must(t, ch.ExchangeUnbind(c, "k", a, false, amqp.Table{"other": "arguments"}))
	put(t, ch, a, "k", "by c")
	must(t, ch.ExchangeUnbind(c, "k", a, false, nil))
	put(t, ch, a, "k", "lost")
	same(t, "messages", drain(t, ch, q), []string{"by c"})
}

// Whether a route depends on headers is a matter of all exchanges on the way.
func TestHeadersExchangesBehindOthersLookAtEachMessage(t *testing.T) {
	ch := publisher(t, dial(t))
	front, behind := exchange(t, ch, "fanout"), exchange(t, ch, "headers")
	must(t, ch.ExchangeBind(behind, "", front, false, nil))
	q := private(t, ch)
	must(t, ch.QueueBind(q, "", behind, false, amqp.Table{"kind": "wanted"}))
	for _, kind := range []string{"wanted", "other", "wanted", "other"} {
		putMessage(t, ch, front, "", amqp.Publishing{Headers: amqp.Table{"kind": kind}, Body: []byte(kind)})
	}
	same(t, "messages", drain(t, ch, q), []string{"wanted", "wanted"})
}

// EXCH-30, EXCH-31, EXCH-32
func TestAutoDeleteExchangesGoOneAfterTheOther(t *testing.T) {
	ch := open(t, dial(t))
	chain := []string{autoDeleted(t, ch), autoDeleted(t, ch), autoDeleted(t, ch)}
	q := private(t, ch)
	must(t, ch.ExchangeBind(chain[1], "", chain[0], false, nil))
	must(t, ch.ExchangeBind(chain[2], "", chain[1], false, nil))
	must(t, ch.QueueBind(q, "", chain[2], false, nil))
	_, err := ch.QueueDelete(q, false, false, false)
	must(t, err)
	for _, x := range chain {
		if there(t, x) {
			t.Errorf("%s is still there", x)
		}
	}
	source, destination := exchange(t, ch, "fanout"), autoDeleted(t, ch)
	must(t, ch.ExchangeBind(destination, "", source, false, nil))
	must(t, ch.ExchangeUnbind(destination, "", source, false, nil))
	if !there(t, destination) {
		t.Error("an exchange that was only ever a destination is gone")
	}
	must(t, ch.ExchangeDelete(destination, false, false))
}

func TestAutoDeleteExchangesInACircleGoTogether(t *testing.T) {
	ch := open(t, dial(t))
	a, b := autoDeleted(t, ch), autoDeleted(t, ch)
	must(t, ch.ExchangeBind(b, "", a, false, nil))
	must(t, ch.ExchangeBind(a, "", b, false, nil))
	must(t, ch.ExchangeBind(a, "", a, false, nil))
	must(t, ch.ExchangeDelete(a, false, false))
	if there(t, b) {
		t.Error("the other one is still there")
	}
}

// EXCH-33 to EXCH-36
func TestAlternateExchangesGetWhatLeadsNowhere(t *testing.T) {
	ch := publisher(t, dial(t))
	returns := ch.NotifyReturn(make(chan amqp.Return, 10))
	last, q := exchange(t, ch, "fanout"), private(t, ch)
	must(t, ch.QueueBind(q, "", last, false, nil))
	middle := alternated(t, ch, "direct", last)
	first := alternated(t, ch, "direct", middle)
	own := private(t, ch)
	must(t, ch.QueueBind(own, "own", first, false, nil))

	put(t, ch, first, "own", "1")
	put(t, ch, first, "nobody's", "2")
	same(t, "the queue of the first", drain(t, ch, own), []string{"1"})
	same(t, "the queue of the last", drain(t, ch, q), []string{"2"})

	loop := unique()
	must(t, ch.ExchangeDeclare(loop, "direct", false, false, false, false, amqp.Table{"alternate-exchange": loop}))
	missing, nowhere := alternated(t, ch, "direct", unique()), exchange(t, ch, "direct")
	must(t, ch.ExchangeBind(nowhere, "k", first, false, nil)) // a binding, though one that leads to no queue
	for _, x := range []string{loop, missing, first} {
		must(t, ch.PublishWithContext(t.Context(), x, "k", true, false, text(x)))
		equal(t, "returned", await(t, returns, "a return").Exchange, x)
	}
	must(t, ch.ExchangeDelete(loop, false, false))
	wantReady(t, ch, q, 0)
}

// PUB-11, PUB-12, PUB-14, PUB-15
func TestFurtherRoutingKeys(t *testing.T) {
	ch := publisher(t, dial(t))
	returns := ch.NotifyReturn(make(chan amqp.Return, 10))
	a, b, c := private(t, ch), private(t, ch), private(t, ch)
	m := amqp.Publishing{Body: []byte("x"), Headers: amqp.Table{
		"CC": []any{b, a, int32(7), b}, "BCC": []any{c}, "kept": "yes",
	}}
	must(t, ch.PublishWithContext(t.Context(), "", a, true, false, m))
	must(t, ch.PublishWithContext(t.Context(), "", unique(), true, false, m))
	for _, q := range []string{a, b, c} {
		for range 2 {
			d := get(t, ch, q)
			if _, ok := d.Headers["BCC"]; ok || d.Headers["kept"] != "yes" || len(d.Headers["CC"].([]any)) != 4 {
				t.Errorf("headers %v", d.Headers)
			}
		}
		wantReady(t, ch, q, 0)
	}
	x := exchange(t, ch, "topic")
	must(t, ch.QueueBind(a, "one.*", x, false, nil))
	must(t, ch.QueueBind(a, "#.two", x, false, nil))
	must(t, ch.QueueBind(b, "*.two", x, false, nil))
	putMessage(t, ch, x, "one.two", amqp.Publishing{Headers: amqp.Table{"CC": []any{"one.three"}}, Body: []byte("1")})
	putMessage(t, ch, x, "nothing", amqp.Publishing{Headers: amqp.Table{"BCC": []any{"any.two"}}, Body: []byte("2")})
	same(t, "messages", drain(t, ch, a), []string{"1", "2"})
	same(t, "messages", drain(t, ch, b), []string{"1", "2"})
	select {
	case r := <-returns:
		t.Errorf("returned: %v", r)
	default:
	}
}
