package brokertest

import (
	"io"
	"time"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/storage"
)

// Option says how a broker differs from the usual one.
type Option func(*Broker)

// OnDisk has the broker keep what is durable in a directory of its own, which is
// removed at the end: so Restart and Kill show what an application finds
// afterwards. It is handed to the kernel and not synced: it survives Kill, as it
// would survive the end of a process.
func OnDisk() Option {
	return func(b *Broker) { b.onDisk = true }
}

// Vhosts are the names of the virtual hosts that there are. Default: "/" alone.
// URL is that of the first.
func Vhosts(names ...string) Option {
	return Configure(func(o *broker.Options) { o.Vhosts = names })
}

// Configure changes options of the broker. Clock, Changed and Backend are
// brokertest's own.
func Configure(change func(*broker.Options)) Option {
	return func(b *Broker) { change(&b.options) }
}

// Log has the broker log to w, for example to the Output of a test.
func Log(w io.Writer) Option {
	return Configure(func(o *broker.Options) { o.Log = o.Log.Output(w) })
}

// InProcess has the broker open no port: it is reached by Dial alone. It needs
// nothing of the operating system then, and works in a bubble of testing/synctest.
func InProcess() Option {
	return func(b *Broker) { b.inProcess = true }
}

// Frozen has the clock of the broker stand at a time, or if that is zero at the
// present one: only Advance moves it.
func Frozen(at time.Time) Option {
	return func(b *Broker) { b.clock = newClock(at, true) }
}

// Seed is what faults with Odds are drawn by. Default: 1, so that they are the
// same each time.
func Seed(seed uint64) Option {
	return func(b *Broker) { b.faults.seed = seed }
}

// Patience is how long waiting methods wait before they end the test. Default:
// 10 s.
func Patience(d time.Duration) Option {
	return func(b *Broker) { b.patience = d }
}

// durability is that of OnDisk.
const durability = storage.OS
