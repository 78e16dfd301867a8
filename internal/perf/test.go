package perf

import (
	"context"
	"errors"
	"fmt"
	"hash/fnv"
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

	publishing []*producerConn
	consuming  []*consumerConn
	producers  []*producer // of all connections, also of those that were lost; guarded by mu while there are such

	mu        sync.Mutex    // guards connections of consumers, which change when they are lost
	recovered atomic.Uint64 // connections

	begun                                             time.Time
	published, confirmed, nacked, returned, delivered atomic.Uint64
	latest                                            atomic.Int64 // when something came last, in nanoseconds since 1970
	consumeTimes, confirmTimes                        *timer

	stop     context.Context // done when producers are to end
	cancel   context.CancelFunc
	failed   atomic.Pointer[error]
	progress chan struct{} // something has come
	wanting  atomic.Int64  // connections with consumers that want more
	enough   chan struct{} // closed when there is none
	over     chan struct{} // closed when consumers are to end
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
	for _, k := range t.consuming {
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
		k, err := t.newProducerConn(ctx, i)
		if err != nil {
			return err
		}
		t.publishing = append(t.publishing, k)
		t.producers = append(t.producers, k.producers...)
	}
	return nil
}

func (t *Test) connectConsumers(ctx context.Context) error {
	for i := range t.load.Consumers {
		k, err := t.newConsumerConn(ctx, i)
		if err != nil {
			return err
		}
		t.consuming = append(t.consuming, k)
	}
	return nil
}

// abandon ends what was connected in vain.
func (t *Test) abandon() {
	for _, k := range t.publishing {
		k.c.abort()
	}
	for _, k := range t.consuming {
		k.c.abort()
	}
}

// startConsumers has them read.
func (t *Test) startConsumers(reading *sync.WaitGroup) {
	t.wanting.Store(int64(len(t.consuming)))
	for _, k := range t.consuming {
		reading.Go(func() {
			if err := k.keep(); err != nil {
				t.fail(err)
			}
			if t.wanting.Add(-1) == 0 {
				close(t.enough)
			}
		})
	}
}

// publish has the producers publish, and waits for them.
func (t *Test) publish() {
	var producing sync.WaitGroup
	for _, k := range t.publishing {
		producing.Go(func() {
			if err := k.keep(); err != nil {
				t.fail(err)
			}
		})
	}
	producing.Wait()
}
