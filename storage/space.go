package storage

import (
	"errors"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// minFree is how much room there is to be on the disk before anything is
	// written to Badger: what it has mapped must never meet a full disk.
	minFree = 48 << 20
	// spaceRetry is how soon it is looked again.
	spaceRetry = 500 * time.Millisecond
)

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

// awaitSpace waits until the disk has room.
func (b *archive) awaitSpace() error {
	for short := false; ; short = true {
		free, err := b.space(b.Dir)
		switch {
		case err != nil:
			return err
		case free >= minFree:
			if short {
				b.OnSpace(false)
			}
			return nil
		case !short:
			b.OnSpace(true)
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
