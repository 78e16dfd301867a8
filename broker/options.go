package broker

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// Options say how a broker behaves. The zero value of each field stands for
// its default.
type Options struct {
	// DefaultUser and DefaultPass are a user that a broker has which has none
	// yet. Default: guest and guest. Another user has no default password, and
	// nobody logs in with an empty one.
	DefaultUser, DefaultPass string

	// DefaultTags are what the default user is tagged with. Default:
	// administrator.
	DefaultTags []string

	// DefaultPermissions are the regular expressions of what the default user
	// may do, in all vhosts that there are when he is added, and in those of
	// Vhosts that come later. Default: .* for each of the three.
	DefaultPermissions Permission

	// NoDefaultUser leaves it to AddDefaultUser to add him.
	NoDefaultUser bool

	// LoopbackUsers may connect from loopback addresses only (CONN-13).
	// Default: guest; an empty list is nobody.
	LoopbackUsers []string

	// Mechanisms are those of SASL by which clients may log in: PLAIN, AMQPLAIN
	// and EXTERNAL, which is offered over TLS. Default: PLAIN and AMQPLAIN
	// (CONN-04).
	Mechanisms []string

	// AnonymousUser is who somebody is that says nothing, by the mechanism
	// ANONYMOUS. Default: it is not offered.
	AnonymousUser string

	CertLogin CertLogin // for EXTERNAL

	// PasswordHashing is how new passwords are hashed: HashingBcrypt,
	// HashingSHA256 or HashingSHA512. Default: HashingBcrypt for what lies in
	// DataDir, HashingSHA256 for what is in memory only.
	PasswordHashing string

	// ConnectionMax is how many connections may be open. Default: any number
	// (LIM-05).
	ConnectionMax int

	// Vhosts are the names of the virtual hosts that there are at least at
	// first. Default: "/" alone.
	Vhosts []string

	// Heartbeat is the interval that clients are offered, in whole seconds
	// between 1 and 65535, to which it is rounded; negative offers none.
	// Default: 60 s (CONN-16).
	Heartbeat time.Duration

	// FrameMax is the largest frame in bytes, overhead included. Less than
	// 4096 is 4096. Default: 131072.
	FrameMax uint32

	// ChannelMax is how many channels a connection may have open. Default:
	// 2047.
	ChannelMax uint16

	// MaxMessageSize is the largest body of a message in bytes. Default:
	// 134217728 (FRM-26).
	MaxMessageSize uint64

	// HandshakeTimeout bounds the time from accepting a connection to
	// connection.open. Default: 10 s (CONN-34).
	HandshakeTimeout time.Duration

	// LoginDelay is how long the socket of a client that failed to log in, or
	// sent what is no frame, stays open; negative is not at all. Default: 3 s
	// (CONN-11, FRM-02).
	LoginDelay time.Duration

	// ConsumerTimeout is how long a client may take to acknowledge a delivery
	// before its channel is closed; negative is for ever. Queues, policies and
	// consumers may have another one. Default: 30 min (CONS-31, CONS-33).
	ConsumerTimeout time.Duration

	// DefaultQueueType is the type of queues that are declared without
	// x-queue-type, in vhosts that have none of their own: classic, quorum or
	// stream. Default: classic.
	DefaultQueueType string

	// Version is the version in server-properties; clients choose their
	// behaviour by it. Default: 3.13.7.
	Version string

	// ClusterName is the cluster_name in server-properties. Default: leveret.
	ClusterName string

	// DataDir is the directory where Open keeps what is durable; it is made if
	// it is not there. Default: Open keeps nothing either.
	DataDir string

	// Durability is what it takes for something to be durable. Default:
	// storage.Disk.
	Durability storage.Durability

	// AcceptLoss has Open take a damaged directory, without what is lost.
	AcceptLoss bool

	// JournalSize is how many bytes of the newest messages are in the journal
	// before the oldest of them move on. Default: 512 MiB.
	JournalSize int64

	// Clock is the time by which messages and queues expire, delays end, clients
	// are late and heartbeats are sent. Default: amqp.RealClock.
	Clock amqp.Clock

	// Changed is called, by any goroutine and very often, when something about
	// queues, exchanges or bindings may have changed, with locks held: all it may
	// do is tell somebody to look again. Queues then remember what is
	// unacknowledged for Peek. Default: nobody is told.
	Changed func()

	// Backend returns what connections talk to instead of the broker's own
	// backend, which it is given. Default: that one itself.
	Backend func(amqp.Backend) amqp.Backend

	// Log receives what an operator should know. Default: nothing is logged.
	Log zerolog.Logger
}

// check says what there is no default for: a name that stands for nothing.
func (o *Options) check() error {
	if queueTypes[cmp.Or(o.DefaultQueueType, "classic")] == nil {
		return fmt.Errorf("broker: unknown DefaultQueueType '%s'", o.DefaultQueueType)
	}
	if hashings[cmp.Or(o.PasswordHashing, HashingBcrypt)].make == nil {
		return fmt.Errorf("broker: unknown PasswordHashing '%s'", o.PasswordHashing)
	}
	return nil
}

func (o Options) withDefaults() Options {
	if o.Vhosts == nil {
		o.Vhosts = []string{"/"}
	}
	set(&o.Heartbeat, 60*time.Second)
	set(&o.FrameMax, 131072)
	set(&o.ChannelMax, 2047)
	set(&o.MaxMessageSize, 134217728)
	set(&o.HandshakeTimeout, 10*time.Second)
	set(&o.LoginDelay, 3*time.Second)
	set(&o.ConsumerTimeout, 30*time.Minute)
	set(&o.Version, "3.13.7")
	set(&o.ClusterName, "leveret")
	set(&o.DefaultUser, "guest")
	set(&o.Clock, amqp.RealClock)
	if o.DefaultUser == "guest" {
		set(&o.DefaultPass, "guest")
	}
	o.setAccess()
	o.FrameMax = max(o.FrameMax, amqp.MinFrameMax)
	o.Heartbeat = heartbeat(o.Heartbeat)
	return o
}

// setAccess sets the defaults of who may log in.
func (o *Options) setAccess() {
	if o.DefaultTags == nil {
		o.DefaultTags = []string{"administrator"}
	}
	set(&o.DefaultPermissions, Permission{Configure: ".*", Write: ".*", Read: ".*"})
	if o.LoopbackUsers == nil {
		o.LoopbackUsers = []string{"guest"}
	}
	if len(o.Mechanisms) == 0 {
		o.Mechanisms = []string{"PLAIN", "AMQPLAIN"}
	}
	if o.AnonymousUser != "" && !slices.Contains(o.Mechanisms, "ANONYMOUS") {
		o.Mechanisms = append(slices.Clone(o.Mechanisms), "ANONYMOUS")
	}
	set(&o.CertLogin.From, "distinguished_name")
	if o.DataDir != "" {
		set(&o.PasswordHashing, HashingBcrypt)
	}
	set(&o.PasswordHashing, HashingSHA256)
}

// heartbeat is an interval as it can be offered.
func heartbeat(d time.Duration) time.Duration {
	if d < 0 {
		return 0
	}
	return min(max(d.Round(time.Second), time.Second), 65535*time.Second)
}

func set[T comparable](field *T, value T) {
	var zero T
	if *field == zero {
		*field = value
	}
}

// serverConfig is what the options mean on the wire.
func (o Options) serverConfig() amqp.Config {
	return amqp.Config{
		Properties:       serverProperties(o),
		Mechanisms:       o.Mechanisms,
		FrameMax:         o.FrameMax,
		ChannelMax:       o.ChannelMax,
		Heartbeat:        o.Heartbeat,
		MaxMessageSize:   o.MaxMessageSize,
		HandshakeTimeout: o.HandshakeTimeout,
		LoginDelay:       o.LoginDelay,
		Clock:            o.Clock,
	}
}

// capabilities are the extensions of RabbitMQ, in the order in which it lists
// them (CONN-03).
var capabilities = []string{
	"publisher_confirms",
	"exchange_exchange_bindings",
	"basic.nack",
	"consumer_cancel_notify",
	"connection.blocked",
	"consumer_priorities",
	"authentication_failure_close",
	"per_consumer_qos",
	"direct_reply_to",
}

// serverProperties are those of CONN-02, sorted by key.
func serverProperties(o Options) amqp.Table {
	var able amqp.Table
	for _, c := range capabilities {
		able = append(able, amqp.Field{Key: c, Value: true})
	}
	return amqp.Table{
		{Key: "capabilities", Value: able},
		{Key: "cluster_name", Value: o.ClusterName},
		{Key: "copyright", Value: "Copyright (c) the leveret authors"},
		{Key: "information", Value: "Licensed under the Apache License 2.0"},
		{Key: "platform", Value: "leveret"},
		{Key: "product", Value: "RabbitMQ"},
		{Key: "version", Value: o.Version},
	}
}
