package broker

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
	"github.com/leveretmq/leveret/storage"
)

// kept is a broker with a directory, which ends with the test.
type kept struct {
	*Broker
	t       testing.TB
	options Options
}

func keep(t testing.TB) *kept { return keepWith(t, Options{}) }

func keepWith(t testing.TB, o Options) *kept {
	o.DataDir = filepath.Join(t.TempDir(), "data")
	k := &kept{t: t, options: o}
	k.open()
	t.Cleanup(func() { k.stop() })
	return k
}

func (k *kept) open() {
	k.t.Helper()
	b, err := Open(k.options)
	if err != nil {
		k.t.Fatal(err)
	}
	k.Broker = b
}

// stop shuts the broker down; who is connected is cut.
func (k *kept) stop() {
	k.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if err := k.Shutdown(ctx); err != nil && !errors.Is(err, context.Canceled) {
		k.t.Error(err)
	}
}

// restart is a stop and a start on the same directory.
func (k *kept) restart() {
	k.t.Helper()
	k.stop()
	k.open()
}

// crash is a start on the directory as it is between two groups, while the
// broker runs.
func (k *kept) crash() {
	k.t.Helper()
	release := hold(k.t, k.Broker)
	dir := copyOf(k.t, k.options.DataDir)
	release()
	k.stop()
	k.options.DataDir = dir
	k.open()
}

// copyOf copies a directory that is in use.
func copyOf(t testing.TB, from string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "data")
	for {
		err := os.CopyFS(dir, os.DirFS(from))
		if err == nil {
			return dir
		}
		if !errors.Is(err, os.ErrNotExist) { // but for a segment that has just been prepared and got its name
			t.Fatal(err)
		}
		dir += "-"
	}
}

// afterwards runs a test with each way to stop.
func afterwards(t *testing.T, f func(t *testing.T, k *kept, again func())) {
	for name, again := range map[string]func(*kept){"stopped": (*kept).restart, "killed": (*kept).crash} {
		t.Run(name, func(t *testing.T) {
			k := keep(t)
			f(t, k, func() { again(k) })
		})
	}
}

// durableTopology is what of a broker is to be there after a restart.
func durableTopology(b *Broker) (all []string) {
	add := func(format string, args ...any) { all = append(all, fmt.Sprintf(format, args...)) }
	for name, v := range b.vhosts.byName {
		add("vhost %q", name)
		for _, q := range v.queues {
			if q.durable {
				add("%s/queue %s autoDelete=%v type=%s single=%v %v", name, q.name, q.autoDelete, q.kind.module, q.single, q.arguments)
			}
		}
		for _, x := range v.exchanges {
			if !x.durable {
				continue
			}
			add("%s/exchange %s %s autoDelete=%v internal=%v %v", name, x.name, x.kind, x.autoDelete, x.internal, x.arguments)
			for k, d := range x.bindings {
				if (*k.to.bound())[k] != x {
					add("the binding %v is unknown where it leads", k)
				}
				if k.to.lasts() {
					add("%s/binding %s -> %v %q %v", name, k.source, k.to.end(), k.key, d.arguments)
				}
			}
		}
	}
	slices.Sort(all)
	return all
}

func wantTopology(t interface {
	Helper()
	Errorf(string, ...any)
}, b *Broker, want []string,
) {
	t.Helper()
	if got := durableTopology(b); !slices.Equal(got, want) {
		t.Errorf("there are\n\t%s\nwant\n\t%s", strings.Join(got, "\n\t"), strings.Join(want, "\n\t"))
	}
}

// there tells whether a passive declaration succeeds; 404 is no.
func (p *peer) there(m amqp.Method) bool {
	p.t.Helper()
	switch answer := p.call(1, m).(type) {
	case *amqp.ChannelClose:
		if answer.ReplyCode != uint16(amqp.NotFound) {
			p.t.Fatalf("%+v is answered by %+v", m, answer)
		}
		p.SendMethods(1, &amqp.ChannelCloseOk{})
		p.OpenChannel(1)
		return false
	default:
		return true
	}
}

func (p *peer) hasQueue(name string) bool {
	p.t.Helper()
	return p.there(&amqp.QueueDeclare{Queue: name, Passive: true})
}

func (p *peer) hasExchange(name string) bool {
	p.t.Helper()
	return p.there(&amqp.ExchangeDeclare{Exchange: name, Passive: true})
}

// DUR-01, DUR-02, DUR-05, DUR-06
func TestDurableExchangesAndQueuesSurvive(t *testing.T) {
	afterwards(t, func(t *testing.T, k *kept, again func()) {
		p := connect(t, k.Broker, 1)
		for name, m := range map[string]*amqp.ExchangeDeclare{
			"x":           {Durable: true, Type: "topic", Arguments: amqp.Table{{Key: "alternate-exchange", Value: "amq.fanout"}}},
			"x.transient": {Type: "topic"},
			"x.auto":      {Durable: true, AutoDelete: true, Type: "fanout"},
			"x.internal":  {Durable: true, Internal: true, Type: "headers"},
		} {
			m.Exchange = name
			p.do(1, m)
		}
		for name, m := range map[string]*amqp.QueueDeclare{
			"q":           {Durable: true, Arguments: append(amqp.Table{{Key: "x-max-length", Value: int64(7)}}, everyArgument...)},
			"q.transient": {},
			"q.auto":      {Durable: true, AutoDelete: true},
			"q.exclusive": {Durable: true, Exclusive: true},
			"q.quorum":    {Durable: true, Arguments: amqp.Table{{Key: "x-queue-type", Value: "quorum"}}},
			"q.single":    {Durable: true, Arguments: amqp.Table{{Key: "x-single-active-consumer", Value: true}}},
		} {
			m.Queue = name
			p.do(1, m)
		}
		want := durableTopology(k.Broker)
		again()
		wantTopology(t, k.Broker, want)

		p = connect(t, k.Broker, 1)
		for name, want := range map[string]bool{"x": true, "x.transient": false, "x.auto": true, "x.internal": true, "amq.topic": true} {
			if got := p.hasExchange(name); got != want {
				t.Errorf("the exchange %s is there: %v", name, got)
			}
		}
		for name, want := range map[string]bool{"q": true, "q.transient": false, "q.auto": true, "q.exclusive": false, "q.quorum": true} {
			if got := p.hasQueue(name); got != want {
				t.Errorf("the queue %s is there: %v", name, got)
			}
		}
		p.do(1, &amqp.QueueDeclare{Queue: "q.exclusive", Exclusive: true})
		p.do(1, &amqp.QueueDeclare{Queue: "q", Durable: true, Arguments: amqp.Table{{Key: "x-max-length", Value: int32(7)}}})
		p.do(1, &amqp.ExchangeDeclare{
			Exchange: "x", Durable: true, Type: "topic",
			Arguments: amqp.Table{{Key: "alternate-exchange", Value: "amq.fanout"}},
		})
	})
}

// DUR-05: the queue goes with the next consumer that leaves, and for good.
func TestADurableAutoDeleteQueueStillDeletesItself(t *testing.T) {
	afterwards(t, func(t *testing.T, k *kept, again func()) {
		connect(t, k.Broker, 1).do(1, &amqp.QueueDeclare{Queue: "q", Durable: true, AutoDelete: true})
		again()
		p := connect(t, k.Broker, 1)
		p.consume(1, "q", "c", true)
		p.do(1, &amqp.BasicCancel{ConsumerTag: "c"})
		if p.hasQueue("q") {
			t.Error("the queue has outlived its consumer")
		}
		p.do(1, &amqp.QueueDeclare{Queue: "later", Durable: true}) // the deletion is in its group, or before
		again()
		if connect(t, k.Broker, 1).hasQueue("q") {
			t.Error("the queue has come back")
		}
	})
}

// DUR-13
func TestAServerNamedDurableQueueKeepsItsName(t *testing.T) {
	afterwards(t, func(t *testing.T, k *kept, again func()) {
		name := connect(t, k.Broker, 1).do(1, &amqp.QueueDeclare{Durable: true}).(*amqp.QueueDeclareOk).Queue
		again()
		if !connect(t, k.Broker, 1).hasQueue(name) {
			t.Errorf("%s is gone", name)
		}
	})
}

// DUR-03
func TestABindingSurvivesIfBothEndsAreDurable(t *testing.T) {
	afterwards(t, func(t *testing.T, k *kept, again func()) {
		p := connect(t, k.Broker, 1)
		for _, x := range []string{"durable", "via"} {
			p.do(1, &amqp.ExchangeDeclare{Exchange: x, Type: "direct", Durable: true})
		}
		p.do(1, &amqp.ExchangeDeclare{Exchange: "transient", Type: "direct"})
		p.do(1, &amqp.QueueDeclare{Queue: "q", Durable: true})
		p.do(1, &amqp.QueueDeclare{Queue: "q.transient"})
		for key, source := range map[string]string{"a": "durable", "b": "transient", "c": "amq.direct", "d": "amq.topic", "via": "via"} {
			p.do(1, &amqp.QueueBind{Queue: "q", Exchange: source, RoutingKey: key})
			p.do(1, &amqp.QueueBind{Queue: "q.transient", Exchange: source, RoutingKey: key})
		}
		p.do(1, &amqp.ExchangeBind{Destination: "via", Source: "amq.fanout"})
		p.do(1, &amqp.ExchangeBind{Destination: "amq.fanout", Source: "durable", RoutingKey: "round"})
		p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "amq.headers", Arguments: append(amqp.Table{{Key: "x-match", Value: "any"}}, everyArgument...)})
		again()

		p = connect(t, k.Broker, 1)
		p.do(1, &amqp.ExchangeDeclare{Exchange: "transient", Type: "direct"})
		for _, tt := range []struct {
			exchange, key string
			headers       amqp.Table
			arrives       bool
		}{
			{"durable", "a", nil, true},
			{"transient", "b", nil, false},
			{"amq.direct", "c", nil, true},
			{"amq.direct", "x", nil, false},
			{"amq.topic", "d", nil, true},
			{"amq.fanout", "via", nil, true},
			{"amq.fanout", "a", nil, false},
			{"durable", "round", nil, false}, // comes to amq.fanout, and via has no such key
			{"amq.headers", "", amqp.Table{{Key: "I", Value: int32(-4)}}, true},
			{"amq.headers", "", amqp.Table{{Key: "I", Value: int32(4)}}, false},
		} {
			p.Send(amqptest.Publish(1, &amqp.BasicPublish{Exchange: tt.exchange, RoutingKey: tt.key},
				amqp.BasicProperties{Headers: tt.headers}, []byte("m"), 131072))
			p.sync()
			if body, _, _ := p.get("q"); (body == "m") != tt.arrives {
				t.Errorf("%s with %q: it has arrived: %v", tt.exchange, tt.key, body == "m")
			}
		}
		if p.hasQueue("q.transient") {
			t.Error("a queue that is not durable has survived")
		}
	})
}

// What was deleted, by whatever way, stays so.
func TestWhatWasDeletedStaysSo(t *testing.T) {
	afterwards(t, func(t *testing.T, k *kept, again func()) {
		p := connect(t, k.Broker, 1)
		x := func(name string, auto bool) {
			p.do(1, &amqp.ExchangeDeclare{Exchange: name, Type: "fanout", Durable: true, AutoDelete: auto})
		}
		q := func(name string) { p.do(1, &amqp.QueueDeclare{Queue: name, Durable: true}) }
		bind := func(queue, exchange string) { p.do(1, &amqp.QueueBind{Queue: queue, Exchange: exchange}) }
		want := durableTopology(k.Broker)

		x("deleted", false)
		q("deleted")
		bind("deleted", "deleted")
		x("auto", true)
		bind("deleted", "auto")
		x("chain", true)
		p.do(1, &amqp.ExchangeBind{Source: "chain", Destination: "auto"})
		p.do(1, &amqp.ExchangeBind{Source: "amq.topic", Destination: "deleted"})
		p.do(1, &amqp.ExchangeBind{Source: "deleted", Destination: "amq.topic"})
		again()
		p = connect(t, k.Broker, 1)
		p.do(1, &amqp.QueueDelete{Queue: "deleted"}) // takes auto, and that takes chain
		p.do(1, &amqp.ExchangeDelete{Exchange: "deleted"})

		q("unbound")
		want = append(want, durableTopology(k.Broker)...)
		bind("unbound", "amq.fanout")
		x("unbound", false)
		p.do(1, &amqp.ExchangeBind{Source: "unbound", Destination: "amq.fanout", RoutingKey: "k"})
		again()
		p = connect(t, k.Broker, 1)
		p.do(1, &amqp.QueueUnbind{Queue: "unbound", Exchange: "amq.fanout"})
		p.do(1, &amqp.ExchangeUnbind{Source: "unbound", Destination: "amq.fanout", RoutingKey: "k"})
		p.do(1, &amqp.ExchangeDelete{Exchange: "unbound"})
		again()
		slices.Sort(want)
		wantTopology(t, k.Broker, slices.Compact(want))
	})
}

// DUR-11
func TestVhostsSurviveWithWhatIsInThem(t *testing.T) {
	afterwards(t, func(t *testing.T, k *kept, again func()) {
		for _, name := range []string{"a", "", "b ä/\n"} {
			if err := k.CreateVhost(name); err != nil {
				t.Fatal(err)
			}
		}
		guestMay(t, k.Broker, "a")
		p := connectAs(t, k.Broker, amqptest.Login{Vhost: "a"}, 1)
		p.do(1, &amqp.QueueDeclare{Queue: "q", Durable: true})
		p.do(1, &amqp.ExchangeDeclare{Exchange: "x", Type: "direct", Durable: true})
		p.do(1, &amqp.QueueBind{Queue: "q", Exchange: "x"})
		want := durableTopology(k.Broker)
		again()
		wantTopology(t, k.Broker, want)

		p = connectAs(t, k.Broker, amqptest.Login{Vhost: "a"}, 1)
		for _, do := range []func(string) error{k.DeleteVhost, k.CreateVhost} {
			if err := do("a"); err != nil {
				t.Fatal(err)
			}
		}
		p.ExpectClose(0, amqp.ConnectionForced, "CONNECTION_FORCED - vhost 'a' is deleted", 0)
		p.Close()
		again()
		want = slices.DeleteFunc(want, func(s string) bool { return strings.HasPrefix(s, "a/") && !strings.Contains(s, "amq.") })
		wantTopology(t, k.Broker, want)
	})
}

// Nothing is told of before it is durable: while a unit is open, no group is.
func TestAnswersWaitForTheirGroup(t *testing.T) {
	k := keep(t)
	p := connect(t, k.Broker, 1)
	for _, m := range []amqp.Method{
		&amqp.ExchangeDeclare{Exchange: "x", Type: "direct", Durable: true},
		&amqp.QueueDeclare{Queue: "q", Durable: true},
		&amqp.QueueBind{Queue: "q", Exchange: "x"},
		&amqp.ExchangeBind{Source: "x", Destination: "amq.fanout"},
		&amqp.QueueUnbind{Queue: "q", Exchange: "x"},
		&amqp.ExchangeUnbind{Source: "x", Destination: "amq.fanout"},
		&amqp.ExchangeDelete{Exchange: "x"},
		&amqp.QueueDelete{Queue: "q"},
	} {
		k.store.Begin()
		p.SendMethods(1, m)
		p.Conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
		f, err := p.ReadFrame()
		k.store.End()
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("%s was answered at once by %v, %v", m.ID(), f, err)
		}
		p.Conn.SetReadDeadline(time.Now().Add(patience))
		if _, answer := p.NextMethod(); answer.ID().Class() != m.ID().Class() {
			t.Fatalf("%s is answered by %+v", m.ID(), answer)
		}
	}
}

func TestADirectoryHasOneBroker(t *testing.T) {
	k := keep(t)
	if b, err := Open(k.options); !errors.Is(err, storage.ErrInUse) {
		t.Errorf("got %v, %v", b, err)
	}
	k.restart()
}

func TestWithoutADirectoryNothingIsKept(t *testing.T) {
	b, err := Open(Options{})
	if err != nil || b.store != nil {
		t.Fatalf("got %+v, %v", b, err)
	}
	p := connect(t, b, 1)
	p.do(1, &amqp.QueueDeclare{Queue: "q", Durable: true})
	if q := queueOf(b, "q"); q.stored != nil {
		t.Error("the queue is stored")
	}
	p.Quit()
	if err := b.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

// When the store fails, clients are told and cut, also one that does not read.
func TestAFailureEndsTheBroker(t *testing.T) {
	for _, stopping := range []bool{false, true} {
		t.Run(fmt.Sprint("stopping=", stopping), func(t *testing.T) {
			b, err := Open(Options{DataDir: t.TempDir()})
			if err != nil {
				t.Fatal(err)
			}
			deaf, server := net.Pipe()
			defer deaf.Close()
			p := connect(t, b, 1)
			go b.ServeConn(server) // Shutdown waits for it
			amqptest.New(t, deaf).Open(amqptest.Login{})

			why := errors.New("disk on fire")
			ended := make(chan error, 1)
			shutdown := func() { ended <- b.Shutdown(context.Background()) }
			if stopping {
				go shutdown() // waited for below
				p.ExpectClose(0, amqp.ConnectionForced, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'", 0)
			}
			began := time.Now()
			b.fail(why)
			<-b.Failed()
			if !stopping {
				p.ExpectClose(0, amqp.InternalError, "INTERNAL_ERROR - the store has failed", 0)
				go shutdown()
			}
			if err := <-ended; !errors.Is(err, why) {
				t.Errorf("Shutdown returned %v", err)
			}
			if took := time.Since(began); took > 20*time.Second { // who waits for the deaf one takes 30
				t.Errorf("it took %v", took)
			}
		})
	}
}

// DUR-04, DUR-07: what survives is persistent and in a durable queue. After a
// kill any of it may be marked as redelivered.
func TestPersistentMessagesSurvive(t *testing.T) {
	afterwards(t, func(t *testing.T, k *kept, again func()) {
		p := connect(t, k.Broker, 1)
		p.do(1, &amqp.QueueDeclare{Queue: "q", Durable: true})
		p.do(1, &amqp.ConfirmSelect{})
		for i, mode := range []uint8{2, 0, 2, 1, 2} {
			p.Send(amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "q"}, amqp.BasicProperties{DeliveryMode: mode}, []byte(fmt.Sprint(i)), 131072))
		}
		for confirmed := uint64(0); confirmed < 5; {
			_, m := p.NextMethod()
			confirmed = m.(*amqp.BasicAck).DeliveryTag
		}
		if body, _, _ := p.get("q"); body != "0" {
			t.Fatalf("got %q", body)
		}
		again()
		p = connect(t, k.Broker, 1)
		ok := p.do(1, &amqp.QueueDeclare{Queue: "q", Passive: true}).(*amqp.QueueDeclareOk)
		got := p.drain("q")
		if want := []string{"0*", "2", "4"}; ok.MessageCount != 3 || len(got) != 3 || got[0] != want[0] ||
			strings.TrimSuffix(got[1], "*") != want[1] || strings.TrimSuffix(got[2], "*") != want[2] {
			t.Errorf("%d messages are there: %v, want %v", ok.MessageCount, got, want)
		}
	})
}

// What makes no sense is refused, unless losses are accepted: then it is said
// what is gone, once.
func TestMessagesWithoutAQueueAreCountedAsLost(t *testing.T) {
	k := keep(t)
	p := connect(t, k.Broker, 1)
	p.do(1, &amqp.QueueDeclare{Queue: "q", Durable: true})
	p.fill("q", 2, 0, 3, 10)
	k.store.Begin()
	k.store.Drop(queueKind, queueOf(k.Broker, "q").stored.ID())
	k.store.End()
	k.stop()

	var corrupt *storage.CorruptError
	if _, err := Open(k.options); !errors.As(err, &corrupt) {
		t.Fatalf("opened: %v", err)
	}
	i, err := Inspect(k.options.DataDir)
	if err != nil {
		t.Fatal(err)
	}
	if i.Lost != 3 || len(i.Damages) != 1 {
		t.Errorf("%d messages are lost by %q, want 3 by one damage", i.Lost, i.Damages)
	}
	if err := i.Close(); err != nil {
		t.Error(err)
	}
	var log strings.Builder
	k.options.AcceptLoss, k.options.Log = true, zerolog.New(&log)
	k.open()
	if !strings.Contains(log.String(), `"messages":3,"groups":0,"message":"messages are lost"`) {
		t.Errorf("logged %s", &log)
	}
	k.options.AcceptLoss = false
	k.restart()
	if connect(t, k.Broker, 1).hasQueue("q") {
		t.Error("the queue is back")
	}
}
