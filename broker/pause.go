package broker

import "time"

const (
	// pressHigh is how many bytes may wait in a queue for consumers that
	// drain it before those who publish to it are slowed, and pressLow where
	// they go on. Low enough, consumers without acknowledgement get what is
	// published straight from the read buffer.
	pressHigh = 1 << 20
	pressLow  = 0

	// pressTop is how many are a backlog, which is worked off while publishers
	// go on.
	pressTop = 16 << 20

	// longestPause bounds one pause of a publisher, whatever happens. When
	// less than brisk bytes left the queue meanwhile (50 MB/s), its consumers
	// lag: they are no match for a publisher that fills the queue, and nobody
	// waits for them until they have been found, over judgeAfter or more, to
	// take as much as that.
	longestPause = 10 * time.Millisecond
	brisk        = 512 << 10
	judgeAfter   = 9 * longestPause
)

// pressedLocked tells whether publishers ought to pause: much waits for
// consumers that have lately drained it.
func (q *queue) pressedLocked() bool {
	return q.ready.bytes > pressHigh && q.ready.bytes <= pressTop && len(q.consumers) > 0
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
	if !q.pressedLocked() || q.lagsLocked() {
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
		q.lags, q.judged, q.drainedThen = true, time.Now(), q.drained
	}
	return false
}

// lagsLocked tells whether a publisher would wait in vain: it did the last
// time, and consumers take no more than they did then.
func (q *queue) lagsLocked() bool {
	if !q.lags {
		return false
	}
	if d := time.Since(q.judged); d >= judgeAfter {
		q.lags = q.drained-q.drainedThen < brisk*int(d/longestPause)
		q.judged, q.drainedThen = time.Now(), q.drained
	}
	return q.lags
}
