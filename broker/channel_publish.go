package broker

import (
	"bytes"
	"slices"

	"github.com/leveretmq/leveret/amqp"
)

// Publish implements amqp.Channel. The message joins the run of those that go
// the same way; the run reaches the queues at the next Flush, or earlier when
// it has grown long.
func (ch *channel) Publish(p *amqp.BasicPublish, content amqp.Content) error {
	s := ch.session
	rt := ch.route
	if p != ch.published || rt.generation != s.vhost.generation.Load() {
		var err error
		if rt, err = ch.find(p); err != nil {
			return err
		}
	}
	var more copies
	t := ch.traits
	if props := content.Properties(); !bytes.Equal(props, ch.properties) || len(props) == 0 {
		var err error
		if more, t, err = ch.examine(&content); err != nil {
			return err
		}
	}
	if rt.each || len(more.keys) > 0 {
		more.keys = slices.DeleteFunc(more.keys, func(key string) bool { return key == rt.key })
		rt = ch.reroute(rt, more, &content)
	}
	if ch.tx != nil {
		return ch.txPublish(ch.heldRun(rt, more.keys, p.Mandatory), max(len(rt.queues), len(more.keys)+1), content, t)
	}
	if ch.confirms != nil && ch.confirms.publish() {
		s.confirming = append(s.confirming, ch)
	}
	if len(rt.queues) == 0 {
		if p.Mandatory { // PUB-03; before the confirm: PUB-19
			ch.giveBack(&rt.origin, &content)
		}
		return nil
	}
	s.gather(ch, rt, content, t)
	return nil
}

// giveBack returns a message that came to no queue.
func (ch *channel) giveBack(o *origin, content *amqp.Content) {
	ch.out.SendContent(ch.id, &amqp.BasicReturn{
		ReplyCode: uint16(amqp.NoRoute), ReplyText: amqp.NoRoute.String(),
		Exchange: o.exchange, RoutingKey: o.key,
	}, content, ch.frameMax)
}

// reroute finds the queues of one message that has to find its own way, and
// delivers direct replies (RTO-07): those are no queues.
func (s *session) reroute(rt *route, more copies, content *amqp.Content) *route {
	o := origin{rt.exchange, rt.key, more.hidden}
	s.vhost.mu.RLock()
	s.way.find(s.vhost, &o, more.keys, content)
	s.vhost.mu.RUnlock()
	if rt.exchange == "" {
		s.vhost.replies.deliver(rt.key, rt.key, content)
		for _, key := range more.keys {
			s.vhost.replies.deliver(key, rt.key, content)
		}
	}
	if t := s.target; t != nil && t.origin == o && slices.Equal(t.queues, s.way.queues) {
		return t // as the message before it
	}
	found := slices.Clone(s.way.queues)
	clear(s.way.queues) // they may be deleted before the next message
	return &route{origin: o, queues: found, storing: storing(found), quorums: quorums(found)}
}

// largestRemembered bounds the properties that a channel compares those of the
// next message with, in bytes.
const largestRemembered = 1 << 10

// longestRun is how many publishes are gathered before their consumers get
// them even if there is more to read.
const longestRun = 256

// gather adds a publish to the run, which is flushed first if it goes
// elsewhere, or is to be confirmed elsewhere.
func (s *session) gather(ch *channel, rt *route, content amqp.Content, t traits) {
	r := &s.run
	if s.target != rt || r.confirms != ch.confirms || len(r.contents) >= longestRun {
		s.flushRun()
		s.target = rt
	}
	if len(r.contents) == 0 {
		r.origin, r.confirms, r.dedup = &rt.origin, ch.confirms, rt.dedup
	}
	r.contents = append(r.contents, content)
	if rt.storing > 0 || r.confirms != nil {
		r.note(rt.storing, t.persistent && rt.storing > 0)
		r.noteQuorum(rt.quorums)
	}
	r.characterise(t)
	s.published += content.Size()
}

// find returns the route of a publish: what is remembered, or a new one. Whether
// the user may go that way is found out with it, and remembered as long: a change
// of permissions begins a new generation.
func (ch *channel) find(p *amqp.BasicPublish) (*route, error) {
	if p.Immediate { // PUB-05
		return nil, amqp.NotImplemented.Errorf("immediate=true")
	}
	v := ch.session.vhost
	generation := v.generation.Load() // before the lock: it may only be too old
	rt, ok := ch.routes.Get(generation, p.Exchange, p.RoutingKey)
	if !ok {
		if err := ch.session.mayExchange(write, p.Exchange); err != nil { // PERM-12
			return nil, err
		}
		var err error
		if rt, err = v.route(p.Exchange, p.RoutingKey); err != nil {
			return nil, err
		}
		if err := ch.session.mayTopic(write, p.Exchange, p.RoutingKey); err != nil { // PERM-15
			return nil, err
		}
		rt.generation = generation
		ch.routes.Put(generation, p.Exchange, p.RoutingKey, rt)
	}
	ch.published, ch.route = p, rt
	return rt, nil
}
