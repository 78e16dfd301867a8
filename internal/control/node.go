package control

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/leveretmq/leveret/broker"
)

// Node is the process that runs a broker, as far as commands are about it.
// Functions that are nil are what it cannot do.
type Node struct {
	Name    string // what RabbitMQ calls it, such as rabbit@localhost; it only shows
	Cluster string // likewise
	Version string // of leveret
	Server  string // the version that clients are told

	DataDir     string // empty: nothing is kept
	ConfigFiles []string
	LogFiles    []string
	Started     time.Time

	App func() *App // what runs now; nil from stop_app to start_app

	Stop         func()                        // ends the process in order
	StopApp      func(context.Context) error   // no client may connect any more
	StartApp     func(context.Context) error   // they may again
	Reset        func(context.Context) error   // forgets all that is kept
	SetLogLevel  func(level string) error      // debug, info, warning, error or none
	Settings     func() map[string]string      // by the keys of rabbitmq.conf
	Certificates func() ([]Certificate, error) // that listeners show
	Plugins      func() []string               // whose functions are there
}

// App is what stop_app ends, and start_app begins: a broker with its listeners.
type App struct {
	Booted <-chan struct{} // closed when clients may connect, or never may
	Broker *broker.Broker  // nil until then, and if it cannot be opened

	Listeners      []Listener
	Resources      func() Resources
	SetMemoryLimit func(amount string) error // a part of the memory, or a size
	SetDiskLimit   func(amount string) error // a size, or a multiple of the memory
	Export         func(vhost string) ([]byte, error)
	Import         func(vhost string, definitions []byte, tell func(done, of int)) error // all or nothing
}

// running is what clients may connect to; nil if they may not.
func (n *Node) running() *App {
	app := n.App()
	if app == nil {
		return nil
	}
	select {
	case <-app.Booted:
		if app.Broker != nil {
			return app
		}
	default:
	}
	return nil
}

// Listener is where clients connect.
type Listener struct {
	Protocol  string `json:"protocol"` // amqp, amqp/ssl
	Interface string `json:"interface"`
	Port      int    `json:"port"`
	Purpose   string `json:"purpose"`
	Node      string `json:"node"`
}

// Resources are what the process uses, and may use before alarms are raised, in
// bytes.
type Resources struct {
	Memory, MemoryLimit, TotalMemory uint64
	MemorySetting                    string // 0.6, or a size
	Disk, DiskLimit                  uint64
	Files, FileLimit                 uint64
}

// Certificate is one that a listener shows.
type Certificate struct {
	File    string    `json:"file"`
	Subject string    `json:"subject"`
	Issuer  string    `json:"issuer"`
	From    time.Time `json:"not_before"`
	Until   time.Time `json:"not_after"`
}

// Kinds of errors.
const (
	NoVhost      = "no_vhost"
	NoUser       = "no_user"
	NoQueue      = "no_queue"
	NoConnection = "no_connection"
	NoParameter  = "no_parameter" // nor a policy
	Exists       = "exists"
	InUse        = "in_use"      // a queue that has consumers
	NotEmpty     = "not_empty"   // a queue
	Invalid      = "invalid"     // an argument
	Refused      = "refused"     // what would be allowed for others
	Unsupported  = "unsupported" // by this broker
	Stopped      = "stopped"     // stop_app was before
	Running      = "running"     // stop_app has to be before
	Failed       = "failed"      // anything else
)

// kinds are those of the errors of package broker.
var kinds = []struct {
	err  error
	kind string
}{
	{broker.ErrVhostNotFound, NoVhost},
	{broker.ErrQueueNotFound, NoQueue},
	{broker.ErrConnectionNotFound, NoConnection},
	{broker.ErrPolicyNotFound, NoParameter},
	{broker.ErrParameterNotFound, NoParameter},
	{broker.ErrUserNotFound, NoUser},
	{broker.ErrVhostExists, Exists},
	{broker.ErrUserExists, Exists},
}

// describe is an error as the client learns it.
func describe(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	var policy *broker.PolicyError
	if errors.As(err, &policy) {
		return &Error{Invalid, policy.Error()}
	}
	var pattern *broker.RegexpError
	if errors.As(err, &pattern) {
		return &Error{Invalid, fmt.Sprintf("{:invalid_regexp, '%s', %v}", pattern.Regexp, pattern.Err)}
	}
	for _, k := range kinds {
		if errors.Is(err, k.err) {
			return &Error{k.kind, err.Error()}
		}
	}
	return &Error{Failed, err.Error()}
}

// stopped is the error of what only an open broker does.
func stopped() error { return &Error{Stopped, "the broker is stopped: see start_app"} }

// cannot is the error of what a process has no function for.
func cannot() error { return &Error{Unsupported, "not supported by this broker"} }
