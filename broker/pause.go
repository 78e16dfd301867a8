package broker

import "time"

const (
	// pressHigh is how many bytes may wait in a queue for consumers that
	// drain it before those who publish to it are slowed, and pressLow where
	// they go on. Low enough, consumers without acknowledgement get what is
	// published straight from the read buffer.
	pressHigh = 1 << 20
	pressLow  = 0

	// longestPause bounds one pause of a publisher, whatever happens. When
	// less than brisk bytes left the queue meanwhile, its consumers are no
	// match for any publisher and it does not ask for another pause for a
	// while: a backlog that is worked off slowly costs publishers a tenth of
	// their time at most.
	longestPause = 10 * time.Millisecond
	brisk        = 64 << 10
	noPauseFor   = 90 * time.Millisecond
)

// pressedLocked tells whether publishers ought to pause: much waits for
// consumers that have lately drained it.
func (q *queue) pressedLocked() bool {
	return q.ready.bytes > pressHigh && len(q.consumers) > 0
}

// relieve lets waiting publishers go on once little enough waits.
func (q *queue) relieve() {
	if q.room != nil && (q.ready.bytes <= pressLow || len(q.consumers) == 0) {
		close(q.room)
		q.room = nil
	}
}

// pause holds a publisher back until the queue has been drained, or until
// limit: then it returns false.
func (q *queue) pause(limit <-chan time.Time) bool {
	q.mu.Lock()
	if !q.pressedLocked() || time.Since(q.inVain) < noPauseFor {
		q.mu.Unlock()
		return true
	}
	if q.room == nil {
		q.room = make(chan struct{})
	}
	room, drained := q.room, q.drained
	q.mu.Unlock()

	select {
	case <-room:
		return true
	case <-limit:
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.drained-drained < brisk {
		q.inVain = time.Now()
	}
	return false
}
