package model

import (
	"regexp"
	"slices"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

type consumer struct {
	tag              string
	channel          *channel
	queue            *queue
	noAck, exclusive bool
	priority         int
	prefetch         int // 0: unlimited
	unsettled        int
}

// delivery is a message that was delivered and is not settled.
type delivery struct {
	entry
	tag      uint64
	queue    *queue
	consumer *consumer // nil: it was got
}

var random = regexp.MustCompile("^[A-Za-z0-9_-]{22}$")

func generated(prefix, name string) bool {
	name, ok := strings.CutPrefix(name, prefix)
	return ok && random.MatchString(name)
}

func (ch *channel) consumer(tag string) *consumer {
	for _, k := range ch.consumers {
		if k.tag == tag {
			return k
		}
	}
	return nil
}

func (ch *channel) consume(m *amqp.BasicConsume) *refusal {
	name, r := ch.queueName(m.Queue)
	if r != nil {
		return r
	}
	if m.ConsumerTag != "" && ch.consumer(m.ConsumerTag) != nil { // CONS-03
		return refuse(530, "attempt to reuse consumer tag '%s'", m.ConsumerTag)
	}
	q, r := ch.conn.usable(name)
	if r != nil {
		return r
	}
	priority, r := q.checkConsumerArguments(m.Arguments)
	if r != nil {
		return r
	}
	if r := ch.cannotConsume(q); r != nil {
		return r
	}
	exclusive := func(k *consumer) bool { return k.exclusive }
	if !q.quorum() && (slices.ContainsFunc(q.consumers, exclusive) || m.Exclusive && (len(q.consumers) > 0 || q.single())) { // CONS-06, CONS-23; not QQ-06
		return refuse(403, "queue '%s' in vhost '/' in exclusive use", q.name)
	}
	k := &consumer{
		tag: m.ConsumerTag, channel: ch, queue: q, noAck: m.NoAck, exclusive: m.Exclusive,
		priority: priority, prefetch: ch.prefetch, // QOS-02, QOS-03
	}
	if k.tag == "" {
		k.tag = ch.generatedTag()
	}
	if !m.NoWait { // before the first delivery: CONS-02
		ch.emit(&amqp.BasicConsumeOk{ConsumerTag: k.tag})
	}
	ch.consumers = append(ch.consumers, k)
	q.consumers = append(q.consumers, k)
	q.appoint()
	return nil
}

// single tells whether only one consumer gets messages.
func (q *queue) single() bool {
	v, _ := q.args.Get("x-single-active-consumer")
	return v == true && q.world.wrong != "every consumer is active"
}

// appoint makes one consumer the active one if there is none: the first of those
// with the highest priority, or of all of a quorum queue (CONS-22, CONS-24).
func (q *queue) appoint() {
	if !q.single() || q.active != nil {
		return
	}
	for _, k := range q.consumers {
		if q.active == nil || k.priority > q.active.priority && !q.quorum() {
			q.active = k
		}
	}
}

// generatedTag is the tag that the reply gives to a new consumer (CONS-01).
func (ch *channel) generatedTag() string {
	ch.conn.await(ch.id)
	if in := ch.conn.in[ch.id]; len(in) > 0 {
		ok, is := in[0].method().(*amqp.BasicConsumeOk)
		if is && generated("amq.ctag-", ok.ConsumerTag) && ch.consumer(ok.ConsumerTag) == nil {
			return ok.ConsumerTag
		}
	}
	return "amq.ctag-and so on"
}

func (ch *channel) cancel(m *amqp.BasicCancel) {
	if k := ch.consumer(m.ConsumerTag); k != nil { // else CONS-17
		ch.forget(k) // what it has stays unsettled: CONS-18
		k.queue.drop(k)
		k.queue.deleteIfUnused()
	}
	if !m.NoWait {
		ch.emit(&amqp.BasicCancelOk{ConsumerTag: m.ConsumerTag})
	}
}

func (ch *channel) forget(k *consumer) {
	ch.consumers = slices.DeleteFunc(ch.consumers, func(other *consumer) bool { return other == k })
}

func (q *queue) drop(k *consumer) {
	is := func(other *consumer) bool { return other == k }
	if len(q.consumers) == 1 && is(q.consumers[0]) {
		q.use()
	}
	q.consumers, q.passed = slices.DeleteFunc(q.consumers, is), slices.DeleteFunc(q.passed, is)
	if q.active == k {
		q.active = nil
		q.appoint()
	}
}

// cancelled tells the consumers of a queue that has gone (CONS-19, CONS-20), in
// any order.
func (w *world) cancelled(consumers []*consumer) {
	var cancels []*consumer
	for _, k := range consumers {
		k.channel.forget(k)
		if k.channel.conn.notify {
			cancels = append(cancels, k)
		}
	}
	for len(cancels) > 0 {
		cancels[0].channel.conn.await(cancels[0].channel.id)
		i := max(0, slices.IndexFunc(cancels, func(k *consumer) bool {
			return k.channel.shows(newEvent(&amqp.BasicCancel{ConsumerTag: k.tag, NoWait: true}, nil))
		}))
		cancels[i].channel.emit(&amqp.BasicCancel{ConsumerTag: cancels[i].tag, NoWait: true})
		cancels = slices.Delete(cancels, i, i+1)
	}
}

func (ch *channel) get(m *amqp.BasicGet) *refusal {
	q, r := ch.usable(m.Queue)
	if r != nil {
		return r
	}
	if r := q.cannotGet(); r != nil {
		return r
	}
	q.use()
	q.expire()
	i := min(0, len(q.ready)-1)
	if q.grouped() && q.world.wrong != "messages of any group are got" {
		i = q.first(nil)
	}
	if i < 0 { // GET-02
		ch.emit(&amqp.BasicGetEmpty{})
		return nil
	}
	e := q.ready[i]
	q.ready = slices.Delete(slices.Clone(q.ready), i, i+1)
	q.expire()
	ch.tag++
	ch.conn.await(ch.id)
	if !m.NoAck { // else GET-04
		ch.unsettled = append(ch.unsettled, &delivery{e, ch.tag, q, nil})
	}
	ch.conn.emit(ch.id, &amqp.BasicGetOk{
		DeliveryTag: ch.tag, Redelivered: e.flag(ch),
		Exchange: e.message.exchange, RoutingKey: e.message.key, MessageCount: uint32(len(q.ready)),
	}, q.shown(e, true))
	return nil
}

func (ch *channel) qos(m *amqp.BasicQos) *refusal {
	switch {
	case m.PrefetchSize != 0: // QOS-01
		return refuse(540, "prefetch_size!=0 (%d)", m.PrefetchSize)
	case m.Global: // QOS-04, QOS-09
		if ch.limit == 0 {
			ch.volume = len(ch.unsettled)
		}
		ch.limit = int(m.PrefetchCount)
		ch.unblock()
	default:
		ch.prefetch = int(m.PrefetchCount)
	}
	ch.emit(&amqp.BasicQosOk{})
	return nil
}
