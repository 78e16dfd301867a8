package storage

import "testing"

// While a segment is made, groups get to the disk between its pieces.
func TestASegmentIsSyncedInPieces(t *testing.T) {
	d := newDisk()
	j := newJournal(Options{files: d, Dir: "/data", JournalSize: 64 << 20}, nil)
	s, err := j.makeSegment(j.fullSegment())
	if err != nil {
		t.Fatal(err)
	}
	pending, most, written := 0, 0, 0
	for _, o := range d.log {
		switch o.kind {
		case "write":
			pending += len(o.data)
			written += len(o.data)
			most = max(most, pending)
		case "sync":
			pending = 0
		}
	}
	if int64(written) != s.capacity || most > zeroSync || pending > 0 {
		t.Errorf("of %d bytes of %d, %d are written at once, and %d are not synced", written, s.capacity, most, pending)
	}
}
