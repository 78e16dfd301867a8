package broker

import "time"

const (
	// pressHigh is how many bytes may wait in a queue for consumers that
	// drain it before those who publish to it are slowed, and pressLow where
	// they go on. Low enough, consumers without acknowledgement get what is
	// published straight from the read buffer.
	pressHigh = 1 << 20
	pressLow  = 0

	// longestPause bounds one pause of a publisher, whatever happens, and
	// pauseAfter is how many bytes it has published at least since its last
	// one: so it is never slowed below 12 MB/s.
	longestPause = 10 * time.Millisecond
	pauseAfter   = 128 << 10

	// Consumers lag that take less than brisk bytes in the time of a pause
	// (16 MB/s, little more than what a pausing publisher is held to), seen
	// over judgeOver while publishers wait in vain. Nobody
	// waits for them until they have been found, over judgeAfter, to take as
	// much.
	brisk      = 160 << 10
	judgeOver  = 5 * longestPause
	judgeAfter = 9 * judgeOver
)

// pace is what a queue knows of the pace of its consumers; q.mu guards it.
type pace struct {
	drained int       // bytes that ready messages handed out had, ever
	lags    bool      // nobody waits for the consumers
	since   time.Time // since when they are observed; zero: they are not
	then    int       // drained at that time
}

// pressedLocked tells whether publishers ought to pause: much waits for
// consumers, or for the undertaker.
func (q *queue) pressedLocked() bool {
	return q.ready.size() > pressHigh && len(q.consumers) > 0 || q.dying.bytes > pressHigh
}

// relieve lets waiting publishers go on once little enough waits.
func (q *queue) relieve() {
	if q.ready.size() > pressLow && len(q.consumers) > 0 || q.dying.bytes > pressHigh {
		return
	}
	q.pace.lags, q.pace.since = false, time.Time{}
	if q.room != nil {
		close(q.room)
		q.room = nil
	}
}

// pause holds a publisher back until the queue has been drained, or until
// limit: then it returns false.
func (q *queue) pause(limit <-chan time.Time) bool {
	q.mu.Lock()
	if !q.pressedLocked() || q.dying.bytes <= pressHigh && q.pace.lagging() {
		q.mu.Unlock()
		return true
	}
	if q.pace.since.IsZero() {
		q.pace.observe()
	}
	if q.room == nil {
		q.room = make(chan struct{})
	}
	room := q.room
	q.mu.Unlock()

	select {
	case <-room:
		return true
	case <-limit:
		return false
	}
}

// observe begins to measure what consumers take.
func (p *pace) observe() { p.since, p.then = time.Now(), p.drained }

// lagging tells whether a publisher would wait in vain.
func (p *pace) lagging() bool {
	over := judgeOver
	if p.lags {
		over = judgeAfter
	}
	if d := time.Since(p.since); !p.since.IsZero() && d >= over {
		p.lags = p.drained-p.then < brisk*int(d/longestPause)
		p.observe()
	}
	return p.lags
}
