package broker

// fate is what is to become of deliveries.
type fate uint8

const (
	acked     fate = iota // they are done with
	requeued              // their queues get them back (ACK-09)
	lost                  // likewise, since the channel that had them has gone (CHAN-13)
	discarded             // they die (ACK-08)
)

// refusal is the fate that basic.reject and basic.nack ask for.
func refusal(requeue bool) fate {
	if requeue {
		return requeued
	}
	return discarded
}

// verdict is a fate, and who has decided on it.
type verdict struct {
	fate fate
	tx   bool // a commit, which may not become durable: nothing is confirmed before
}

// settle carries out what is to become of deliveries of one consumer.
func (q *queue) settle(ds []delivery, f fate) {
	q.enter()
	defer q.leave()
	q.record(ds, verdict{fate: f})
	q.resume(ds, f)
	q.dispatch()
}

// committed goes on after deliveries of one consumer when a commit has recorded
// what is to become of them, and that is durable.
func (q *queue) committed(ds []delivery, f fate) {
	q.enter()
	defer q.leave()
	q.resume(ds, f)
	q.dispatch()
}

// record has the store know what becomes of deliveries, and has those die that
// are discarded. q.mu is held, and a unit is open if the queue is stored.
func (q *queue) record(ds []delivery, v verdict) {
	switch {
	case v.fate == discarded:
		d := q.discard(rejected)
		d.settling.tx = v.tx
		for i := range ds {
			d.add(&ds[i].entry)
		}
		d.end()
	case q.stored == nil || q.deleted:
	case v.fate == acked:
		s := settling{queue: q, tx: v.tx}
		for i := range ds {
			s.add(&ds[i].entry)
		}
		s.end()
	default:
		for i := range ds {
			if e := &ds[i].entry; q.stores(e.message) {
				q.stored.Requeued(e.seq, e.again().deliveries)
			}
		}
	}
}

// resume goes on after deliveries that are recorded: those who may get more do,
// and what is given back is ready again.
func (q *queue) resume(ds []delivery, f fate) {
	q.conclude(ds)
	if f != lost {
		q.credit(ds)
	}
	if f == requeued || f == lost {
		q.giveBack(ds, f)
	}
}

// conclude notes that deliveries are settled, whatever becomes of them.
func (q *queue) conclude(ds []delivery) {
	q.unsettled.remove(ds)
	if q.ready.groups != nil {
		q.ready.groups.settled(ds)
	}
}

// credit lets the consumer of deliveries get as many more: it rejoins the line
// unless it is the limit of its channel that holds it up. Without a consumer they
// were got.
func (q *queue) credit(ds []delivery) {
	k := ds[0].consumer
	if k == nil {
		return
	}
	k.credit += len(ds)
	if !k.limited() || k.channel.hasRoom() {
		q.rejoin(k)
	}
}

// giveBack puts deliveries back to where they belong, if they may come once
// more (QQ-13). What a client gives back, a quorum queue without a limit puts
// behind all others, but not what was lost with its channel (QQ-14) or has
// successors in its group. q.mu is held, and a unit is open if the queue is stored.
func (q *queue) giveBack(ds []delivery, f fate) {
	if q.deleted {
		return
	}
	last := q.kind.replicated && q.settings.deliveryLimit == unset && f == requeued && q.ready.groups == nil
	d := q.discard(deliveryLimit)
	for i := range ds {
		switch e := ds[i].entry.again(); {
		case q.settings.failed(e.deliveries):
			d.add(&e)
		case last:
			q.goBack(e)
		default:
			q.ready.giveBack(e)
		}
	}
	d.end()
}

// goBack puts a message behind all others. The store, in which a message has but
// one position, gets it anew.
func (q *queue) goBack(e entry) {
	if q.stores(e.message) {
		s := settling{queue: q}
		s.join(&e)
		s.end()
		m := *e.message
		m.keeping = &keeping{transient: m.transient}
		e.message = &m
	}
	q.lastSeq++
	e.seq = q.lastSeq
	if q.stored != nil {
		q.append(&e)
	}
	q.ready.push(&e)
}
