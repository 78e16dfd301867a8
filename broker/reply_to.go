package broker

import (
	"strings"
	"sync"

	"github.com/leveretmq/leveret/amqp"
)

// directReplyTo is the name of a queue that is none: who consumes from it gets
// the replies to requests that he published on the same channel with this name
// as reply-to. Repliers see another name, which leads to his channel.
const directReplyTo = "amq.rabbitmq.reply-to"

// isReplyName tells whether a name may lead to a reply consumer.
func isReplyName(name string) bool { return strings.HasPrefix(name, directReplyTo+".") }

// replyConsumer gets the direct replies of a channel.
type replyConsumer struct {
	name    string // what repliers see
	tag     string
	channel *channel
	// All above is immutable.

	prepared amqp.Deliver // for replies to name; channel.mu
}

// replies are the reply consumers of a vhost, by name.
type replies struct {
	mu sync.RWMutex // guards by; held alone
	by map[string]*replyConsumer
}

// mostReplies is how many bytes may be pending for a client before it loses
// further replies: nothing else would hold back those who send them.
const mostReplies = 64 << 20

func (r *replies) find(name string) *replyConsumer {
	r.mu.RLock()
	defer r.mu.RUnlock()
	return r.by[name]
}

// deliver delivers a message that was published with a routing key to the
// reply consumer of that name. To a name that leads nowhere, or nowhere any
// more, it is lost (RTO-10, RTO-11).
func (r *replies) deliver(name, key string, c *amqp.Content) {
	if !isReplyName(name) {
		return
	}
	if k := r.find(name); k != nil {
		k.take(key, c)
	}
}

// take delivers a reply (RTO-07). Its delivery tag is that of the next message
// which can be acknowledged, as in RabbitMQ: replies use none up.
func (k *replyConsumer) take(key string, c *amqp.Content) {
	ch := k.channel
	ch.mu.Lock()
	defer ch.mu.Unlock()
	if ch.reply != k || ch.session.leaving.Load() || ch.out.Pending() > mostReplies {
		return
	}
	d := &k.prepared
	if key != k.name {
		d = new(amqp.Deliver)
		d.Prepare(ch.id, k.tag, "", key)
	}
	batch := ch.out.Batch()
	defer batch.End()
	batch.Deliver(d, ch.tag+1, false, c, false, ch.frameMax)
}

// consumeReplies is basic.consume on the name for direct replies.
func (ch *channel) consumeReplies(m *amqp.BasicConsume) error {
	switch {
	case !m.NoAck: // RTO-02
		return amqp.PreconditionFailed.Errorf("reply consumer cannot acknowledge")
	case ch.reply != nil: // RTO-03
		return amqp.PreconditionFailed.Errorf("reply consumer already set")
	case m.ConsumerTag == "":
		m.ConsumerTag = generated("amq.ctag-")
	}
	k := &replyConsumer{name: generated(directReplyTo + "."), tag: m.ConsumerTag, channel: ch}
	k.prepared.Prepare(ch.id, k.tag, "", k.name)
	if !m.NoWait {
		ch.out.Send(ch.id, &amqp.BasicConsumeOk{ConsumerTag: k.tag})
	}
	ch.setReply(k)
	r := &ch.session.vhost.replies
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.by == nil {
		r.by = map[string]*replyConsumer{}
	}
	r.by[k.name] = k
	return nil
}

// endReplies ends the reply consumer, if there is one: its name leads nowhere
// from now on (RTO-11, RTO-12).
func (ch *channel) endReplies() {
	if ch.reply == nil {
		return
	}
	r := &ch.session.vhost.replies
	r.mu.Lock()
	delete(r.by, ch.reply.name)
	r.mu.Unlock()
	ch.setReply(nil)
}

func (ch *channel) setReply(k *replyConsumer) {
	ch.mu.Lock()
	defer ch.mu.Unlock()
	ch.reply = k
}

// declareReplies is queue.declare of a name for direct replies, of which there
// is nothing to declare (RTO-01, RTO-08).
func (ch *channel) declareReplies(name string, m *amqp.QueueDeclare) error {
	if name != directReplyTo && ch.session.vhost.replies.find(name) == nil {
		return noQueue(name, ch.session.vhost)
	}
	ch.lastQueue = name
	if !m.NoWait {
		ch.out.Send(ch.id, &amqp.QueueDeclareOk{Queue: name, ConsumerCount: 1})
	}
	return nil
}
