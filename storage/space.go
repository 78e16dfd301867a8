package storage

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// What Badger has mapped must never meet a full disk.
const (
	// minFree is how much room there is to be on the disk before a segment is
	// moved to Badger.
	minFree = 64 << 20
	// leastFree is how much there is to be before each transaction. It is less,
	// so that what only gives back room gets through.
	leastFree = 16 << 20
	// spaceRetry is how soon it is looked again.
	spaceRetry = 500 * time.Millisecond
)

// shortage is a lack of room that the journal and what is behind it may have,
// each for itself. It is over when neither has it.
type shortage struct {
	tell func(short bool)
	mu   sync.Mutex // guards have, and is held while it is told, so that the last word holds
	have int
}

// note is called when one of them comes to have it, and when it is over.
func (s *shortage) note(short bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	before := s.have
	if short {
		s.have++
	} else {
		s.have--
	}
	if (before > 0) != (s.have > 0) {
		s.tell(short)
	}
}

// errClosing ends what is under way when the store is closed.
var errClosing = errors.New("storage: closing")

// freeSpace is how many bytes may be written to the file system of a directory.
func freeSpace(dir string) (int64, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	return int64(st.Bavail) * st.Bsize, nil
}

// short tells whether the disk has too little room to move anything.
func (b *archive) short() (bool, error) {
	free, err := b.space(b.Dir)
	return free < minFree, err
}

// enough fails if Badger cannot be opened or closed without meeting a full disk:
// it writes then what it has in memory.
func (b *archive) enough() error { return b.roomFor(0) }

// roomFor fails if there is too little for that and so many bytes.
func (b *archive) roomFor(bytes int64) error {
	free, err := b.space(b.Dir)
	if need := leastFree + bytes; err == nil && free < need {
		err = fmt.Errorf("storage: %s: %d bytes are free on the disk, and %d are needed: %w", b.Dir, free, need, unix.ENOSPC)
	}
	return err
}

// noteShort tells whether there is too little room to go on. If so, it is
// looked again after a while.
func (b *archive) noteShort(short bool) {
	if b.told != short {
		b.tell(short)
	}
	if short {
		time.AfterFunc(spaceRetry, b.full)
	}
}

// tell tells those concerned whether there is too little room. The journal does
// not wait for segments then: what is settled in the next one may be all that
// can give back room.
func (b *archive) tell(short bool) {
	b.told = short
	b.OnSpace(short)
	b.journal.recycling(!short)
}

// awaitSpace waits until the disk has room for a transaction.
func (b *archive) awaitSpace() error {
	for {
		free, err := b.space(b.Dir)
		if err != nil || free >= leastFree {
			return err
		}
		if !b.told {
			b.tell(true)
			defer b.noteShort(false)
		}
		if !b.pause() {
			return errClosing
		}
	}
}

// pause waits for a while; false if the store is being closed.
func (b *archive) pause() bool {
	over := false
	t := time.AfterFunc(spaceRetry, func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		over = true
		b.changed.Broadcast()
	})
	defer t.Stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	for !over && !b.closing {
		b.changed.Wait()
	}
	return !b.closing
}

// unlessClosing is nil for what was given up because the store is being closed.
func (b *archive) unlessClosing(err error) error {
	if errors.Is(err, errClosing) {
		return nil
	}
	return err
}
