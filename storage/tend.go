package storage

import (
	"errors"
	"syscall"
	"time"
)

// retrySpace is when it is tried again to make a segment, if nothing has become
// free meanwhile.
const retrySpace = time.Second

// tend makes segments before they are needed, and syncs the mark.
func (j *journal) tend() {
	defer close(j.tended)
	j.mu.Lock()
	defer j.mu.Unlock()
	for !j.closing {
		switch {
		case j.markDue:
			j.markDue = false
			j.mu.Unlock()
			err := j.mark.f.sync()
			j.mu.Lock()
			j.failing(err)
		case !j.short && !j.hasFree(j.want):
			j.prepare()
		default:
			j.changed.Wait()
		}
	}
}

// prepare makes a free segment. j.mu is held, but not meanwhile.
func (j *journal) prepare() {
	size := max(j.want, j.segmentSize(j.end.segment+1))
	j.mu.Unlock()
	s, err := j.makeSegment(size)
	j.mu.Lock()
	defer j.changed.Broadcast()
	switch {
	case err == nil:
		j.free = append(j.free, s)
	case errors.Is(err, syscall.ENOSPC):
		j.outOfSpace()
	default:
		j.failing(err)
	}
}

// outOfSpace waits for better times. j.mu is held.
func (j *journal) outOfSpace() {
	j.short = true
	time.AfterFunc(retrySpace, func() {
		j.mu.Lock()
		defer j.mu.Unlock()
		j.short = false
		j.changed.Broadcast()
	})
}

// failing has the store fail, if there is an error. j.mu is held, but not
// meanwhile.
func (j *journal) failing(err error) {
	if err == nil {
		return
	}
	j.failed, j.closing = err, true
	j.changed.Broadcast()
	j.mu.Unlock()
	defer j.mu.Lock()
	j.fail(err)
}
