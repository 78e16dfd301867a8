package brokertest

import (
	"errors"

	"github.com/leveretmq/leveret/amqp"
)

// wrap has connections talk to the broker through what notes and disturbs it.
func (b *Broker) wrap(inner amqp.Backend) amqp.Backend { return &backend{inner, b} }

type backend struct {
	amqp.Backend
	broker *Broker
}

var errInjected = errors.New("a fault was injected")

// Login implements amqp.Backend.
func (d *backend) Login(r amqp.LoginRequest) (string, error) {
	k := d.broker.find(r.Peer)
	if d.broker.faults.meet(AtLogin, k).kind != nothing {
		return "", errInjected
	}
	user, err := d.Backend.Login(r)
	if err == nil && d.broker.faults.meet(AtTune, k).kind != nothing {
		k.Drop()
		return "", errInjected
	}
	return user, err
}

// Open implements amqp.Backend.
func (d *backend) Open(user, vhost string, c *amqp.Conn) (amqp.Session, error) {
	k := d.broker.find(c.RemoteAddr())
	switch a := d.broker.faults.meet(AtOpen, k); a.kind {
	case refuse:
		return nil, refusal(a.code, a.text, true)
	case drop:
		return nil, errInjected
	default:
	}
	s, err := d.Backend.Open(user, vhost, c)
	if err != nil {
		return nil, err
	}
	d.broker.opened(k, c)
	return &session{s, k, d.broker}, nil
}

// session is an open connection. All its methods are called by the reader of the
// connection.
type session struct {
	amqp.Session
	k      *Connection
	broker *Broker
}

// OpenChannel implements amqp.Session.
func (s *session) OpenChannel(id uint16) (amqp.Channel, error) {
	inner, err := s.Session.OpenChannel(id)
	if err != nil {
		return nil, err
	}
	return &channel{Channel: inner, confirms: inner.(confirmer), id: id, session: s}, nil
}

// confirmer is what the broker's channels can do besides.
type confirmer interface {
	// Skip stands for a publish that is not taken, and answers it by basic.nack or
	// never. It returns false if the channel is not in confirm mode.
	Skip(nack bool) bool
	// Withhold has the last publish never confirmed.
	Withhold()
	// Confirming tells whether it is.
	Confirming() bool
}

// channel is an open channel.
type channel struct {
	amqp.Channel
	confirms confirmer
	id       uint16
	session  *session
}

// Publish implements amqp.Channel.
func (ch *channel) Publish(p *amqp.BasicPublish, content amqp.Content) error {
	s := ch.session
	if s.k.dropped.Load() {
		return nil
	}
	switch a := s.broker.faults.meet(AtPublish, s.k); a.kind {
	case drop:
		return nil
	case refuse:
		return a.err()
	case lose:
		ch.confirms.Skip(false)
		return nil
	case nack:
		if ch.confirms.Skip(true) {
			return nil
		}
	default:
	}
	kept, _ := content.Keep(make([]byte, 0, content.KeepSize())) // now: the broker may let go of it
	if err := ch.Channel.Publish(p, content); err != nil {
		return err
	}
	s.broker.records.of(s.k.Vhost(), p.Exchange).note(p, kept)
	s.broker.events.notify()
	if !ch.confirms.Confirming() {
		return nil
	}
	switch s.broker.faults.meet(AtConfirm, s.k).kind {
	case drop:
		s.k.Drop() // it is taken at the end of what has been read
	case lose:
		ch.confirms.Withhold()
	default:
	}
	return nil
}

// Ack implements amqp.Channel.
func (ch *channel) Ack(tag uint64, multiple bool) {
	s := ch.session
	if s.k.dropped.Load() {
		return
	}
	switch a := s.broker.faults.meet(AtAck, s.k); a.kind {
	case drop, lose:
	case refuse:
		s.k.protocol.Fail(ch.id, (&amqp.BasicAck{}).ID(), a.err())
	default:
		ch.Channel.Ack(tag, multiple)
	}
}

// Method implements amqp.Channel.
func (ch *channel) Method(m amqp.Method) error {
	s := ch.session
	if s.k.dropped.Load() {
		return nil
	}
	switch a := s.broker.faults.meet(Point(m.ID().String()), s.k); a.kind {
	case drop:
		return nil
	case refuse:
		return a.err()
	default:
		return ch.Channel.Method(m)
	}
}
