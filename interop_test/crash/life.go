package crash

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// life is what clients do from a start of the broker to its end.
type life struct {
	*round
	number int
	broker *process
	ctx    context.Context // done when the broker has ended
	over   context.CancelFunc
	dying  atomic.Bool // the end is near: what goes wrong now is no surprise
	work   sync.WaitGroup

	mu      sync.Mutex
	trouble []error // what went wrong before
}

func (r *round) newLife(p *process) *life {
	r.lives++
	l := &life{round: r, number: r.lives, broker: p}
	l.ctx, l.over = context.WithCancel(context.Background())
	return l
}

// note adds an event of this life to the history.
func (l *life) note(e event) {
	e.Life = l.number
	l.history.add(e)
}

// start runs a worker with a connection of its own. It ends when it likes to,
// with an error, or when the broker does.
func (l *life) start(name string, work func(w *worker) error) {
	w := &worker{life: l, name: name, rand: rand.New(rand.NewPCG(l.rand.Uint64(), 0)), publisher: l.publisher(name)}
	l.work.Go(func() {
		if err := w.run(work); err != nil && !l.dying.Load() {
			l.fail(fmt.Errorf("%s: %w", name, err))
		}
	})
}

func (w *worker) run(work func(w *worker) error) (err error) {
	if w.conn, err = w.dial(); err != nil {
		return err
	}
	defer w.conn.Close()
	closed := w.conn.NotifyClose(make(chan *amqp.Error, 1))
	err = work(w)
	if w.conn.IsClosed() && !w.dying.Load() {
		return fmt.Errorf("the connection was closed: %w", errors.Join(<-closed, err))
	}
	return err
}

func (l *life) dial() (*amqp.Connection, error) {
	return amqp.DialConfig("amqp://guest:guest@"+l.broker.addr+"/", amqp.Config{Heartbeat: time.Minute})
}

// await waits for the workers. A broker that keeps them waiting for too long is
// asked what it is doing, which ends it.
func (l *life) await() {
	hangs := time.AfterFunc(2*patience, func() {
		l.fail(fmt.Errorf("somebody still waits after %v", 2*patience))
		_ = l.broker.cmd.Process.Signal(syscall.SIGQUIT)
	})
	defer hangs.Stop()
	l.work.Wait()
}

func (l *life) fail(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.trouble = append(l.trouble, fmt.Errorf("life %d: %w", l.number, err))
}

// finish waits for the workers, when the broker has ended.
func (l *life) finish() error {
	l.over()
	l.await()
	l.mu.Lock()
	defer l.mu.Unlock()
	return errors.Join(l.trouble...)
}

// worker is a client during a life.
type worker struct {
	*life
	name      string
	conn      *amqp.Connection
	rand      *rand.Rand
	publisher *publisher
}

// publisher gives out the numbers of a worker over all lives.
type publisher struct{ number, last uint64 }

// next is an id for a message, a transaction or a change.
func (p *publisher) next() uint64 {
	p.last++
	return p.number<<40 | p.last
}

// channel opens a channel.
func (w *worker) channel() (*amqp.Channel, error) { return w.conn.Channel() }

// pause waits, unless the end comes first.
func (w *worker) pause(d time.Duration) bool { return pause(w.ctx, d) }

func pause(ctx context.Context, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-timer.C:
		return true
	}
}

// goesOn tells that the end has not come yet.
func (w *worker) goesOn() bool { return w.ctx.Err() == nil && !w.conn.IsClosed() }
