package brokertest

import (
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/broker"
)

// Message is a message: one to be published, or one that was. A property that is
// zero is absent.
type Message struct {
	Exchange   string // "" is the default exchange: the routing key names a queue
	RoutingKey string

	Headers         map[string]any
	ContentType     string
	ContentEncoding string
	Persistent      bool
	Priority        uint8
	CorrelationID   string
	ReplyTo         string
	Expiration      string // milliseconds
	MessageID       string
	Timestamp       time.Time
	Type            string
	UserID          string
	AppID           string
	Body            []byte

	// What follows is of messages in queues alone.

	Redelivered    bool
	Deliveries     int       // how often it was given back
	Expires        time.Time // by the broker's clock; zero: never
	Unacknowledged bool      // it was delivered and is not settled
	ConsumerTag    string    // of the consumer that has it; empty if it was got
}

// properties are those of the message on the wire.
func (m *Message) properties() (amqp.Properties, error) {
	headers, err := amqp.TableOf(m.Headers)
	p := amqp.BasicProperties{
		Headers: headers, ContentType: m.ContentType, ContentEncoding: m.ContentEncoding, Priority: m.Priority,
		CorrelationID: m.CorrelationID, ReplyTo: m.ReplyTo, Expiration: m.Expiration, MessageID: m.MessageID,
		Type: m.Type, UserID: m.UserID, AppID: m.AppID,
	}
	if m.Persistent {
		p.DeliveryMode = 2
	}
	if !m.Timestamp.IsZero() {
		p.Timestamp = uint64(m.Timestamp.Unix())
	}
	return p.Append(nil), err
}

// message returns what was published.
func message(exchange, key string, properties amqp.Properties, body []byte) Message {
	p, _ := properties.Decode()
	m := Message{
		Exchange: exchange, RoutingKey: key, Body: body,
		ContentType: p.ContentType, ContentEncoding: p.ContentEncoding, Persistent: p.DeliveryMode == 2,
		Priority: p.Priority, CorrelationID: p.CorrelationID, ReplyTo: p.ReplyTo, Expiration: p.Expiration,
		MessageID: p.MessageID, Type: p.Type, UserID: p.UserID, AppID: p.AppID,
	}
	if p.Headers != nil {
		m.Headers, _ = timed(p.Headers.Map()).(map[string]any)
	}
	if p.Timestamp != 0 {
		m.Timestamp = time.Unix(int64(p.Timestamp), 0)
	}
	return m
}

// timed makes the timestamps in a value times.
func timed(v any) any {
	switch v := v.(type) {
	case amqp.Timestamp:
		return time.Unix(int64(v), 0)
	case map[string]any:
		for key := range v {
			v[key] = timed(v[key])
		}
	case []any:
		for i := range v {
			v[i] = timed(v[i])
		}
	}
	return v
}

// queued returns a message of a queue.
func queued(q *broker.QueuedMessage) Message {
	m := message(q.Exchange, q.RoutingKey, q.Properties, q.Body)
	m.Redelivered, m.Deliveries, m.Expires = q.Redelivered, q.Deliveries, q.Expires
	m.Unacknowledged, m.ConsumerTag = q.Unacknowledged, q.ConsumerTag
	return m
}
