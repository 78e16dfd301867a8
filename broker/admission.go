package broker

// picky tells whether each message of a run is to be looked at before the queue
// takes it, or the next one: because it may be refused, or because with limits
// it matters to messages that differ which of them are there when one comes, or
// may be a duplicate. q.mu is held.
func (q *queue) picky(r *run) bool {
	s := q.settings
	if q.dedup != nil {
		return true
	}
	if s.maxLength == unset && s.maxBytes == unset {
		return false
	}
	return s.overflow != dropHead || s.ttl == 0 || len(r.traits) > 0
}

// publishEach takes those messages of a run that the queue admits, one by one.
func (q *queue) publishEach(r *run) {
	for i := range r.contents {
		if !q.admits(r, i) {
			continue
		}
		if q.ready.len() > 0 || q.deal(r, i, i+1) == 0 {
			q.add(r, i)
			q.limit()
			q.expire()
		}
	}
}

// admits tells whether the queue takes the i-th publish. What it does not take
// is dropped or refused by now.
func (q *queue) admits(r *run, i int) bool {
	if q.isDuplicate(r, i) {
		return false
	}
	if q.refuses(r, i) {
		q.refuse(r, i)
		q.dedup.takeBack(&r.contents[i])
		return false
	}
	return true
}
