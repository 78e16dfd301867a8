package broker

// full tells whether there are more ready messages, or bytes of their bodies,
// than the limits allow (LEN-01, LEN-09).
func (s *settings) full(messages, bytes int) bool {
	return s.maxLength != unset && int64(messages) > s.maxLength || s.maxBytes != unset && int64(bytes) > s.maxBytes
}

// exceeds tells whether messages at the head are too many (LEN-02). A queue that
// refuses messages keeps those that it has.
func (q *queue) exceeds() bool {
	return q.settings.overflow == dropHead && q.settings.full(q.ready.len(), q.ready.bodySize()) && q.ready.len() > 0
}

// limit has messages at the head die that are too many, a few at once: those
// that came first, or in a queue with priorities have the highest (LEN-12).
func (q *queue) limit() { q.cull(maxlen, q.exceeds) }

// refuses tells whether the i-th publish is one message too many for a queue
// that refuses such, whoever could take it (LEN-06, LEN-08).
func (q *queue) refuses(r *run, i int) bool {
	s := q.settings
	messages, bytes := q.ready.len()+1, q.ready.bodySize()+r.contents[i].BodySize()
	if d := s.deadLetter; d != nil && d.insists { // QQ-21
		messages, bytes = messages+q.dying.count, bytes+q.dying.bodies
	}
	return s.overflow != dropHead && s.full(messages, bytes)
}

// refuse notes that a queue has not taken the i-th publish.
func (q *queue) refuse(r *run, i int) {
	r.refused = append(r.refused, i)
	if q.settings.overflow == rejectPublishDLX && q.settings.deadLetter != nil && !r.returns { // LEN-07
		d := q.discard(maxlen)
		d.add(&entry{message: r.keep(i)})
		d.end()
	}
}
