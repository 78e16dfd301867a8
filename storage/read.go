package storage

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// record is a group as it was read.
type record struct {
	groupHeader
	meta []byte // until the window it came from is used again
	base Place  // of its blobs
}

// readGroup reads the group at an offset; errInvalid if there is none.
func readGroup(w *window, at int64, salt uint64) (*record, error) {
	b, err := w.bytes(at, headerSize)
	if err != nil {
		return nil, invalidAtEnd(err)
	}
	g := new(record)
	if !g.parse(b, salt) || g.blobs > maxRecord || at+g.size() > w.size {
		return nil, errInvalid
	}
	if b, err = w.bytes(at, headerSize+int64(g.groupHeader.meta)); err != nil {
		return nil, invalidAtEnd(err)
	}
	if g.chain != chainOf(b[:headerSize], b[headerSize:]) {
		return nil, errInvalid
	}
	g.meta = b[headerSize:]
	g.base = placeAt(g.segment, at+int64(len(b)))
	return g, nil
}

// invalidAtEnd makes of the end of a file a group that is not whole.
func invalidAtEnd(err error) error {
	if errors.Is(err, io.ErrUnexpectedEOF) {
		return errInvalid
	}
	return err
}

// headers tells of everything in a file, from an offset on, that looks like the
// header of a group. The salt keeps clients from sending what does.
func (s *slot) headers(from int64, salt uint64, each func(at int64, h *groupHeader) error) error {
	pattern := binary.LittleEndian.AppendUint64(nil, salt)
	w := &window{f: s.file, size: s.window.size}
	for at := align(from); at+headerSize <= w.size; {
		b, err := w.bytes(at, min(windowSize, w.size-at))
		if err != nil {
			return err
		}
		for i := 0; ; {
			k := bytes.Index(b[min(i+saltOffset, len(b)):], pattern)
			if k < 0 || i+k+headerSize > len(b) {
				break
			}
			i += k
			var h groupHeader
			if i%recordAlign == 0 && h.parse(b[i:], salt) {
				if err := each(at+int64(i), &h); err != nil {
					return err
				}
			}
			i++
		}
		if at+int64(len(b)) == w.size {
			break
		}
		at += int64(len(b)) - headerSize
	}
	return nil
}

// blank tells whether the segment has never had a header.
func (s *slot) blank() bool {
	b, err := s.window.bytes(0, segmentHeadLen)
	return err == nil && bytes.Count(b, []byte{0}) == len(b)
}

// places gathers where the bytes of messages are.
type places struct {
	ignore
	items []Item
}

func (p *places) message(_ uint64, it Item) { p.items = append(p.items, it) }

// damagedBlobs returns the places of messages whose bytes are not what they
// were. The meta is not valid afterwards.
func (g *record) damagedBlobs(w *window) (map[Place]bool, error) {
	var p places
	if err := g.decode(&p); err != nil {
		return nil, err
	}
	var bad map[Place]bool
	for _, it := range p.items {
		b, err := w.bytes(it.Place.offset(), blobHead+int64(it.Size))
		if err != nil {
			return nil, invalidAtEnd(err)
		}
		if _, ok := openBlob(it.Place, b); !ok {
			if bad == nil {
				bad = make(map[Place]bool)
			}
			bad[it.Place] = true
		}
	}
	return bad, nil
}

// ignore is a visitor that wants to know nothing.
type ignore struct{}

func (ignore) put(Entity)                    {}
func (ignore) drop(EntityKind, uint64)       {}
func (ignore) message(uint64, Item)          {}
func (ignore) settle(uint64, Range)          {}
func (ignore) requeue(_, _ uint64, _ uint16) {}
func (ignore) deleted(uint64)                {}

// tee is a visitor that tells two.
type tee struct{ a, b visitor }

func (t tee) put(e Entity)                    { t.a.put(e); t.b.put(e) }
func (t tee) drop(kind EntityKind, id uint64) { t.a.drop(kind, id); t.b.drop(kind, id) }
func (t tee) message(queue uint64, it Item)   { t.a.message(queue, it); t.b.message(queue, it) }
func (t tee) settle(queue uint64, r Range)    { t.a.settle(queue, r); t.b.settle(queue, r) }
func (t tee) deleted(queue uint64)            { t.a.deleted(queue); t.b.deleted(queue) }
func (t tee) requeue(queue, seq uint64, n uint16) {
	t.a.requeue(queue, seq, n)
	t.b.requeue(queue, seq, n)
}
