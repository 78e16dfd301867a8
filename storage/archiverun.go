package storage

// start starts the goroutine that moves things to Badger. close waits for it.
func (b *archive) start(j *journal, failed func(error)) {
	j.mu.Lock()
	j.recycles = true
	j.mu.Unlock()
	b.mu.Lock()
	b.failed = failed
	b.due = true // a crash may have left a journal that is over its limit
	broken := b.broken
	b.mu.Unlock()
	if broken != nil {
		failed(broken)
	}
	b.journal, b.writer.read = j, j.readAt
	go b.run()
}

// complain is told of an error that Badger has met in the background. Before
// the start there is somebody to return one to, unless it is about a table. That
// is not tried again, for the second sync of a file may succeed though nothing
// was written: the log that the table was made of is still there, and has it all
// for the next start.
func (b *archive) complain(err error, table bool) {
	b.mu.Lock()
	failed := b.failed
	if (failed != nil || table) && b.broken == nil {
		b.broken = err
		close(b.stuck)
	}
	b.mu.Unlock()
	if failed != nil {
		failed(err)
	}
	if table {
		select {}
	}
}

// full tells that the journal may have a segment to give back.
func (b *archive) full() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.due = true
	b.changed.Broadcast()
}

func (b *archive) run() {
	defer close(b.stopped)
	for b.awaitDue() {
		if err := b.step(); err != nil {
			b.failed(err)
			break
		}
	}
	b.awaitClosing()
	b.ended = b.closeAll()
}

// awaitDue waits for something to do; false if nothing is to be done any more.
func (b *archive) awaitDue() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.busy = false
	b.changed.Broadcast()
	for !b.due && !b.closing {
		b.changed.Wait()
	}
	b.due, b.busy = false, true
	return !b.closing
}

// step does what there is to do.
func (b *archive) step() error {
	for {
		segment, ok, err := b.next()
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		if err := b.checkpoint(segment); err != nil {
			return b.unlessClosing(err)
		}
		b.journal.release(segment)
	}
	b.mu.Lock()
	due := b.foldDue()
	b.mu.Unlock()
	if !due || b.isClosing() {
		return nil
	}
	return b.unlessClosing(b.foldAlone())
}

// next returns the next segment to give back. One that something has to be
// moved from waits while there is no room for that.
func (b *archive) next() (segment uint32, ok bool, err error) {
	segment, ok = b.journal.oldest()
	over, early := b.journal.over(), b.journal.early()
	b.mu.Lock()
	spent, closing := b.spent(segment), b.closing
	b.mu.Unlock()
	wanted := ok && !closing && (over || early && spent)
	short := false
	if wanted && !spent {
		short, err = b.short()
	}
	b.noteShort(short && err == nil)
	return segment, wanted && !short, err
}

func (b *archive) isClosing() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.closing
}

// close ends what is under way and closes everything. A Badger that cannot
// write a table would never be closed: it is left as it is.
func (b *archive) close(bool) error {
	b.mu.Lock()
	b.closing = true
	b.changed.Broadcast()
	b.mu.Unlock()
	if b.writer.read == nil { // it was not started
		return b.unlessStuck(b.closeAll)
	}
	select {
	case <-b.stopped:
		return b.ended
	case <-b.stuck:
		return b.broken
	}
}

// unlessStuck calls a function that may wait for Badger, unless Badger gives up.
func (b *archive) unlessStuck(f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	select {
	case err := <-done:
		return err
	case <-b.stuck:
		return b.broken
	}
}

func (b *archive) closeAll() error {
	if b.writer.txn != nil {
		b.writer.txn.Discard()
	}
	if b.enough() != nil {
		// Nothing of what Badger would write now is missing in its log, or in
		// the journal: it ends with the process.
		return b.index.mark.close()
	}
	err := b.generations.close()
	if indexErr := b.index.close(); err == nil {
		err = indexErr
	}
	return err
}

func (b *archive) awaitClosing() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for !b.closing {
		b.changed.Wait()
	}
}
