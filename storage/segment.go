package storage

import "path/filepath"

const (
	minSegment = 64 << 10

	// zeroPiece is how many zeroes are written at once into new segments. What
	// is written in large pieces is kept in large pages, which are then written
	// to the disk whole for each small group in them.
	zeroPiece = 4 << 10

	// zeroSync is how many of them are synced at once. As long as that takes, no
	// group gets to the disk: with all 32 MiB of a segment it was 50 ms, and it is
	// 10 ms so, while the segment takes a quarter longer.
	zeroSync = 1 << 20
)

// segment is a file of the journal. It holds groups under the number that it
// has at the time, and is used again under another one.
type segment struct {
	number   uint32
	path     string
	file     file
	capacity int64
	extents  []extent // with groups, one after the other

	// Guarded by journal.mu.
	pins     int  // reads that are under way
	released bool // it is not needed any more, but for them
}

// extent is a part of a segment that is full of groups. There is one, unless
// the loss of others was accepted.
type extent struct {
	from, to   int64
	start, end covered // before its first group, and with its last one
}

// segmentSize is the size of a segment that is made: small at first, so that
// the start is short.
func (j *journal) segmentSize(number uint32) int64 {
	full := j.fullSegment()
	switch number {
	case 1:
		return min(1<<20, full)
	case 2:
		return min(4<<20, full)
	case 3:
		return min(16<<20, full)
	}
	return full
}

// fullSegment is the size of segments that are used again. All offsets in one
// have to fit in a place.
func (j *journal) fullSegment() int64 { return min(max(j.limit/8, minSegment), maxRecord) }

// makeSegment makes a file for a segment. It appears whole, or not at all.
func (j *journal) makeSegment(size int64) (*segment, error) {
	j.mu.Lock()
	j.slot++
	path := filepath.Join(j.dir, segmentName(j.slot))
	j.mu.Unlock()
	f, err := j.files.open(path+".new", true)
	if err != nil {
		return nil, err
	}
	err = j.fill(f, size)
	f.Close()
	if err == nil {
		err = j.files.rename(path+".new", path)
	}
	if err != nil {
		_ = j.files.remove(path + ".new")
		return nil, err
	}
	if err = j.files.syncDir(j.dir); err == nil {
		f, err = j.files.open(path, false) // by the name that errors are to have
	}
	if err != nil {
		_ = j.files.remove(path)
		return nil, err
	}
	return &segment{path: path, file: f, capacity: size}, nil
}

// fill gives a file its size. What is written later into blocks that were
// written before is synced without a change to the file system's own data,
// which takes a third less time; for a file that is used once that does not
// pay.
func (j *journal) fill(f file, size int64) error {
	if err := f.allocate(size); err != nil {
		return err
	}
	if size <= j.fullSegment() {
		zeroes := make([]byte, min(zeroPiece, size))
		for at := int64(0); at < size; at += int64(len(zeroes)) {
			if at > 0 && at%zeroSync == 0 {
				if err := f.sync(); err != nil {
					return err
				}
			}
			if _, err := f.WriteAt(zeroes[:min(int64(len(zeroes)), size-at)], at); err != nil {
				return err
			}
		}
	}
	return f.sync()
}

// discard removes the file of a segment.
func (j *journal) discard(s *segment) {
	s.file.Close()
	_ = j.files.remove(s.path) // a file that stays is found free at the next start
}
