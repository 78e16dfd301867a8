package perf

import (
	"crypto/tls"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// Load is what a test does. Without limits (Time, Publish, Consume) it goes on
// until it is stopped.
type Load struct {
	ID   string
	URIs []string    // connections are spread over them
	TLS  *tls.Config // of amqps; nil: that of the system

	Producers, Consumers int // connections
	// ProducerChannels and ConsumerChannels are how many channels each of them
	// has, all of which publish or consume. 0 is 1.
	ProducerChannels, ConsumerChannels int
	Topology

	Size       int // bytes of a body; at least what the measuring needs
	Persistent bool
	Mandatory  bool
	Properties amqp.BasicProperties
	Priorities int // messages go round so many priorities, from 0 up; 0: as Properties says

	Confirm          int     // unconfirmed messages that a producer allows itself; 0: no confirms
	CommitPublishes  int     // messages in a transaction of a producer; 0: no transactions
	CommitDeliveries int     // messages in a transaction of a consumer, with their acknowledgements; 0: no transactions
	Rate             float64 // messages a second of each producer; 0: as fast as it goes
	Publish          int     // messages of each producer; 0: no limit
	AutoAck          bool
	AckEvery         int // one acknowledgement for so many messages; 0 is 1
	Prefetch         uint16
	// ConsumerArguments are those of basic.consume.
	ConsumerArguments amqp.Table
	ConsumeRate       float64       // messages a second that each consumer takes; 0: as fast as it goes
	Consume           int           // messages of each consumer; 0: no limit
	Time              time.Duration // of publishing, or of consuming without producers; 0: no limit

	Backlog  bool          // consumers begin when the producers are done
	Drain    bool          // consumers get all that was published, whatever the time
	Verify   bool          // every message is looked at; implies Drain
	Recover  time.Duration // a connection that is lost is opened again after so long; 0: it ends the test
	Patience time.Duration // nothing comes any more after so long; 0: 10 seconds

	Interval time.Duration // between samples; 0: a second
	Report   func(Sample)  // gets them, of one goroutine; may be nil
}

// LoadError is why a load makes no sense.
type LoadError struct{ error }

// Unwrap returns the reason.
func (e LoadError) Unwrap() error { return e.error }

// check fills in what was left out, and refuses what makes no sense.
func (l *Load) check() error {
	for _, n := range []struct {
		what  string
		value float64
	}{
		{"producers", float64(l.Producers)},
		{"consumers", float64(l.Consumers)},
		{"producer-channel-count", float64(l.ProducerChannels)},
		{"consumer-channel-count", float64(l.ConsumerChannels)},
		{"ptxsize", float64(l.CommitPublishes)},
		{"ctxsize", float64(l.CommitDeliveries)},
		{"size", float64(l.Size)},
		{"confirm", float64(l.Confirm)},
		{"rate", l.Rate},
		{"consumer-rate", l.ConsumeRate},
		{"pmessages", float64(l.Publish)},
		{"cmessages", float64(l.Consume)},
		{"multi-ack-every", float64(l.AckEvery)},
		{"time", float64(l.Time)},
	} {
		if n.value < 0 || math.IsNaN(n.value) {
			return fmt.Errorf("%s is negative", n.what)
		}
	}
	switch {
	case len(l.URIs) == 0:
		return errors.New("no URI")
	case l.Producers+l.Consumers == 0:
		return errors.New("neither producers nor consumers")
	case len(l.Queues) == 0:
		return errors.New("no queue")
	case l.Verify && (l.Producers == 0 || l.Consumers == 0):
		return errors.New("to verify takes producers and consumers")
	case l.Verify && l.Consume > 0:
		return errors.New("to verify, consumers have to take all: leave the number of theirs out")
	case l.Verify && l.Recover > 0:
		return errors.New("to verify, connections may not be lost: what was on its way is anybody's guess")
	case l.Recover < 0:
		return errors.New("connection-recovery-interval is negative")
	case l.Backlog && l.Publish == 0 && l.Time == 0:
		return errors.New("a backlog takes a number of messages or a time")
	case !l.AutoAck && l.Prefetch > 0 && l.AckEvery > int(l.Prefetch):
		return fmt.Errorf("consumers that get %d messages cannot acknowledge %d at once", l.Prefetch, l.AckEvery)
	case !l.AutoAck && l.Prefetch > 0 && l.CommitDeliveries > int(l.Prefetch):
		return fmt.Errorf("consumers that get %d messages cannot commit %d at once", l.Prefetch, l.CommitDeliveries)
	case l.Confirm > 0 && l.CommitPublishes > 0:
		return errors.New("a channel has either confirms or transactions")
	case max(l.ProducerChannels, l.ConsumerChannels) > math.MaxUint16:
		return errors.New("a connection has at most 65535 channels")
	case l.Backlog && l.Producers == 0:
		return errors.New("a backlog takes producers")
	}
	l.fill()
	return l.checkTopology()
}

// producers is how many channels publish.
func (l *Load) producers() int { return l.Producers * l.ProducerChannels }

// consumers is how many channels consume.
func (l *Load) consumers() int { return l.Consumers * l.ConsumerChannels }

func (l *Load) fill() {
	l.AckEvery = max(1, l.AckEvery)
	l.ProducerChannels, l.ConsumerChannels = max(1, l.ProducerChannels), max(1, l.ConsumerChannels)
	l.Size = max(l.Size, timeSize)
	if l.Verify {
		l.Size = max(l.Size, stampSize)
	}
	// Consumers without a limit get what producers with one have published.
	l.Drain = l.Consumers > 0 && l.Producers > 0 && (l.Drain || l.Verify || l.Backlog || l.Publish > 0 && l.Consume == 0)
	if l.Interval <= 0 {
		l.Interval = time.Second
	}
	if l.Patience <= 0 {
		l.Patience = 10 * time.Second
	}
	if l.Persistent {
		l.Properties.DeliveryMode = 2
	}
}

// checkTopology refuses names that AMQP has no room for.
func (l *Load) checkTopology() error {
	for _, name := range append(slices.Clone(l.Queues), l.Exchange, l.RoutingKey) {
		if len(name) > math.MaxUint8 {
			return fmt.Errorf("a name of %d bytes, more than 255", len(name))
		}
	}
	if l.Drain && l.Exchange != "" && l.Type == "topic" && strings.ContainsAny(l.RoutingKey, "*#") {
		return errors.New("what a routing key with * or # reaches is not known: use another to verify or to drain")
	}
	return nil
}
