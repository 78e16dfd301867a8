package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
)

// gap is a part of the journal that is lost, which was accepted: what follows
// is to be found behind it.
type gap struct {
	from  Place  // where the first lost group would be
	after uint64 // the group before that
	to    Place  // where it goes on
	end   covered
}

// accept goes on behind what is lost, if there is anything.
func (r *replaying) accept(next *found, reason string) error {
	r.lost.Damages = append(r.lost.Damages, r.corrupt(reason).Error())
	if next == nil || next.group == nil {
		r.lose(max(r.mark.required(), r.end.group), max(r.mark.messages, r.end.messages))
		return nil
	}
	g := next.group
	before := covered{segment: g.segment, chain: g.previous, group: g.number - 1, messages: g.messages - uint64(g.count)}
	if before.segment < r.end.segment || before.messages < r.end.messages {
		return r.corrupt(fmt.Sprintf("%s, in segment %d", reason, g.segment))
	}
	if err := r.identify(next.slot, before); err != nil {
		return err
	}
	r.lose(before.group, before.messages)
	cut := gap{from: r.position(), after: r.end.group, to: placeAt(g.segment, next.offset), end: before}
	r.gaps = append(r.gaps, cut)
	r.cut = true
	return r.jump(cut)
}

// lose counts everything up to a group as lost. What came before the first
// segment was behind the journal: if that is lost, it has been counted there
// already, with what the journal turns out to have still, but without what was
// settled.
func (r *replaying) lose(group, messages uint64) {
	r.lost.Groups += group - r.end.group
	lost := messages - r.end.messages
	if r.end.group == 0 && r.behind > 0 {
		r.lost.Messages -= r.behind
		lost = min(lost, r.behind)
	}
	r.lost.Messages += lost
}

// identify gives a segment whose header is damaged a new one.
func (r *replaying) identify(s *slot, before covered) error {
	if r.used[before.segment] == s {
		return nil
	}
	if r.used[before.segment] != nil {
		return r.corrupt(fmt.Sprintf("there are two segments %d", before.segment))
	}
	s.head = segmentHeader{
		segment: before.segment, salt: r.mark.salt, first: before.group + 1,
		chain: before.chain, messages: before.messages,
	}
	b := make([]byte, segmentHead)
	s.head.seal(b)
	if _, err := s.file.WriteAt(b, 0); err != nil {
		return err
	}
	s.known = true
	r.used[before.segment] = s
	r.others = slices.DeleteFunc(r.others, func(o *slot) bool { return o == s })
	return s.file.sync()
}

// jump goes on behind a gap.
func (r *replaying) jump(g gap) error {
	s := r.used[g.to.segment()]
	if s == nil {
		return r.corrupt(fmt.Sprintf("segment %d is missing", g.to.segment()))
	}
	g.end.maxID = r.end.maxID // ids are not given out again
	r.end = g.end
	r.enter(s, g.to.offset())
	return nil
}

// damagedMessage is one whose bytes are not what they were. It is lost, unless
// it turns out to be settled.
type damagedMessage struct {
	queue, seq uint64
	group      uint64
	in         *CorruptError
}

// noting returns a visitor that notes which messages of a group are damaged;
// errInvalid if the group was not durable.
func (r *replaying) noting(bad map[Place]bool, group uint64) (visitor, error) {
	if !r.acceptLoss {
		return nil, errInvalid
	}
	if group > r.mark.required() {
		if next, err := r.search(); err != nil || next == nil || next.later == 0 {
			return nil, errors.Join(errInvalid, err)
		}
	}
	in := r.corrupt(fmt.Sprintf("messages of group %d are not what they were", group))
	return &noting{r.v, r, bad, group, in}, nil
}

type noting struct {
	visitor
	r     *replaying
	bad   map[Place]bool
	group uint64
	in    *CorruptError
}

func (n *noting) message(queue uint64, it Item) {
	n.visitor.message(queue, it)
	if n.bad[it.Place] {
		n.r.damaged = append(n.r.damaged, damagedMessage{queue, it.Seq, n.group, n.in})
	}
}

// losing takes messages that are damaged out of what was found, and returns
// what is to be settled.
func (r *replaying) losing(b *building) (settled []queueChange) {
	named := uint64(0)
	for _, m := range r.damaged {
		if !b.has(m.queue, m.seq) {
			continue
		}
		gone := Range{m.seq, m.seq}
		b.settle(m.queue, gone)
		r.lost.message(m.queue)
		settled = append(settled, queueChange{id: m.queue, settled: []Range{gone}})
		if named != m.group {
			named = m.group
			r.lost.Damages = append(r.lost.Damages, m.in.Error())
		}
	}
	return settled
}

const gapSize = 48

func (r *replaying) gapsPath() string { return filepath.Join(r.j.dir, "accepted") }

// readGaps reads which gaps were accepted earlier.
func (r *replaying) readGaps() error {
	f, err := r.j.files.open(r.gapsPath(), false)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	defer f.Close()
	size, err := f.size()
	if err != nil {
		return err
	}
	b := make([]byte, min(size, 1<<20))
	if _, err := f.ReadAt(b, 0); err != nil {
		return err
	}
	if r.parseGaps(b) {
		return nil
	}
	damage := &CorruptError{File: r.gapsPath(), Offset: -1, Reason: "its checksum is wrong"}
	if !r.acceptLoss {
		return damage
	}
	r.lost.Damages = append(r.lost.Damages, damage.Error())
	return nil
}

func (r *replaying) parseGaps(b []byte) bool {
	le, n := binary.LittleEndian, len(b)-4
	if !hasSum(b) || n%gapSize != 0 {
		return false
	}
	for ; n > 0; n -= gapSize {
		p := b[n-gapSize:]
		r.gaps = append(r.gaps, gap{
			from: Place(le.Uint64(p)), after: le.Uint64(p[8:]), to: Place(le.Uint64(p[16:])),
			end: covered{
				segment: le.Uint32(p[24:]), chain: le.Uint32(p[28:]),
				group: le.Uint64(p[32:]), messages: le.Uint64(p[40:]),
			},
		})
	}
	return true
}

// writeGaps notes which gaps were accepted now.
func (r *replaying) writeGaps() error {
	if !r.cut {
		return nil
	}
	le := binary.LittleEndian
	var b []byte
	for _, g := range r.gaps {
		b = le.AppendUint64(b, uint64(g.from))
		b = le.AppendUint64(b, g.after)
		b = le.AppendUint64(b, uint64(g.to))
		b = le.AppendUint32(b, g.end.segment)
		b = le.AppendUint32(b, g.end.chain)
		b = le.AppendUint64(b, g.end.group)
		b = le.AppendUint64(b, g.end.messages)
	}
	return writeWhole(r.j.files, r.gapsPath(), appendSum(b))
}

// writeWhole writes a file, which is there whole or not at all.
func writeWhole(fs files, path string, b []byte) error {
	f, err := fs.open(path+".new", true)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteAt(b, 0); err != nil {
		return err
	}
	if err := f.sync(); err != nil {
		return err
	}
	if err := fs.rename(path+".new", path); err != nil {
		return err
	}
	return fs.syncDir(filepath.Dir(path))
}
