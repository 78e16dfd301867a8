package storage

import (
	"errors"
	"fmt"
	"slices"
)

// load reads the bytes of those of the items that which names. A message that
// was settled meanwhile may be left out.
func (b *archive) load(queue uint64, items []Item, which []int, each func(i int, b []byte)) error {
	l := &loading{archive: b, items: items, each: each}
	which = slices.Clone(which)
	sortByPlace(items, which)
	for _, i := range which {
		l.kept.rest += int(items[i].Size)
	}
	err := l.from(queue, which)
	if err == nil && len(l.missing) > 0 { // shared, or gone
		which, l.missing = l.missing, nil
		err = l.from(0, which)
	}
	return err
}

// loading is one call of load.
type loading struct {
	archive *archive
	items   []Item
	each    func(i int, b []byte)
	kept    slab
	missing []int // not among the fragments of the owner
}

// from reads messages of an owner, in the order of their places.
func (l *loading) from(owner uint64, which []int) error {
	for len(which) > 0 {
		f, ok := l.archive.find(owner, l.items[which[0]].Place)
		if !ok {
			l.missing, which = append(l.missing, which[0]), which[1:]
			continue
		}
		n := 1
		for n < len(which) && f.spans(l.items[which[n]].Place) {
			n++
		}
		switch err := l.fragment(&f, which[:n]); {
		case errors.Is(err, errRemoved): // it has moved, or is gone
			if l.archive.isClosing() {
				return ErrClosed
			}
		case err != nil:
			return err
		default:
			which = which[n:]
		}
	}
	return nil
}

// find returns a copy of the fragment of an owner that spans a place.
func (b *archive) find(owner uint64, p Place) (fragment, bool) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if f := findFragment(b.fragments[p.segment()], owner, uint32(p.offset())); f != nil {
		return *f, true
	}
	return fragment{}, false
}

// fragment hands out those of the messages that are in a fragment.
func (l *loading) fragment(f *fragment, which []int) error {
	return l.archive.generations.read(f, func(value []byte) error {
		v, ok := parseFragmentValue(f, value)
		if !ok {
			return l.archive.damaged(f, "what it starts with is not what was written")
		}
		var err error
		whole := v.each(func(p Place, record []byte) {
			for len(which) > 0 && l.items[which[0]].Place < p {
				l.missing, which = append(l.missing, which[0]), which[1:]
			}
			for len(which) > 0 && l.items[which[0]].Place == p {
				body, ok := openBlob(p, record)
				if !ok || len(body) != int(l.items[which[0]].Size) {
					err = l.archive.damaged(f, "message %d is not what was written", l.items[which[0]].Seq)
				}
				if err != nil {
					return
				}
				l.each(which[0], l.kept.keep(body))
				which = which[1:]
			}
		})
		if err == nil && (!whole || len(which) > 0) {
			err = l.archive.damaged(f, "it is cut short")
		}
		return err
	})
}

// damaged is the error for damage in a fragment.
func (b *archive) damaged(f *fragment, format string, args ...any) error {
	return corrupt(b.generations.path(f.generation), "messages of queue %d from segment %d: %s",
		f.owner, f.segment, fmt.Sprintf(format, args...))
}
