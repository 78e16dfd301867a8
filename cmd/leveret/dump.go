package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math"
	"unicode/utf8"

	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/broker"
)

func dumpVhost() *cli.StringFlag {
	return &cli.StringFlag{Name: "vhost", Value: "/", Usage: "virtual host `NAME` of the queue"}
}

func dumpDelayed() *cli.BoolFlag {
	return &cli.BoolFlag{Name: "delayed", Usage: "print what waits in the exchange of that name until it is due"}
}

// dump prints the messages of a queue, each as JSON on a line of its own.
func dump(c *cli.Context) error {
	w, err := dumpArguments(c)
	if err != nil {
		return unreadable{err}
	}
	i, err := inspect(c.Args().First())
	if err != nil {
		return err
	}
	q, err := w.find(i)
	if err != nil {
		return unreadable{errors.Join(err, i.Close())}
	}
	out := bufio.NewWriter(c.App.Writer)
	lost, err := dumpQueue(out, i, q)
	err = errors.Join(err, out.Flush(), i.Close())
	switch {
	case err != nil:
		return unreadable{err}
	case len(i.Damages) > 0 || lost > 0:
		return fmt.Errorf("%s is damaged, and %d messages of the queue cannot be read: see leveret check", c.Args().First(), lost)
	}
	return nil
}

// wanted is what is to be printed.
type wanted struct {
	vhost, name string
	delayed     bool // of an exchange, or else the messages of a queue
}

// dumpArguments returns what is wanted; flags may come behind the arguments as
// well.
func dumpArguments(c *cli.Context) (w wanted, err error) {
	if c.NArg() < 2 {
		return w, errors.New("want two arguments, the data directory and the name of a queue")
	}
	w.name = c.Args().Get(1)
	behind := flag.NewFlagSet(c.Command.Name, flag.ContinueOnError)
	behind.SetOutput(io.Discard)
	behind.StringVar(&w.vhost, "vhost", c.String("vhost"), "")
	behind.BoolVar(&w.delayed, "delayed", c.Bool("delayed"), "")
	if err := behind.Parse(c.Args().Slice()[2:]); err != nil {
		return w, err
	}
	if behind.NArg() > 0 {
		return w, fmt.Errorf("unexpected argument %q", behind.Arg(0))
	}
	return w, nil
}

func (w wanted) find(i *broker.Inspection) (broker.StoredQueue, error) {
	kind := "queue"
	if w.delayed {
		kind = "exchange with delayed messages,"
	}
	for _, v := range i.Vhosts {
		queues := v.Queues
		if w.delayed {
			queues = v.Delayed
		}
		for _, q := range queues {
			if v.Name == w.vhost && q.Name == w.name {
				return q, nil
			}
		}
	}
	return broker.StoredQueue{}, fmt.Errorf("no durable %s %q in vhost %q", kind, w.name, w.vhost)
}

// dumpQueue returns how many messages could not be read.
func dumpQueue(out io.Writer, i *broker.Inspection, q broker.StoredQueue) (lost int, err error) {
	e := json.NewEncoder(out)
	e.SetEscapeHTML(false)
	return lost, i.Messages(q, func(m broker.StoredMessage) error {
		if m.Err != nil {
			lost++
			return nil
		}
		return e.Encode(dumped(m))
	})
}

// dumpedMessage has the names that RabbitMQ's HTTP API has for messages.
type dumpedMessage struct {
	Position        uint64 `json:"position"`
	Exchange        string `json:"exchange"`
	RoutingKey      string `json:"routing_key"`
	Redelivered     bool   `json:"redelivered"`
	Expires         string `json:"expires,omitempty"` // when it dies, or is due
	Properties      object `json:"properties"`
	PayloadBytes    int    `json:"payload_bytes"`
	PayloadEncoding string `json:"payload_encoding"` // string or base64
	Payload         any    `json:"payload"`
}

func dumped(m broker.StoredMessage) dumpedMessage {
	d := dumpedMessage{
		Position: m.Position, Exchange: m.Exchange, RoutingKey: m.RoutingKey, Redelivered: m.Redelivered,
		Properties: properties(m.Properties), PayloadBytes: len(m.Body), PayloadEncoding: "string", Payload: string(m.Body),
	}
	if !m.Expires.IsZero() {
		d.Expires = m.Expires.UTC().Format("2006-01-02T15:04:05.000Z07:00")
	}
	if !utf8.Valid(m.Body) {
		d.PayloadEncoding, d.Payload = "base64", m.Body
	}
	return d
}

// object is a JSON object whose members have an order, and may have the same
// key, as those of a table.
type object []amqp.Field

// MarshalJSON implements json.Marshaler.
func (o object) MarshalJSON() ([]byte, error) {
	b := []byte{'{'}
	for i, f := range o {
		if i > 0 {
			b = append(b, ',')
		}
		key, err := json.Marshal(f.Key)
		if err != nil {
			return nil, err
		}
		value, err := json.Marshal(jsonValue(f.Value))
		if err != nil {
			return nil, err
		}
		b = append(append(append(b, key...), ':'), value...)
	}
	return append(b, '}'), nil
}

// jsonValue is a value of a table as JSON can have it: bytes are base64,
// timestamps numbers, and what is no number in JSON is text.
func jsonValue(v any) any {
	switch v := v.(type) {
	case amqp.Table:
		return object(v)
	case amqp.Array:
		list := make([]any, len(v))
		for i := range v {
			list[i] = jsonValue(v[i])
		}
		return list
	case amqp.Decimal:
		return json.Number(fmt.Sprintf("%de-%d", v.Value, v.Scale))
	case float32:
		return finite(float64(v), v)
	case float64:
		return finite(v, v)
	}
	return v
}

func finite(f float64, v any) any {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return fmt.Sprint(v)
	}
	return v
}

// properties are those that a message has, in AMQP's order.
func properties(p amqp.Properties) object {
	o := object{}
	text := func(key string, get func() (string, bool)) {
		if s, ok := get(); ok {
			o = append(o, amqp.Field{Key: key, Value: s})
		}
	}
	text("content_type", p.ContentType)
	text("content_encoding", p.ContentEncoding)
	if t, ok, err := p.Headers(); ok && err == nil {
		o = append(o, amqp.Field{Key: "headers", Value: t})
	}
	if n, ok := p.DeliveryMode(); ok {
		o = append(o, amqp.Field{Key: "delivery_mode", Value: n})
	}
	if n, ok := p.Priority(); ok {
		o = append(o, amqp.Field{Key: "priority", Value: n})
	}
	text("correlation_id", p.CorrelationID)
	text("reply_to", p.ReplyTo)
	text("expiration", p.Expiration)
	text("message_id", p.MessageID)
	if n, ok := p.Timestamp(); ok {
		o = append(o, amqp.Field{Key: "timestamp", Value: n})
	}
	text("type", p.Type)
	text("user_id", p.UserID)
	text("app_id", p.AppID)
	text("cluster_id", p.ClusterID)
	return o
}
