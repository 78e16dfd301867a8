package storage

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// replaying reads a journal from where Badger ends to its own end.
type replaying struct {
	j    *journal
	v    visitor
	mark mark
	end  covered

	used   []*segment // with a header that follows what is covered, ascending
	heads  []segmentHeader
	others []*segment // without; free, unless damaged

	last   *segment // in which the journal ends; nil if it is empty
	offset int64    // there
}

// replay tells a visitor of all groups of the journal, and makes the journal
// ready to be written on.
func (j *journal) replay(from covered, v visitor) error {
	r := &replaying{j: j, v: v, mark: j.mark.mark, end: from}
	if err := r.open(); err != nil {
		return err
	}
	for i := range r.used {
		if done, err := r.segment(i); done || err != nil {
			if err != nil {
				return err
			}
			break
		}
	}
	if err := r.ended(); err != nil {
		return err
	}
	j.end, j.free = r.end, r.others
	for i, s := range r.used {
		s.number = r.heads[i].segment
	}
	j.segments = r.used
	if r.last != nil {
		j.current, j.offset = r.last, r.offset
	}
	return nil
}

// open opens the files of the journal and tells those in use from the others.
func (r *replaying) open() error {
	names, err := r.j.files.list(r.j.dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		path := filepath.Join(r.j.dir, name)
		if strings.HasSuffix(name, ".new") {
			if err := r.j.files.remove(path); err != nil {
				return err
			}
			continue
		}
		var slot int
		if n, _ := fmt.Sscanf(name, "%d.segment", &slot); n != 1 {
			continue
		}
		r.j.slot = max(r.j.slot, slot)
		if err := r.openSegment(path); err != nil {
			return err
		}
	}
	order := make([]int, len(r.used))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int { return cmp.Compare(r.heads[a].segment, r.heads[b].segment) })
	used, heads := r.used, r.heads
	r.used, r.heads = nil, nil
	for _, i := range order {
		r.used, r.heads = append(r.used, used[i]), append(r.heads, heads[i])
	}
	return nil
}

func (r *replaying) openSegment(path string) error {
	f, err := r.j.files.open(path, false)
	if err != nil {
		return err
	}
	size, err := f.size()
	if err != nil {
		return err
	}
	s := &segment{path: path, file: f, capacity: size}
	var h segmentHeader
	b := make([]byte, segmentHeadLen)
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if h.parse(b, r.mark.salt) && h.segment > r.end.segment {
		r.used, r.heads = append(r.used, s), append(r.heads, h)
	} else {
		r.others = append(r.others, s)
	}
	return nil
}

// segment reads the groups of a segment; true if the journal ends there.
func (r *replaying) segment(i int) (done bool, err error) {
	s, h := r.used[i], r.heads[i]
	if h.segment != r.end.segment+1 || h.first != r.end.group+1 || h.chain != r.end.chain {
		return false, r.corrupt(s, 0, fmt.Sprintf("segment %d, which starts with group %d, follows segment %d, which ends with group %d",
			h.segment, h.first, r.end.segment, r.end.group))
	}
	r.end.segment = h.segment
	w, err := newWindow(s.file)
	if err != nil {
		return false, err
	}
	r.last, r.offset = s, segmentHead
	for {
		next, err := r.group(w, r.offset)
		if errors.Is(err, errInvalid) {
			break
		}
		if err != nil {
			return false, err
		}
		r.offset = next
	}
	return i+1 == len(r.used) || r.heads[i+1].first != r.end.group+1, nil
}

// group reads the group at an offset, tells the visitor of it, and returns
// where the next one is; errInvalid if the group is not whole or not the next.
func (r *replaying) group(w *window, at int64) (int64, error) {
	h, meta, err := readGroup(w, at, r.mark.salt)
	if err != nil {
		return 0, err
	}
	if h.number != r.end.group+1 || h.previous != r.end.chain || h.segment != r.end.segment {
		return 0, errInvalid
	}
	base := placeAt(h.segment, at+headerSize+int64(h.meta))
	if h.number > r.mark.required() {
		if err := checkBlobs(w, h, meta, base); err != nil {
			return 0, err
		}
		if _, meta, err = readGroup(w, at, r.mark.salt); err != nil {
			return 0, err
		}
	}
	if err := decode(h, meta, base, r.v); err != nil {
		return 0, err
	}
	r.end.group, r.end.chain, r.end.messages = h.number, h.chain, h.messages
	return at + h.size(), nil
}

// readGroup reads the header and the meta at an offset; errInvalid if they are
// not a group's. The meta is valid until the window is used again.
func readGroup(w *window, at int64, salt uint64) (*groupHeader, []byte, error) {
	b, err := w.bytes(at, headerSize)
	if err != nil {
		return nil, nil, invalidAtEnd(err)
	}
	h := new(groupHeader)
	if !h.parse(b, salt) || h.blobs > maxRecord || at+h.size() > w.size {
		return nil, nil, errInvalid
	}
	if b, err = w.bytes(at, headerSize+int64(h.meta)); err != nil {
		return nil, nil, invalidAtEnd(err)
	}
	if h.chain != chainOf(b[:headerSize], b[headerSize:]) {
		return nil, nil, errInvalid
	}
	return h, b[headerSize:], nil
}

func invalidAtEnd(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errInvalid
	}
	return err
}

// ended decides whether the journal may end where it does.
func (r *replaying) ended() error {
	if r.end.group < r.mark.required() {
		return r.corrupt(r.last, r.offset, fmt.Sprintf("groups %d to %d are missing", r.end.group+1, r.mark.required()))
	}
	return nil
}

func (r *replaying) corrupt(s *segment, at int64, reason string) error {
	file := r.j.dir
	if s != nil {
		file = s.path
	}
	return &CorruptError{File: file, Offset: at, Reason: reason}
}
