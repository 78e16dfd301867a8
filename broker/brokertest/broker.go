package brokertest

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/leveretmq/leveret/broker"
)

// Broker is a broker for tests. All its methods may be called by any goroutine,
// but those that take a testing.TB only where that may fail a test: they end it
// if something goes wrong.
type Broker struct {
	*Vhost // the first one

	// What the options say; immutable.
	options   broker.Options
	onDisk    bool
	inProcess bool
	patience  time.Duration

	clock    *clock
	events   events
	faults   faults
	records  records
	listener net.Listener // nil: there is none

	serving sync.WaitGroup // accept, and what serves each connection

	changing sync.Mutex // held to start and stop; above mu

	mu      sync.Mutex // guards what follows; a leaf
	running *broker.Broker
	conns   []*Connection // those that have not ended, in the order in which they came
	dialed  int           // in-process connections so far
}

// Start returns a broker that runs and accepts connections, until the end of the
// test. It keeps everything in memory, listens on a free port of 127.0.0.1, and
// has the user guest with the password guest.
func Start(t testing.TB, options ...Option) *Broker {
	t.Helper()
	b, err := New(options...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := b.Close(); err != nil {
			t.Errorf("close the broker: %v", err)
		}
	})
	return b
}

// New is Start without a test, for TestMain and programs: the broker is there
// until Close.
func New(options ...Option) (*Broker, error) {
	b := &Broker{patience: 10 * time.Second, clock: newClock(time.Time{}, false)}
	b.faults.broker, b.faults.seed = b, 1
	b.options.Vhosts, b.options.LoginDelay = []string{"/"}, -1
	for _, option := range options {
		option(b)
	}
	b.Vhost = b.Of(b.options.Vhosts[0])
	if err := b.prepare(); err != nil {
		return nil, err
	}
	if err := b.up(); err != nil {
		return nil, errors.Join(err, b.Close())
	}
	return b, nil
}

// prepare makes what stays when the broker restarts.
func (b *Broker) prepare() (err error) {
	b.options.Clock, b.options.Changed, b.options.Backend = b.clock, b.events.notify, b.wrap
	if b.onDisk {
		if b.options.DataDir, err = os.MkdirTemp("", "brokertest-"); err != nil {
			return err
		}
		b.options.Durability = durability
	}
	if b.inProcess {
		return nil
	}
	if b.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		return err
	}
	b.serving.Go(b.accept) // until the listener is closed, by Close
	return nil
}

// up starts the broker.
func (b *Broker) up() error {
	running, err := broker.Open(b.options)
	if err != nil {
		return err
	}
	b.faults.begin()
	b.mu.Lock()
	defer b.mu.Unlock()
	b.running = running
	return nil
}

// farewell is how long clients have to take note that the broker goes away.
const farewell = time.Second

// down ends the broker, in order or abruptly.
func (b *Broker) down(kill bool) error {
	b.mu.Lock()
	running := b.running
	b.running = nil
	b.mu.Unlock()
	if running == nil {
		return nil
	}
	b.faults.release()
	ctx, cancel := context.WithTimeout(context.Background(), farewell)
	defer cancel()
	if kill {
		cancel()
		running.Kill()
		b.DropConnections()
	}
	err := running.Shutdown(ctx)
	if kill || errors.Is(err, context.DeadlineExceeded) {
		return nil // clients that do not leave are none of the test's business
	}
	return err
}

// Close ends the broker, and all that it has. Start has it called.
func (b *Broker) Close() error {
	b.changing.Lock()
	defer b.changing.Unlock()
	err := b.down(false)
	if b.listener != nil {
		b.listener.Close()
	}
	b.clock.stop()
	b.serving.Wait()
	if b.onDisk {
		err = errors.Join(err, os.RemoveAll(b.options.DataDir))
	}
	return err
}

// Stop ends the broker in order: clients are told by connection.close. Until
// Restart nobody can connect, but the port stays the broker's.
func (b *Broker) Stop(t testing.TB) {
	t.Helper()
	b.changing.Lock()
	defer b.changing.Unlock()
	if err := b.down(false); err != nil {
		t.Fatalf("stop the broker: %v", err)
	}
}

// Kill ends the broker as if its process had been killed: connections break, and
// what is not on disk is gone. With OnDisk that is all that nobody was told to be
// durable, by a confirm for example, and maybe more. Without it that is
// everything.
func (b *Broker) Kill(t testing.TB) {
	t.Helper()
	b.changing.Lock()
	defer b.changing.Unlock()
	if err := b.down(true); err != nil {
		t.Fatalf("kill the broker: %v", err)
	}
}

// Restart starts the broker again, at the same address, after Stop or Kill, or
// stops it first. With OnDisk it has what is durable, otherwise nothing. Clock and
// faults go on as they are.
func (b *Broker) Restart(t testing.TB) {
	t.Helper()
	b.changing.Lock()
	defer b.changing.Unlock()
	err := b.down(false)
	if err == nil {
		err = b.up()
	}
	if err != nil {
		t.Fatalf("restart the broker: %v", err)
	}
}

// Broker is what runs, for all that it can do besides: policies, users, vhosts,
// and so on. Restart makes another one; while none runs it is nil.
func (b *Broker) Broker() *broker.Broker {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.running
}

// Now is the time by the broker's clock.
func (b *Broker) Now() time.Time { return b.clock.Now() }

// Advance moves the broker's clock by d, and with it all that is to happen until
// then: messages and queues expire, delays end, consumers are late, heartbeats are
// sent and missed. Things happen in their order, each at its moment, and what they
// cause in the broker has been done before the next, and when Advance returns: what
// it sends is on its way. Clients, whose clocks do not move, count as alive
// meanwhile, unless they are unplugged.
func (b *Broker) Advance(d time.Duration) {
	b.clock.advance(d, b.keepAlive, b.settle)
}

// keepAlive has clients count as alive.
func (b *Broker) keepAlive() {
	for _, k := range b.Connections() {
		if !k.unplugged.Load() {
			k.protocol.Touch()
		}
	}
}

// settle waits until what was begun has been done.
func (b *Broker) settle() {
	if running := b.Broker(); running != nil {
		ctx, cancel := context.WithTimeout(context.Background(), b.patience)
		defer cancel()
		running.Settle(ctx)
	}
}
