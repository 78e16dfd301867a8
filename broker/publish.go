package broker

import (
	"errors"
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// ErrRefused is the error of Publish for a message that a queue has not taken,
// because it is full or has had the message before.
var ErrRefused = errors.New("a queue has refused the message")

// Publish publishes a message as a client would, but as nobody, and without
// asking anybody; neither properties nor body may change afterwards. routed tells
// whether it has come to a queue: a duplicate that the exchange drops has not. When it returns, the message is durable if it is
// to be. Errors are ErrVhostNotFound, ErrRefused, and an [amqp.Error] that says
// why the broker would close the channel of a client.
func (b *Broker) Publish(vhost, exchange, key string, p amqp.Properties, body []byte) (routed bool, err error) {
	v, err := b.vhost(vhost)
	if err != nil {
		return false, err
	}
	rt, err := v.route(exchange, key)
	if err != nil {
		return false, err
	}
	if err := p.Check(); err != nil {
		return false, err
	}
	more, t, err := demands(p)
	if err != nil {
		return false, err
	}
	more.keys = slices.DeleteFunc(more.keys, func(other string) bool { return other == key })
	if more.blind {
		p = p.WithoutHeader("BCC")
	}
	content := amqp.NewContent(p, body)
	return rt.dedup.once(&content, v.now(), func() (bool, error) {
		return v.put(&parcel{&origin{exchange, key, more.hidden}, more.keys, content, t})
	})
}

// put hands a message on, in a unit of its own.
func (v *vhost) put(p *parcel) (routed bool, err error) {
	if size := int64(p.content.Size()); v.store != nil {
		v.store.Reserve(size)
		defer v.store.Release(size)
	}
	f := forwarding{vhost: v}
	v.begin()
	func() {
		defer func() { err = v.wait(v.end()) }()
		routed, _ = f.add(&errand{parcel: *p, keeps: true})
		f.flush()
	}()
	if err == nil && len(f.refused) > 0 {
		err = ErrRefused
	}
	return routed, err
}
