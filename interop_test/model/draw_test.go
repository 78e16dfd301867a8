package model

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"pgregory.net/rapid"

	"github.com/leveretmq/leveret/amqp"
)

// step is what happens between two looks at all connections: a batch of
// commands of one connection, which go out in one write, or the beginning of
// that connection, or the end of the broker and its beginning anew.
type step struct {
	restart restart
	conn    string // of restart: the one that stays up to the end
	connect bool
	notify  bool          // of connect: the client understands basic.cancel
	wait    time.Duration // before all else
	policy  *policy
	redrive *redriving
	batch   []command
	doubts  bool // the batch has an acknowledgement that may fail
}

// GoString is how rapid prints the steps of a sequence that failed.
func (s step) GoString() string {
	var b strings.Builder
	if s.restart != stays {
		fmt.Fprintf(&b, "\n  %s stays for\n  %s", s.conn, s.restart)
	}
	if s.wait > 0 {
		fmt.Fprintf(&b, "\n  %s skip %v", s.conn, s.wait)
	}
	if s.policy != nil {
		fmt.Fprintf(&b, "\n  %v", *s.policy)
	}
	if s.redrive != nil {
		fmt.Fprintf(&b, "\n  redrive %s count=%d", s.redrive.queue, s.redrive.count)
	}
	if s.connect {
		caps := ""
		if s.notify {
			caps = " caps=consumer_cancel_notify"
		}
		fmt.Fprintf(&b, "\n  %s open%s", s.conn, caps)
	}
	if len(s.batch) > 1 {
		fmt.Fprintf(&b, "\n  %s hold", s.conn)
	}
	for _, cmd := range s.batch {
		fmt.Fprintf(&b, "\n  %s %v", s.conn, cmd)
	}
	if len(s.batch) > 1 {
		fmt.Fprintf(&b, "\n  %s flush", s.conn)
	}
	return b.String()
}

// drawer draws steps that mean something in a world: names that are there, tags
// that are outstanding, and now and then what is an error.
type drawer struct {
	*rapid.T
	w    *world
	c    *conn // whose step it is
	body *int  // the last one; all are different
}

func (d drawer) below(n int) int { return rapid.IntRange(0, n-1).Draw(d.T, "") }

// rarely is true about once in n times; sequences are made shorter towards
// false.
func (d drawer) rarely(n int) bool { return d.below(n) == n/2 }

func (d drawer) bit() bool { return rapid.Bool().Draw(d.T, "") }

func pick[V any](d drawer, from ...V) V { return from[d.below(len(from))] }

func (d drawer) step() step {
	s := step{conn: pick(d, "a", "a", "b", "b", "a", "b", "a", "c")}
	c := d.w.conn(s.conn)
	if c == nil {
		s.connect, s.notify = true, d.bit()
		s.batch = []command{{channel: 1, method: &amqp.ChannelOpen{}}, {channel: 2, method: &amqp.ChannelOpen{}}}
		return s
	}
	if d.rarely(60) {
		s.batch = []command{d.end()}
		return s
	}
	if (*addr == "" || *restarter != "") && d.rarely(30) {
		s.restart = stopped
		if d.w.kills && d.bit() {
			s.restart = killed
		}
		return s
	}
	if d.w.features && *addr == "" && d.rarely(8) {
		s.wait = pick[time.Duration](d, 40, 40, 160, 400, 1500) * time.Millisecond
		return s
	}
	if d.w.features && *addr == "" && d.rarely(12) {
		s.policy = d.policy()
		return s
	}
	if dead := d.redrivable(); *addr == "" && len(dead) > 0 && d.rarely(6) {
		s.redrive = &redriving{queue: pick(d, dead...), count: d.below(3)}
		return s
	}
	d.c = c
	d.fill(&s, c)
	if at := c.channels[s.batch[0].channel]; *addr != "" && at != nil && !at.closing && silent(s.batch[0].method) {
		s.batch = append(s.batch, command{channel: at.id, method: &amqp.ChannelFlow{Active: true}})
	}
	return s
}

// redriving is how messages are brought back to where they died.
type redriving struct {
	queue string
	count int
}

// redrivable are queues with messages that died elsewhere, and none that died here:
// it would come back to where it is taken from.
func (d drawer) redrivable() (names []string) {
	for _, q := range d.w.queues {
		from := map[string]bool{}
		for _, e := range q.ready {
			v, _ := e.message.headers().Get("x-death")
			if deaths, _ := v.(amqp.Array); len(deaths) > 0 {
				from[word(deaths[0].(amqp.Table), "queue")] = true
			}
		}
		if len(from) > 0 && !from[q.name] {
			names = append(names, q.name)
		}
	}
	return names
}

// end ends a connection.
func (d drawer) end() command {
	if d.bit() {
		return command{method: &amqp.ConnectionClose{ReplyCode: 200}}
	}
	return command{}
}

// fill draws the commands of a batch, most of them for one channel.
func (d drawer) fill(s *step, c *conn) {
	n, id := 1, d.channel()
	if d.w.batches && !d.w.reads() {
		n = pick(d, 1, 1, 1, 2, 3, 4)
	}
	for len(s.batch) < n {
		if d.rarely(3) {
			id = d.channel()
		}
		ch := c.channels[id]
		if ch == nil || ch.closing {
			s.batch = append(s.batch, d.reopen(ch, id)...)
			return // once is enough
		}
		cmd := d.command(ch)
		if s.open(cmd, c) || givesBack(cmd.method) && s.elsewhere(cmd) {
			continue
		}
		s.doubts = s.doubts || doubtful(cmd, ch)
		s.batch = append(s.batch, cmd)
		if givesBack(cmd.method) {
			return // whoever gets it must not lose it again before anybody looks
		}
		if *addr != "" {
			return // in RabbitMQ, what a method sets going is not waited for by the next one
		}
	}
}

// channel is the number of one of the channels.
func (d drawer) channel() uint16 { return pick[uint16](d, 1, 1, 2, 2, 3) }

// reopen is what makes a number an open channel, and now and then what may not
// be sent before.
func (d drawer) reopen(ch *channel, id uint16) []command {
	opened := command{channel: id, method: &amqp.ChannelOpen{}}
	if ch == nil {
		if d.rarely(150) {
			return []command{d.command(&channel{id: id})}
		}
		return []command{opened}
	}
	closed := command{channel: id, method: &amqp.ChannelCloseOk{}}
	if cmd := d.command(ch); d.rarely(5) && !shortcut(cmd) {
		return []command{cmd, closed}
	}
	return []command{closed, opened}
}

// silent tells whether a method has no answer that shows when it has got to its
// queues.
func silent(m amqp.Method) bool {
	switch m.(type) {
	case *amqp.BasicPublish, *amqp.BasicAck, *amqp.BasicNack, *amqp.BasicReject, *amqp.BasicRecoverAsync:
		return true
	}
	return false
}

// open tells whether what a command comes to is left open: an acknowledgement
// may be gathered and take effect behind a publish of the same batch. So one that
// may fail, or is about whatever is outstanding, has no publish or other
// acknowledgement beside it.
func (s step) open(cmd command, c *conn) bool {
	return s.doubts && isSent(cmd) || doubtful(cmd, c.channels[cmd.channel]) && slices.ContainsFunc(s.batch, isSent) ||
		slices.ContainsFunc(s.batch, func(earlier command) bool { return again(earlier, cmd) || overtaken(earlier, cmd) })
}

// overtaken tells whether the first of two commands makes room for what the
// second publishes on another channel: nothing says that it does so in time.
func overtaken(first, second command) bool {
	_, settles := settled(first)
	return settles && isPublish(second) && first.channel != second.channel
}

// isSent tells whether a command sends messages on their way, or back.
func isSent(cmd command) bool {
	_, recovers := cmd.method.(*amqp.BasicRecover)
	return silent(cmd.method) || recovers
}

// elsewhere tells whether the batch has commands for other channels. If one of
// them failed, its channel would give deliveries back, and whoever got them might
// lose them to cmd before anybody looks.
func (s step) elsewhere(cmd command) bool {
	return slices.ContainsFunc(s.batch, func(earlier command) bool { return earlier.channel != cmd.channel })
}

// givesBack tells whether deliveries go back with a method.
func givesBack(m amqp.Method) bool {
	switch m := m.(type) {
	case *amqp.BasicNack:
		return m.Requeue
	case *amqp.BasicReject:
		return m.Requeue
	case *amqp.BasicRecover, *amqp.BasicRecoverAsync, *amqp.ChannelClose, *amqp.TxCommit:
		return true
	}
	return false
}

// doubtful tells whether a command settles what is not outstanding.
func doubtful(cmd command, ch *channel) bool {
	tag, settles := settled(cmd)
	return settles && !slices.ContainsFunc(ch.unsettled, func(d *delivery) bool { return d.tag == tag })
}

// again tells whether the second of two commands may settle what the first has
// settled.
func again(first, second command) bool {
	tag, settles := settled(second)
	if !settles || first.channel != second.channel {
		return false
	}
	before, single := settled(first)
	return isSent(first) && !isPublish(first) && !(single && before != tag && !multiple(first))
}

// settled is the tag of a command that settles.
func settled(cmd command) (tag uint64, settles bool) {
	switch m := cmd.method.(type) {
	case *amqp.BasicAck:
		return m.DeliveryTag, true
	case *amqp.BasicNack:
		return m.DeliveryTag, true
	case *amqp.BasicReject:
		return m.DeliveryTag, true
	}
	return 0, false
}

func multiple(cmd command) bool {
	switch m := cmd.method.(type) {
	case *amqp.BasicAck:
		return m.Multiple
	case *amqp.BasicNack:
		return m.Multiple
	}
	return false
}

func isPublish(cmd command) bool {
	_, ok := cmd.method.(*amqp.BasicPublish)
	return ok
}

// shortcut tells whether a command for a channel that is closing means the
// channel's current queue. RabbitMQ, which looks for that first, may close the
// channel once more.
func shortcut(cmd command) bool {
	switch m := cmd.method.(type) {
	case *amqp.QueueBind:
		return m.Queue == ""
	case *amqp.QueueUnbind:
		return m.Queue == ""
	case *amqp.QueuePurge:
		return m.Queue == ""
	case *amqp.QueueDelete:
		return m.Queue == ""
	case *amqp.BasicConsume:
		return m.Queue == ""
	case *amqp.BasicGet:
		return m.Queue == ""
	}
	return false
}

// command is one for an open channel.
func (d drawer) command(ch *channel) command {
	if d.rarely(200) {
		return command{channel: ch.id, method: d.nonsense()}
	}
	if len(d.w.queues) == 0 && !d.rarely(4) {
		return command{channel: ch.id, method: d.declareQueue()}
	}
	if ch.tx && d.rarely(6) {
		return command{channel: ch.id, method: d.mode(ch)}
	}
	kinds := 14
	if d.w.features && len(d.w.queues) > 2 {
		kinds = 12 // let them be used
	}
	switch d.below(kinds) {
	case 0, 1, 2, 3, 4:
		return d.publish(ch.id)
	case 5, 6, 7, 8:
		return command{channel: ch.id, method: d.settle(ch)}
	case 9, 10:
		return command{channel: ch.id, method: d.subscribe(ch)}
	default:
		return command{channel: ch.id, method: d.declare()}
	}
}

// nonsense is what ends a channel or a connection in any state.
func (d drawer) nonsense() amqp.Method {
	return pick[amqp.Method](d,
		&amqp.ChannelClose{}, &amqp.ChannelOpen{}, &amqp.ChannelFlow{}, &amqp.ChannelFlowOk{}, &amqp.BasicRecover{},
		&amqp.BasicQos{PrefetchSize: 1}, &amqp.BasicCancelOk{}, &amqp.QueueDeclareOk{}, &amqp.ChannelCloseOk{})
}

func (d drawer) publish(id uint16) command {
	*d.body++
	m := &amqp.BasicPublish{Exchange: d.source(), RoutingKey: d.key(), Mandatory: d.rarely(3)}
	if d.rarely(3) || d.w.features && d.bit() {
		m.Exchange, m.RoutingKey = "", d.queueName()
	}
	if m.RoutingKey == "" && d.bit() {
		m.RoutingKey = "a"
	}
	m.Immediate = d.rarely(200)
	cmd := command{channel: id, method: m, body: fmt.Sprint("m", *d.body)}
	if !d.w.memory && d.rarely(4) {
		cmd.body += long
	}
	switch {
	case d.rarely(4):
		cmd.properties.Headers = d.headers()
	case d.rarely(100):
		cmd.properties.UserID = pick(d, "guest", "joe")
	case d.rarely(100):
		cmd.properties.Headers = amqp.Table{{Key: pick(d, "CC", "BCC"), Value: "a"}}
	case d.rarely(4):
		cmd.properties.MessageID = "id"
	}
	if d.w.features && d.deduplicates(m.Exchange, m.RoutingKey) && !d.rarely(5) {
		cmd.properties.Headers = append(cmd.properties.Headers, d.identity()...)
	}
	if d.w.features && slices.ContainsFunc(d.w.queues, (*queue).grouped) && !d.rarely(4) {
		cmd.properties.Headers = append(cmd.properties.Headers, amqp.Field{
			Key: pick(d, "x-group-id", "x-group-id", "JMSXGroupID"), Value: pick[any](d, "g", "g", "7", int32(7), "", nil),
		})
	}
	if x := d.w.exchange(m.Exchange); d.w.features && x != nil && (x.delays() || d.rarely(20)) && !d.rarely(3) {
		cmd.properties.Headers = append(without(cmd.properties.Headers, "x-delay"), amqp.Field{
			Key: "x-delay", Value: pick[any](d, int32(30), int32(150), int64(300), "500", int32(2000), int32(0), int32(-5)),
		})
	}
	if d.w.features && d.rarely(3) {
		cmd.properties.Priority = pick[uint8](d, 1, 2, 5, 200)
	}
	if d.w.features && d.rarely(6) {
		cmd.properties.Expiration = pick(d, "100", "0", "300", "1000", "3000000000")
	}
	cmd.properties.DeliveryMode = pick[uint8](d, 2, 2, 0, 1)
	return cmd
}

func (d drawer) headers() amqp.Table {
	return pick(d,
		amqp.Table{{Key: "h", Value: int32(1)}},
		amqp.Table{{Key: "h", Value: int64(2)}, {Key: "g", Value: "x"}},
		amqp.Table{},
		amqp.Table{{Key: "CC", Value: amqp.Array{d.queueName(), d.key()}}},
		amqp.Table{{Key: "BCC", Value: amqp.Array{d.key()}}, {Key: "CC", Value: amqp.Array{int32(1), d.queueName()}}},
		amqp.Table{{Key: "h", Value: "1"}, {Key: "BCC", Value: amqp.Array{d.queueName()}}},
	)
}

// settle acknowledges and so on, mostly tags that are outstanding.
func (d drawer) settle(ch *channel) amqp.Method {
	tag, multiple, requeue := uint64(d.below(int(ch.tag)+1)), d.rarely(3), d.bit()
	n := len(ch.unsettled)
	switch {
	case d.rarely(40): // one that may be settled, or never was
	case d.rarely(10):
		tag, multiple = 0, true
	case n == 0 && d.bit(), d.rarely(8):
		return &amqp.BasicGet{Queue: d.queueName(), NoAck: d.rarely(3)}
	case n > 0:
		tag = ch.unsettled[d.below(n)].tag
	default:
		return &amqp.BasicConsume{Queue: d.queueName()}
	}
	if d.w.features && d.bit() {
		return &amqp.BasicNack{DeliveryTag: tag, Multiple: multiple, Requeue: d.rarely(3)}
	}
	switch d.below(12) {
	default:
		return &amqp.BasicAck{DeliveryTag: tag, Multiple: multiple}
	case 5, 6, 7:
		return &amqp.BasicNack{DeliveryTag: tag, Multiple: multiple, Requeue: requeue}
	case 8, 9:
		if tag == 0 {
			return &amqp.BasicRecover{Requeue: true}
		}
		return &amqp.BasicReject{DeliveryTag: tag, Requeue: requeue}
	case 10:
		return &amqp.BasicRecover{Requeue: true}
	case 11:
		return &amqp.BasicRecoverAsync{Requeue: true}
	}
}

// mode is what puts a channel in a mode, and what it is for.
func (d drawer) mode(ch *channel) amqp.Method {
	switch {
	case ch.tx && !d.rarely(20), d.rarely(60):
		return pick[amqp.Method](d, &amqp.TxCommit{}, &amqp.TxCommit{}, &amqp.TxRollback{})
	case !ch.confirms && d.bit():
		return &amqp.TxSelect{}
	}
	return &amqp.ConfirmSelect{NoWait: d.rarely(5)}
}

// subscribe is what consumers and modes are about.
func (d drawer) subscribe(ch *channel) amqp.Method {
	tag := pick(d, "s", "t", "u")
	switch d.below(16) {
	default:
		m := &amqp.BasicConsume{
			Queue: d.queueName(), ConsumerTag: tag, NoAck: d.rarely(4), Exclusive: d.rarely(12), NoWait: d.rarely(5),
		}
		if ch.consumer(tag) != nil && !d.rarely(20) { // which would end the connection
			m.ConsumerTag, m.NoWait = "", false
		}
		if d.rarely(6) {
			m.Arguments = amqp.Table{pick(d,
				amqp.Field{Key: "x-priority", Value: int32(1)}, amqp.Field{Key: "x-priority", Value: int64(-1)},
				amqp.Field{Key: "x-priority", Value: "1"}, amqp.Field{Key: "x-stream-offset", Value: int32(1)})}
		}
		return m
	case 6, 7:
		return &amqp.BasicCancel{ConsumerTag: tag, NoWait: d.rarely(5)}
	case 8, 9:
		m := &amqp.BasicQos{PrefetchCount: pick[uint16](d, 1, 2, 3, 0), Global: d.rarely(3)}
		m.Global = m.Global && !ch.consumesQuorum() // what that means nobody says
		return m
	case 10:
		return pick[amqp.Method](d, &amqp.ChannelFlow{Active: true}, &amqp.ChannelClose{})
	case 11, 12, 13, 14:
		return d.mode(ch)
	}
}
