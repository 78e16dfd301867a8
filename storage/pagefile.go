package storage

import (
	"encoding/binary"
	"fmt"
	"path/filepath"
	"sync"
)

// inPages is the bit of a place that tells that it is in the page file.
const inPages Place = 1 << 63

// Paged tells whether the place is in the page file: gone with the process.
func (p Place) Paged() bool { return p&inPages != 0 }

// pageSize is how large a piece of the page file grows. Its space is given
// back once nothing in it is wanted any more.
const pageSize = 32 << 20

// pages is the page file: messages that need not survive and have no room in
// memory. It is a directory of pieces.
type pages struct {
	files files
	dir   string

	mu     sync.Mutex // guards what follows
	pieces map[uint32]*piece
	last   uint32 // the piece that is written to
	buf    []byte // scratch of write
}

// piece is a file of the page file.
type piece struct {
	path string
	file file
	size int64
	live int // messages in it that are wanted
}

// openPages returns an empty page file: what is left of the last one is removed.
func openPages(f files, dir string) (*pages, error) {
	names, err := f.list(dir)
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		if err := f.remove(filepath.Join(dir, name)); err != nil {
			return nil, err
		}
	}
	return &pages{files: f, dir: dir, pieces: map[uint32]*piece{}}, nil
}

// PageOut writes messages to a file from which they can be loaded until Unpage
// or the end of the process. No lock of a queue may be held.
func (db *DB) PageOut(messages []Message) ([]Place, error) { return db.pages.write(messages) }

// Unpage gives back the space of those items that are in the page file.
func (db *DB) Unpage(items []Item) { db.pages.forget(items) }

// loadPaged is Load for items of which some are in the page file.
func (db *DB) loadPaged(queue uint64, items []Item, each func(i int, b []byte)) error {
	var stored []Item
	var which, paged []int
	for i, it := range items {
		if it.Place.Paged() {
			paged = append(paged, i)
		} else {
			stored, which = append(stored, it), append(which, i)
		}
	}
	if len(stored) > 0 {
		if err := db.engine.load(queue, stored, func(n int, b []byte) { each(which[n], b) }); err != nil {
			return err
		}
	}
	return db.pages.load(items, paged, each)
}

func (p *pages) write(messages []Message) ([]Place, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	to, err := p.piece()
	if err != nil {
		return nil, err
	}
	places := make([]Place, len(messages))
	p.buf = p.buf[:0]
	for i, m := range messages {
		at := len(p.buf)
		place := inPages | placeAt(p.last, to.size+int64(at))
		p.buf = m.AppendTo(append(p.buf, make([]byte, blobHead)...))
		binary.LittleEndian.PutUint32(p.buf[at:], blobSum(place, p.buf[at+blobHead:]))
		places[i] = place
	}
	if _, err := to.file.WriteAt(p.buf, to.size); err != nil {
		return nil, err
	}
	to.size += int64(len(p.buf))
	to.live += len(messages)
	if cap(p.buf) > pageSize {
		p.buf = nil
	}
	return places, nil
}

// piece returns the piece to write to. p.mu is held.
func (p *pages) piece() (*piece, error) {
	to := p.pieces[p.last]
	if to != nil && to.size < pageSize {
		return to, nil
	}
	if err := p.files.mkdir(p.dir); err != nil {
		return nil, err
	}
	path := filepath.Join(p.dir, fmt.Sprintf("%08d", p.last+1))
	f, err := p.files.open(path, true)
	if err != nil {
		return nil, err
	}
	p.last++
	if to != nil && to.live == 0 {
		p.remove(p.last-1, to)
	}
	to = &piece{path: path, file: f}
	p.pieces[p.last] = to
	return to, nil
}

// forget notes that items are not wanted any more.
func (p *pages) forget(items []Item) {
	for i := range items {
		if items[i].Place.Paged() {
			p.forgetOne(items[i].Place)
		}
	}
}

func (p *pages) forgetOne(place Place) {
	p.mu.Lock()
	defer p.mu.Unlock()
	number := (place &^ inPages).segment()
	from := p.pieces[number]
	if from.live--; from.live == 0 && number != p.last {
		p.remove(number, from)
	}
}

func (p *pages) remove(number uint32, x *piece) {
	delete(p.pieces, number)
	_ = x.file.Close()
	_ = p.files.remove(x.path) // the next start does it otherwise
}

// load reads those items that are in the page file, which those of order are.
func (p *pages) load(items []Item, order []int, each func(i int, b []byte)) error {
	sortByPlace(items, order)
	for len(order) > 0 {
		n := near(items, order)
		if err := p.loadNear(stretch{items, order[:n]}, each); err != nil {
			return err
		}
		order = order[n:]
	}
	return nil
}

// loadNear reads items that lie close to each other.
func (p *pages) loadNear(s stretch, each func(i int, b []byte)) error {
	number := (s.items[s.order[0]].Place &^ inPages).segment()
	p.mu.Lock()
	x := p.pieces[number]
	p.mu.Unlock()
	if x == nil { // who asks does not have it any more
		return fmt.Errorf("storage: piece %d of the page file has gone", number)
	}
	return s.load(x.file, x.path, each)
}

// close removes the page file.
func (p *pages) close() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for number, x := range p.pieces {
		p.remove(number, x)
	}
}
