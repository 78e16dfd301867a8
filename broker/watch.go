package broker

import "sync"

// lock is the mutex of a queue. Who watches the broker is told each time when it
// is released: so there is no change that he could miss, and none that costs
// anything but a look where nobody watches.
type lock struct {
	sync.Mutex
	changed func() // immutable; nil: nobody watches
}

// Unlock tells as well.
func (l *lock) Unlock() {
	changed := l.changed
	l.Mutex.Unlock()
	if changed != nil {
		changed()
	}
}

// unlockUnchanged is Unlock for those who have changed nothing.
func (l *lock) unlockUnchanged() { l.Mutex.Unlock() }

// rwLock is the mutex of a vhost, for which the same holds.
type rwLock struct {
	sync.RWMutex
	changed func() // immutable; nil: nobody watches
}

// Unlock tells as well.
func (l *rwLock) Unlock() {
	changed := l.changed
	l.RWMutex.Unlock()
	if changed != nil {
		changed()
	}
}

// outstanding are the deliveries of a queue that are not settled: those to
// consumers, those that were got, and those whose settling a transaction holds.
// q.mu guards it.
type outstanding struct {
	messages int
	bytes    int // of their bodies

	// notes are kept while somebody watches the broker, by position; nil
	// otherwise.
	notes map[uint64]delivery
}

// add notes deliveries.
func (o *outstanding) add(ds []delivery) {
	o.messages += len(ds)
	for i := range ds {
		o.bytes += int(ds[i].body)
		if o.notes != nil {
			o.notes[ds[i].seq] = ds[i]
		}
	}
}

// remove notes that deliveries are settled, whatever becomes of them.
func (o *outstanding) remove(ds []delivery) {
	o.messages -= len(ds)
	for i := range ds {
		o.bytes -= int(ds[i].body)
		if o.notes != nil {
			delete(o.notes, ds[i].seq)
		}
	}
}
