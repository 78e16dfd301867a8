package brokertest

import (
	"strings"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// Point is where a fault happens. Any method that clients send on an open channel
// is one, by its name in AMQP, such as "queue.declare".
type Point string

// The points that are not just methods, or do more.
const (
	AtAccept  Point = "accept"           // a client has connected
	AtStart   Point = "connection.start" // it has sent the protocol header
	AtLogin   Point = "login"            // it has sent its credentials
	AtTune    Point = "connection.tune"  // they are right
	AtOpen    Point = "connection.open"  // it wants to open a virtual host
	AtPublish Point = "basic.publish"    // a message has come
	AtConfirm Point = "confirm"          // a message was taken, and is to be confirmed
	AtAck     Point = "basic.ack"        // an acknowledgement has come from a client
)

// points are all there are: those above, and the methods that clients send on
// channels, but for what opens and closes these.
var points = []Point{
	AtAccept, AtStart, AtLogin, AtTune, AtOpen, AtPublish, AtConfirm, AtAck,
	"access.request", "channel.flow",
	"exchange.declare", "exchange.delete", "exchange.bind", "exchange.unbind",
	"queue.declare", "queue.bind", "queue.purge", "queue.delete", "queue.unbind",
	"basic.qos", "basic.consume", "basic.cancel", "basic.get", "basic.reject", "basic.nack", "basic.recover", "basic.recover-async", "basic.credit",
	"confirm.select", "tx.select", "tx.commit", "tx.rollback",
}

type kind int

const (
	nothing kind = iota
	drop
	delay
	refuse
	nack
	lose
)

// Action is what a fault does.
type Action struct {
	kind kind
	time time.Duration
	code int
	text string
}

var (
	// Drop breaks the connection instead of going on; at AtConfirm when the message
	// is taken, but not confirmed.
	Drop = Action{kind: drop}

	// Nack does not take a message, and answers by basic.nack: at AtPublish, on
	// channels in confirm mode.
	Nack = Action{kind: nack}

	// Lose forgets about it: at AtPublish the message is neither taken nor
	// confirmed, at AtConfirm it is taken and never confirmed, at AtAck the delivery
	// stays unacknowledged.
	Lose = Action{kind: lose}
)

// Delay holds a connection up, for a time of the broker's clock, before it goes on.
func Delay(d time.Duration) Action { return Action{kind: delay, time: d} }

// Refuse refuses what the client wants. Where it can be told, it is told the code
// and the text: by connection.close at AtOpen and for codes that close connections,
// otherwise by channel.close. At AtLogin it is as if the password was wrong, before
// and after that the connection is closed without a word.
func Refuse(code int, text string) Action { return Action{kind: refuse, code: code, text: text} }

// fits tells whether an action makes sense at a point.
func (a Action) fits(at Point) bool {
	switch a.kind {
	case nack:
		return at == AtPublish
	case lose:
		return at == AtPublish || at == AtConfirm || at == AtAck
	case refuse:
		return at != AtConfirm
	default:
		return true
	}
}

// refusal is an error for a client. The text may begin with the name of the code,
// as it does where clients show it.
func refusal(code int, text string, hard bool) *amqp.Error {
	c := amqp.ReplyCode(code)
	return &amqp.Error{Code: c, Text: strings.TrimPrefix(text, c.String()+" - "), Hard: hard, NoMethod: hard}
}

func (a Action) err() error { return refusal(a.code, a.text, false) }
