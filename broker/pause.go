package broker

import "time"

const (
	// pressHigh is how many bytes may wait in a queue for consumers that
	// drain it before those who publish to it are slowed, and pressLow where
	// they go on. Small enough to stay in the processor's cache.
	pressHigh = 4 << 20
	pressLow  = 3 << 20

	// longestPause bounds one pause of a publisher, whatever happens.
	longestPause = 10 * time.Millisecond
)

// pressedLocked tells whether publishers ought to pause: much waits, somebody
// drains it, and the last pause was not in vain.
func (q *queue) pressedLocked() bool {
	return q.ready.bytes > pressHigh && len(q.consumers) > 0 && q.dealt != q.stuck
}

// relieve lets waiting publishers go on once little enough waits.
func (q *queue) relieve() {
	if q.room != nil && (q.ready.bytes <= pressLow || len(q.consumers) == 0) {
		close(q.room)
		q.room = nil
	}
}

// pause holds a publisher back until the queue has been drained somewhat. A
// queue whose consumers make no progress meanwhile does not hold it again.
func (q *queue) pause() {
	q.mu.Lock()
	if !q.pressedLocked() {
		q.mu.Unlock()
		return
	}
	if q.room == nil {
		q.room = make(chan struct{})
	}
	room, dealt := q.room, q.dealt
	q.mu.Unlock()

	limit := time.NewTimer(longestPause)
	defer limit.Stop()
	select {
	case <-room:
		return
	case <-limit.C:
	}
	q.mu.Lock()
	if q.dealt == dealt {
		q.stuck = dealt
	}
	q.mu.Unlock()
}
