package perf

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Test is a load whose topology the broker has, and whose clients are connected.
type Test struct {
	load      Load
	addresses []address
	number    uint32 // tells the messages of a test from those of others
	audit     *audit // nil if nothing is verified

	producers []*producer
	consumers []*consumer

	begun                                             time.Time
	published, confirmed, nacked, returned, delivered atomic.Uint64
	latest                                            atomic.Int64 // when something came last, in nanoseconds since 1970
	consumeTimes, confirmTimes                        *timer

	stop      context.Context // done when producers are to end
	cancel    context.CancelFunc
	failed    atomic.Pointer[error]
	progress  chan struct{} // something has come
	consuming atomic.Int64  // consumers that want more
	enough    chan struct{} // closed when there is none
	over      chan struct{} // closed when consumers are to end
}

// Prepare declares what a load needs, and connects its clients.
func Prepare(ctx context.Context, l Load) (*Test, error) {
	if err := l.check(); err != nil {
		return nil, LoadError{err}
	}
	h := fnv.New32a()
	fmt.Fprintf(h, "%s %d", l.ID, time.Now().UnixNano())
	t := &Test{
		load: l, number: h.Sum32(), consumeTimes: newTimer(), confirmTimes: newTimer(),
		progress: make(chan struct{}, 1), enough: make(chan struct{}), over: make(chan struct{}),
	}
	for _, uri := range l.URIs {
		a, err := parseURI(uri, l.TLS)
		if err != nil {
			return nil, LoadError{err}
		}
		t.addresses = append(t.addresses, a)
	}
	if l.Verify {
		t.audit = newAudit(&t.load, t.number)
	}
	if err := t.load.declare(ctx, t.addresses[0]); err != nil {
		return nil, err
	}
	if err := t.connectAll(ctx); err != nil {
		t.abandon()
		return nil, errors.Join(err, t.Close(context.WithoutCancel(ctx)))
	}
	return t, nil
}

// Close has the broker forget what was declared, if the topology says so. It is
// for after Run.
func (t *Test) Close(ctx context.Context) error {
	if !t.load.Remove {
		return nil
	}
	return t.load.remove(ctx, t.addresses[0])
}

// connect opens the connection of a client, by its number.
func (t *Test) connect(ctx context.Context, i int) (*client, error) {
	return connect(ctx, t.addresses[i%len(t.addresses)])
}

// Run carries the load out, once. When ctx is done producers stop, and the test
// ends as it does when its time is up. What an error leaves of the result is
// what was counted until then.
func (t *Test) Run(ctx context.Context) (Result, error) {
	t.stop, t.cancel = context.WithCancel(ctx)
	defer t.cancel()
	if t.load.Time > 0 {
		end := time.AfterFunc(t.load.Time, t.cancel)
		defer end.Stop()
	}
	var reading, reporting sync.WaitGroup
	t.begun = time.Now()
	done := make(chan struct{})
	reporting.Go(func() { t.sample(done) })
	t.startConsumers(&reading)
	t.publish()
	sent := time.Now()
	if t.load.Backlog && t.failure() == nil {
		if err := t.connectConsumers(context.WithoutCancel(ctx)); err != nil {
			t.fail(err)
		}
		t.startConsumers(&reading)
	}
	t.awaitConsumers(ctx.Done())
	close(t.over)
	for _, k := range t.consumers {
		k.end()
	}
	reading.Wait()
	close(done)
	reporting.Wait()
	return t.result(sent), t.failure()
}

// connectAll has all clients there before the first message.
func (t *Test) connectAll(ctx context.Context) error {
	if !t.load.Backlog {
		if err := t.connectConsumers(ctx); err != nil {
			return err
		}
	}
	for i := range t.load.Producers {
		p, err := t.newProducer(ctx, i)
		if err != nil {
			return err
		}
		t.producers = append(t.producers, p)
	}
	return nil
}

func (t *Test) connectConsumers(ctx context.Context) error {
	for i := range t.load.Consumers {
		k, err := t.newConsumer(ctx, i)
		if err != nil {
			return err
		}
		t.consumers = append(t.consumers, k)
	}
	return nil
}

// abandon ends what was connected in vain.
func (t *Test) abandon() {
	for _, p := range t.producers {
		p.c.abort()
	}
	for _, k := range t.consumers {
		k.c.abort()
	}
}

// startConsumers has them read.
func (t *Test) startConsumers(reading *sync.WaitGroup) {
	t.consuming.Store(int64(len(t.consumers)))
	for _, k := range t.consumers {
		reading.Go(func() {
			if err := k.run(); err != nil {
				t.fail(err)
			}
			if t.consuming.Add(-1) == 0 {
				close(t.enough)
			}
		})
	}
}

// publish has the producers publish, and waits for them.
func (t *Test) publish() {
	var producing sync.WaitGroup
	for _, p := range t.producers {
		go p.read() // ends with the connection; run waits for it
		producing.Go(func() {
			if err := p.run(); err != nil {
				t.fail(err)
			}
		})
	}
	producing.Wait()
}

// awaitConsumers waits for the consumers to have all, or all that they want, or
// for the end, or for the interrupt. Those that verify are not interrupted.
func (t *Test) awaitConsumers(interrupt <-chan struct{}) {
	if len(t.consumers) == 0 {
		return
	}
	stop, want := t.stop.Done(), uint64(math.MaxUint64)
	idle := time.NewTimer(t.load.Patience)
	defer idle.Stop()
	if t.load.Drain {
		stop, want = interrupt, t.expected()
	}
	if t.load.Verify {
		stop = nil
	}
	for t.failure() == nil && t.arrived() < want {
		select {
		case <-t.progress:
			idle.Reset(t.load.Patience)
		case <-t.enough:
			return
		case <-stop:
			return
		case <-idle.C:
			if t.load.Drain {
				return
			}
		}
	}
}

// expected is how many deliveries there are to be. The producers have ended.
func (t *Test) expected() (n uint64) {
	for _, p := range t.producers {
		n += (p.sent - p.refused.count()) * uint64(len(t.load.reached(p.queue)))
	}
	if !t.load.Verify { // then nobody knows which were returned
		n -= min(n, t.returned.Load())
	}
	return n
}

// arrived is how many of those there were.
func (t *Test) arrived() uint64 {
	if t.audit != nil {
		return t.audit.arrived.Load()
	}
	return t.delivered.Load()
}

// count counts deliveries that came at a time.
func (t *Test) count(n uint64, at time.Time) {
	t.latest.Store(at.UnixNano())
	t.delivered.Add(n)
	t.poke()
}

func (t *Test) poke() {
	select {
	case t.progress <- struct{}{}:
	default:
	}
}

// ended tells whether consumers are to end.
func (t *Test) ended() bool {
	select {
	case <-t.over:
		return true
	default:
		return false
	}
}

// fail ends the test. The first reason counts.
func (t *Test) fail(err error) {
	t.failed.CompareAndSwap(nil, &err)
	t.cancel()
	t.poke()
}

func (t *Test) failure() error {
	if err := t.failed.Load(); err != nil {
		return *err
	}
	return nil
}
