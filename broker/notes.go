package broker

// note is what a run knows of a publish besides its content, if a queue that it
// goes to stores messages or it is to be confirmed.
type note struct {
	tag        uint64 // by which it is to be confirmed, if the channel is in confirm mode
	left       int32  // queues that are to store it and have not settled it
	persistent bool   // there are some
	transient  bool   // they are quorum queues
}

// note notes the last publish, which so many queues are to store if it is
// persistent.
func (r *run) note(queues int32, persistent bool) {
	n := note{left: queues, persistent: persistent}
	if r.confirms != nil {
		n.tag = r.confirms.published
	}
	if persistent {
		r.persistent++
	}
	r.notes = append(r.notes, n)
}

// noteQuorum notes that so many quorum queues are to store the last publish,
// although it is transient (QQ-02).
func (r *run) noteQuorum(queues int32) {
	if n := &r.notes[len(r.notes)-1]; !n.persistent && queues > 0 {
		n.left, n.persistent, n.transient = queues, true, true
		r.persistent++
	}
}

// storeAll has messages that are kept be stored by quorum queues, also those
// that are transient.
func (r *run) storeAll() {
	for _, m := range r.kept {
		if m.keeping == nil {
			m.keeping = &keeping{transient: true}
		}
	}
}

// annotate notes on the i-th publish, kept as a message, what is to be known of
// it later, if queues are to store it.
func (r *run) annotate(i int, m *message) {
	if i < len(r.notes) && r.notes[i].persistent {
		r.keepFor(i, m)
	}
}

func (r *run) keepFor(i int, m *message) {
	if len(r.keepings) == 0 {
		r.keepings = make([]keeping, min(len(r.contents)-i, slabCount))
	}
	m.keeping, r.keepings = &r.keepings[0], r.keepings[1:]
	m.confirms, m.tag, m.transient = r.confirms, r.notes[i].tag, r.notes[i].transient
	m.left.Store(r.notes[i].left)
}

// settled notes that a queue which would have stored the i-th publish has
// settled it instead.
func (r *run) settled(i int, q *queue, e *early) {
	n := &r.notes[i]
	switch {
	case r.confirms == nil || !n.persistent || n.transient && !q.kind.replicated:
	case i < len(r.kept) && r.kept[i] != nil:
		e.settled(r.kept[i])
	default:
		if n.left--; n.left == 0 {
			r.early++
			e.add(r.confirms, n.tag)
		}
	}
}

// storedSize is about how many bytes of it queues are to store.
func (r *run) storedSize() (size int64) {
	for i := range r.notes {
		if r.notes[i].persistent {
			size += int64(r.contents[i].Size())
		}
	}
	return size
}

// store hands a run to queues of which some store it, as one unit.
func (s *session) store(queues []*queue, r *run) {
	db := s.vhost.store
	size := r.storedSize()
	db.Reserve(size)
	defer db.Release(size)
	db.Begin()
	defer db.End()
	if r.confirms != nil {
		r.confirms.await(r.notes)
	}
	s.hand(queues, r)
	if n := r.notes; r.confirms != nil && r.early < r.persistent {
		db.Confirm(r.confirms, n[0].tag, n[len(n)-1].tag)
	}
}
