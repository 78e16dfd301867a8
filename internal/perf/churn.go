package perf

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// Churn is something that is made and unmade, again and again.
type Churn struct {
	Name, Usage string
	// prepare makes what all of one client's rounds need; may be nil.
	prepare func(w *churner) error
	// round does it once.
	round func(w *churner) error
}

// churner is one of the clients that do it at once, on a connection of its own.
type churner struct {
	ctx   context.Context
	at    address
	c     *client
	queue string
}

// Churns are those of lavinmqperf.
func Churns() []Churn {
	return []Churn{
		{"bind-churn", "bind a queue to an exchange and unbind it", (*churner).declareQueue, (*churner).bind},
		{"queue-churn", "declare a queue and delete it", nil, (*churner).makeQueue},
		{"connection-churn", "open a connection with a channel and close it", nil, (*churner).makeConnection},
		{"channel-churn", "open a channel and close it", nil, (*churner).makeChannel},
		{"consumer-churn", "subscribe to a queue and cancel", (*churner).declareQueue, (*churner).makeConsumer},
	}
}

// ChurnResult is what was done.
type ChurnResult struct {
	Name    string  `json:"name"`
	Rounds  uint64  `json:"rounds"`
	Seconds float64 `json:"seconds"`
	Rate    float64 `json:"rate"` // rounds a second
	Took    Latency `json:"latency_us"`
}

// Run does it with so many clients at once until ctx is done, or for a time if
// that is not 0.
func (k Churn) Run(ctx context.Context, uri string, clients int, d time.Duration) (ChurnResult, error) {
	at, err := parseURI(uri, nil)
	if err != nil {
		return ChurnResult{}, LoadError{err}
	}
	if clients < 1 {
		return ChurnResult{}, LoadError{fmt.Errorf("%d clients", clients)}
	}
	all := make([]*churner, clients)
	for i := range all {
		w := &churner{ctx: context.WithoutCancel(ctx), at: at, queue: fmt.Sprintf("churn-%d-%d", time.Now().UnixNano(), i)}
		if w.c, err = connect(ctx, at); err == nil && k.prepare != nil {
			err = k.prepare(w)
		}
		if err != nil {
			return ChurnResult{}, errors.Join(err, endAll(all[:i]))
		}
		all[i] = w
	}
	stop, cancel := context.WithCancel(ctx)
	defer cancel()
	if d > 0 {
		defer time.AfterFunc(d, cancel).Stop()
	}
	return k.run(stop, cancel, all)
}

func (k Churn) run(stop context.Context, cancel func(), all []*churner) (ChurnResult, error) {
	var rounds atomic.Uint64
	var working sync.WaitGroup
	failures := make([]error, len(all))
	took, begun := newTimer(), time.Now()
	for i, w := range all {
		working.Go(func() {
			for stop.Err() == nil {
				from := time.Now()
				if err := k.round(w); err != nil {
					failures[i] = fmt.Errorf("%s: %w", k.Name, err)
					cancel()
					return
				}
				took.record([]int64{time.Since(from).Microseconds()})
				rounds.Add(1)
			}
		})
	}
	working.Wait()
	r := ChurnResult{Name: k.Name, Rounds: rounds.Load(), Seconds: time.Since(begun).Seconds(), Took: took.total()}
	r.Rate = rate(r.Rounds, r.Seconds)
	if err := errors.Join(failures...); err != nil {
		for _, w := range all {
			w.c.abort()
		}
		return r, err
	}
	return r, endAll(all)
}

// endAll closes connections; queues that are exclusive go with them.
func endAll(all []*churner) error {
	var errs []error
	for _, w := range all {
		errs = append(errs, w.c.close())
	}
	return errors.Join(errs...)
}

func (w *churner) declareQueue() error {
	return w.c.call(&amqp.QueueDeclare{Queue: w.queue, Exclusive: true}, &amqp.QueueDeclareOk{})
}

func (w *churner) bind() error {
	if err := w.c.call(&amqp.QueueBind{Queue: w.queue, Exchange: "amq.direct", RoutingKey: w.queue}, &amqp.QueueBindOk{}); err != nil {
		return err
	}
	return w.c.call(&amqp.QueueUnbind{Queue: w.queue, Exchange: "amq.direct", RoutingKey: w.queue}, &amqp.QueueUnbindOk{})
}

func (w *churner) makeQueue() error {
	if err := w.declareQueue(); err != nil {
		return err
	}
	return w.c.call(&amqp.QueueDelete{Queue: w.queue}, &amqp.QueueDeleteOk{})
}

func (w *churner) makeConnection() error {
	c, err := connect(w.ctx, w.at)
	if err != nil {
		return err
	}
	return c.close()
}

func (w *churner) makeChannel() error {
	if err := w.c.ask(2, &amqp.ChannelOpen{}, &amqp.ChannelOpenOk{}); err != nil {
		return err
	}
	return w.c.ask(2, &amqp.ChannelClose{ReplyCode: uint16(amqp.ReplySuccess)}, &amqp.ChannelCloseOk{})
}

func (w *churner) makeConsumer() error {
	if err := w.c.call(&amqp.BasicConsume{Queue: w.queue, ConsumerTag: "c", NoAck: true}, &amqp.BasicConsumeOk{}); err != nil {
		return err
	}
	return w.c.call(&amqp.BasicCancel{ConsumerTag: "c"}, &amqp.BasicCancelOk{})
}
