package broker

import (
	"context"
	"errors"
	"net"
	"sync"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// Broker is a message broker that speaks AMQP 0-9-1. All its methods may be
// called at any time by any goroutine.
type Broker struct {
	options   Options     // immutable
	store     *storage.DB // likewise; nil: nothing is kept
	server    amqp.Server
	access    *access
	vhosts    vhosts
	shortages shortages

	parameters *parameters

	failed context.Context // ends, with the cause, when the store has failed
	giveUp context.CancelCauseFunc
	ended  func(context.Context) error // hands on what is dying until then, and closes the store once
}

// New returns a broker that keeps everything in memory. It does not listen yet:
// see Serve and ServeConn. It panics where Open returns an error: if the options
// have a name that stands for nothing.
func New(o Options) *Broker {
	if err := o.check(); err != nil {
		panic(err)
	}
	b := newBroker(o)
	b.addVhosts()
	return b
}

// Open returns a broker that keeps what is durable in Options.DataDir, with
// what is there already. A directory has one broker at a time. What is damaged
// is a [storage.CorruptError], unless Options.AcceptLoss says otherwise. Another
// error names the field of the options that has no meaning.
func Open(o Options) (*Broker, error) {
	if err := o.check(); err != nil {
		return nil, err
	}
	if o.DataDir == "" {
		return New(o), nil
	}
	began := time.Now()
	b := newBroker(o)
	store, state, err := storage.Open(storage.Options{
		Dir: o.DataDir, Durability: o.Durability, AcceptLoss: o.AcceptLoss, JournalSize: o.JournalSize,
		OnError: b.fail,
		OnSpace: b.storeShort,
	})
	if err != nil {
		return nil, err
	}
	p := newPager(store, b.fail)
	b.parameters.store = store
	b.store, b.access.store, b.vhosts.store, b.vhosts.pager = store, store, store, p
	closed := sync.OnceValue(func() error {
		p.close()
		return store.Close()
	})
	b.ended = func(ctx context.Context) error {
		b.vhosts.undertaker.close(ctx)
		return closed()
	}
	if err := b.recover(state, began); err != nil {
		b.giveUp(err)
		return nil, errors.Join(err, b.ended(b.failed))
	}
	b.vhosts.eachQueue((*queue).rise)
	b.addVhosts()
	return b, nil
}

func newBroker(o Options) *Broker {
	b := &Broker{options: o.withDefaults(), vhosts: vhosts{log: o.Log, undertaker: newUndertaker()}}
	b.ended = func(ctx context.Context) error {
		b.vhosts.undertaker.close(ctx)
		return nil
	}
	b.access = newAccess(&b.options)
	b.vhosts.access = b.access
	b.parameters = new(parameters)
	b.vhosts.parameters, b.vhosts.defaultType = b.parameters, b.options.DefaultQueueType
	b.failed, b.giveUp = context.WithCancelCause(context.Background())
	b.vhosts.failed, b.vhosts.patience, b.vhosts.clock = b.failed, b.options.ConsumerTimeout, b.options.Clock
	b.server.Config = b.options.serverConfig()
	b.vhosts.changed = b.options.Changed
	b.server.Backend = (*backend)(b)
	if wrap := b.options.Backend; wrap != nil {
		b.server.Backend = wrap(b.server.Backend)
	}
	b.server.Trace = logTrace(b.options.Log)
	return b
}

// Serve accepts connections on l until Shutdown, which makes it return nil at
// once, while Shutdown still waits for clients to leave: a program should wait
// for Shutdown. Any other error is that of the listener. l is closed when Serve
// returns.
func (b *Broker) Serve(l net.Listener) error {
	if err := b.server.Serve(l); !errors.Is(err, amqp.ErrServerClosed) {
		return err
	}
	return nil
}

// ServeConn serves one connection, such as one end of a net.Pipe, and returns
// when it has ended. It closes conn.
func (b *Broker) ServeConn(conn net.Conn) { b.server.ServeConn(conn) }

// Shutdown stops accepting connections, tells every client that the broker
// goes away (connection.close 320, CTL-07) and waits until all have left, which
// a client that does not answer can delay by half a minute. If ctx ends first,
// the remaining connections are cut and its error is returned. A broker that
// was shut down stays so: Serve and ServeConn then close what they are given.
//
// Dead letters are handed on until ctx ends; those that are left are where they
// were after the next start. At the end the data directory is closed. If the store has failed, or fails
// meanwhile, clients are given hardly any time, and the error is why. What waits
// for room on the disk fails when ctx ends, and so does the store.
func (b *Broker) Shutdown(ctx context.Context) error {
	defer context.AfterFunc(ctx, b.abandon)()
	ctx, cancel := b.unlessFailed(ctx)
	defer cancel()
	err := b.server.Shutdown(ctx, amqp.ConnectionForced.Errorf(
		"broker forced connection closure with reason 'shutdown'"))
	b.vhosts.eachQueue((*queue).sleep)
	closed := b.ended(ctx)
	if cause := context.Cause(b.failed); cause != nil {
		return cause
	}
	return errors.Join(err, closed)
}

// abandon has the store wait for room on the disk no longer.
func (b *Broker) abandon() {
	if b.store != nil {
		b.store.Abandon()
	}
}

// backend is the Broker as the protocol sees it.
type backend Broker

// Open implements amqp.Backend.
func (b *backend) Open(user, vhost string, c *amqp.Conn) (amqp.Session, error) {
	if b.failed.Err() != nil {
		return nil, errFailed
	}
	if err := b.access.enter(b.options.ConnectionMax); err != nil {
		return nil, err
	}
	s, err := b.join(user, vhost, c)
	if err != nil {
		b.access.exit()
		return nil, err
	}
	return s, nil
}

// join enters a session in a vhost.
func (b *backend) join(user, vhost string, c *amqp.Conn) (*session, error) {
	v := b.vhosts.get(vhost)
	if v == nil {
		return nil, vhostNotFound(vhost)
	}
	s := newSession(v, user, c)
	return s, v.join(s)
}
