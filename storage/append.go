package storage

import "time"

// commit appends a group, in one record, and syncs it.
func (j *journal) commit(g *group) error {
	if err := j.enc.begin(g, j.end.group+1); err != nil {
		return err
	}
	h := groupHeader{
		salt: j.mark.salt, number: j.end.group + 1, previous: j.end.chain,
		meta: uint32(len(j.enc.buf) - segmentHead - headerSize), blobs: uint64(j.enc.blobs),
		messages: j.end.messages + j.enc.messages, count: uint32(j.enc.messages),
	}
	if j.current == nil || max(j.offset, segmentHead)+h.size() > j.current.capacity {
		if err := j.turn(h.size()); err != nil {
			return err
		}
	}
	if err := j.write(g, &h); err != nil {
		return err
	}
	j.end.group, j.end.chain, j.end.messages = h.number, h.chain, h.messages
	x := &j.current.extents[len(j.current.extents)-1]
	x.to, x.end = j.offset, j.end
	j.notePlaces(g)
	return j.noteMark()
}

// write writes the record of a group, whose meta is encoded already, and syncs
// it.
func (j *journal) write(g *group, h *groupHeader) error {
	buf, start, at := j.enc.buf, segmentHead, j.offset
	if j.offset == 0 {
		head := segmentHeader{
			segment: j.current.number, salt: h.salt, first: h.number,
			chain: h.previous, messages: j.end.messages,
		}
		head.seal(buf)
		start, j.offset = 0, segmentHead
	}
	h.segment = j.current.number
	h.seal(buf[segmentHead:])
	base := placeAt(h.segment, j.offset+headerSize+int64(h.meta))
	for i := range g.queues {
		for k := range g.queues[i].appended {
			a := &g.queues[i].appended[k]
			if a.message == nil {
				continue
			}
			if a.Place += base; a.shared {
				continue
			}
			var err error
			if buf, err = appendBlob(buf, a); err != nil {
				return err
			}
			if len(buf) >= pieceSize {
				if _, err := j.current.file.WriteAt(buf[start:], at); err != nil {
					return err
				}
				at += int64(len(buf) - start)
				buf, start = buf[:0], 0
			}
		}
	}
	j.enc.buf = buf
	if _, err := j.current.file.WriteAt(buf[start:], at); err != nil {
		return err
	}
	j.offset += h.size()
	if j.durability == OS {
		return nil
	}
	return j.current.file.sync()
}

// notePlaces tells messages where they can be read from now on.
func (j *journal) notePlaces(g *group) {
	for i := range g.queues {
		for k := range g.queues[i].appended {
			if a := &g.queues[i].appended[k]; a.message != nil && !a.shared {
				a.message.Stored().place.Store(uint64(a.Place))
			}
		}
	}
}

// noteMark writes down what is durable, after the fact.
func (j *journal) noteMark() error {
	m := j.mark
	m.group, m.chain, m.messages = j.end.group, j.end.chain, j.end.messages
	if j.durability == Disk {
		m.synced = m.group
	}
	if err := m.write(); err != nil {
		return err
	}
	if now := time.Now(); now.Sub(m.since) >= markInterval {
		m.since = now
		j.mu.Lock()
		j.markDue = true
		j.changed.Broadcast()
		j.mu.Unlock()
	}
	return nil
}

// turn goes on to the next segment, which has room for a record of the size. A
// record that is too large for any gets a segment of its own.
func (j *journal) turn(record int64) error {
	if j.current != nil && j.durability == OS {
		if err := j.current.file.sync(); err != nil {
			return err
		}
		j.mark.synced = j.end.group
	}
	j.mu.Lock()
	defer j.mu.Unlock()
	s, err := j.awaitFree(segmentHead + record)
	if err != nil {
		return err
	}
	j.end.segment++
	s.number = j.end.segment
	s.extents = append(s.extents[:0], extent{from: segmentHead, to: segmentHead, start: j.end, end: j.end})
	j.segments = append(j.segments, s)
	j.current, j.offset = s, 0
	j.changed.Broadcast()
	return nil
}

// harden syncs the segment that is written to, unless each group is synced
// anyway. Those before it were when it was taken.
func (j *journal) harden() error {
	if j.durability == Disk {
		return nil
	}
	j.mu.Lock()
	if len(j.segments) == 0 {
		j.mu.Unlock()
		return nil
	}
	s := j.segments[len(j.segments)-1]
	s.pins++
	j.mu.Unlock()
	defer j.unpin(s)
	return s.file.sync()
}
