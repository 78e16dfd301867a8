package storage

import (
	"errors"
	"fmt"
)

// Durability is what it means that a group is durable.
type Durability int

// Disk means synced to disk, OS handed to the kernel: it survives the end of
// the process but not of the machine.
const (
	Disk Durability = iota
	OS
)

// Options say how to open a directory.
type Options struct {
	Dir         string
	Durability  Durability
	AcceptLoss  bool             // open what is damaged, without what cannot be read
	ReadOnly    bool             // change nothing in Dir: what is changed is forgotten by Close
	JournalSize int64            // bytes that the journal may grow to; 0 is 512 MiB
	OnError     func(error)      // called once when nothing can be kept any more
	OnSpace     func(short bool) // called when there is no room to go on, and when there is again

	files  files                           // nil is the operating system's
	synced func(dir string)                // called after each synced transaction of Badger
	space  func(dir string) (int64, error) // bytes that may be written; nil asks the operating system
	behind behind                          // nil is Badger
}

const (
	defaultJournalSize = 512 << 20
	minJournalSize     = 8 * minSegment
)

func (o *Options) defaults() {
	if o.JournalSize == 0 {
		o.JournalSize = defaultJournalSize
	}
	o.JournalSize = max(o.JournalSize, minJournalSize)
	if o.OnError == nil {
		o.OnError = func(error) {}
	}
	if o.OnSpace == nil {
		o.OnSpace = func(bool) {}
	}
	o.OnSpace = (&shortage{tell: o.OnSpace}).note
	if o.files == nil {
		o.files = osFiles{}
	}
}

// ErrInUse is returned for a directory that another process has open.
var ErrInUse = errors.New("storage: in use by another process")

// CorruptError tells that something that was durable is damaged or gone.
type CorruptError struct {
	File   string
	Offset int64 // negative if it is about all of the file
	Reason string
}

// Error names the file and the place in it.
func (e *CorruptError) Error() string {
	if e.Offset < 0 {
		return fmt.Sprintf("storage: %s is damaged: %s", e.File, e.Reason)
	}
	return fmt.Sprintf("storage: %s is damaged at %d: %s", e.File, e.Offset, e.Reason)
}

// Loss is what could not be read although it was durable.
type Loss struct {
	Groups   uint64
	Messages uint64            // at most; some may have been settled
	Queues   map[uint64]uint64 // those of them whose queue is known
	Damages  []string          // what was damaged, in words
}

func (l *Loss) any() bool { return len(l.Damages) > 0 }

// message counts a message of a queue.
func (l *Loss) message(queue uint64) {
	if l.Queues == nil {
		l.Queues = make(map[uint64]uint64)
	}
	l.Queues[queue]++
	l.Messages++
}

func (l *Loss) add(m Loss) {
	l.Groups += m.Groups
	l.Messages += m.Messages
	l.Damages = append(l.Damages, m.Damages...)
	if l.Queues == nil {
		l.Queues = make(map[uint64]uint64)
	}
	for id, n := range m.Queues {
		l.Queues[id] += n
	}
}
