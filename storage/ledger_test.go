package storage

import (
	"errors"
	"fmt"
	"hash/crc64"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync/atomic"
)

// ledger makes random units and writes down what they do, so that the state
// after each group is known.
type ledger struct {
	*rand.Rand
	db     *DB
	start  world // before the first unit
	units  []entry
	now    world // after the last unit
	queues map[uint64]*Queue
	last   uint64        // the last sequence number that was used
	told   atomic.Uint64 // how many units are known to be durable
}

// entry is a unit.
type entry struct {
	group Group
	do    []func(world)
}

// world is what is kept.
type world struct {
	entities map[entityKey]string
	queues   map[uint64]map[uint64]sheet
}

// sheet is a message of a queue.
type sheet struct {
	item Item // without Place
	sum  uint64
	back bool // it has to be marked as redelivered
}

func newWorld() world {
	return world{entities: map[entityKey]string{}, queues: map[uint64]map[uint64]sheet{}}
}

func (w world) clone() world {
	c := world{entities: maps.Clone(w.entities), queues: map[uint64]map[uint64]sheet{}}
	for id, q := range w.queues {
		c.queues[id] = maps.Clone(q)
	}
	return c
}

var ecma = crc64.MakeTable(crc64.ECMA)

func sum(b []byte) uint64 { return crc64.Checksum(b, ecma) }

// newLedger goes on from a world that a DB was opened with.
func newLedger(r *rand.Rand, db *DB, start world, last uint64) *ledger {
	l := &ledger{Rand: r, db: db, start: start, now: start.clone(), queues: map[uint64]*Queue{}, last: last}
	for key := range start.entities {
		if key.kind == 3 {
			l.queues[key.id] = db.Queue(key.id)
		}
	}
	return l
}

// Durable notes that the first units, up to a number, are durable.
func (l *ledger) Durable(_, to uint64) {
	for old := l.told.Load(); to > old && !l.told.CompareAndSwap(old, to); old = l.told.Load() {
	}
}

// run makes n units, and sometimes waits for them.
func (l *ledger) run(n int) error {
	for range n {
		g := l.unit()
		if l.IntN(4) == 0 {
			if err := l.db.Wait(g); err != nil {
				return err
			}
			l.Durable(0, uint64(len(l.units)))
		}
	}
	return nil
}

// unit makes a unit of a few changes.
func (l *ledger) unit() Group {
	var e entry
	l.db.Reserve(0)
	l.db.Begin()
	for range 1 + l.IntN(3) {
		do := l.change()
		do(l.now)
		e.do = append(e.do, do)
	}
	if l.IntN(2) == 0 {
		l.db.Confirm(l, 0, uint64(len(l.units))+1)
	}
	e.group = l.db.End()
	l.units = append(l.units, e)
	return e.group
}

// change makes one change, and returns what it does to a world.
func (l *ledger) change() func(world) {
	ids := slices.Sorted(maps.Keys(l.queues))
	switch n := l.IntN(20); {
	case len(ids) == 0 || n == 0 && len(ids) < 6:
		id := l.db.NewID()
		l.queues[id] = l.db.Queue(id)
		return l.put(id, "queue")
	case n == 1 && len(ids) > 1:
		return l.deleteQueue(ids[l.IntN(len(ids))])
	case n == 2:
		return l.put(uint64(1+l.IntN(5)), fmt.Sprint(l.Uint64()))
	case n == 3:
		key := entityKey{7, uint64(1 + l.IntN(5))}
		l.db.Drop(key.kind, key.id)
		return func(w world) { delete(w.entities, key) }
	case n < 12:
		return l.publish(ids)
	case n < 18:
		return l.settle(ids[l.IntN(len(ids))])
	default:
		return l.giveBack(ids[l.IntN(len(ids))])
	}
}

func (l *ledger) put(id uint64, value string) func(world) {
	kind := EntityKind(7)
	if value == "queue" {
		kind = 3
	}
	l.db.Put(Entity{kind, id, []byte(value)})
	return func(w world) { w.entities[entityKey{kind, id}] = value }
}

func (l *ledger) deleteQueue(id uint64) func(world) {
	l.queues[id].Delete()
	delete(l.queues, id)
	l.db.Drop(3, id)
	return func(w world) {
		delete(w.queues, id)
		delete(w.entities, entityKey{3, id})
	}
}

// publish appends a message to some queues.
func (l *ledger) publish(ids []uint64) func(world) {
	m := &text{b: l.body()}
	l.last++
	s := sheet{sum: sum(m.b), item: Item{Seq: l.last, Size: uint32(len(m.b)), Head: uint32(l.IntN(len(m.b) + 1)), Priority: uint8(l.IntN(10)), Expires: l.Int64N(3) * 1e12}}
	l.Shuffle(len(ids), func(i, j int) { ids[i], ids[j] = ids[j], ids[i] })
	to := slices.Clone(ids[:1+l.IntN(min(3, len(ids)))])
	for _, id := range to {
		l.queues[id].Append(s.item, m)
	}
	return func(w world) {
		for _, id := range to {
			if w.queues[id] == nil {
				w.queues[id] = map[uint64]sheet{}
			}
			w.queues[id][s.item.Seq] = s
		}
	}
}

// body makes the bytes of a message: seldom more than a segment takes.
func (l *ledger) body() []byte {
	n := l.IntN(3000)
	switch l.IntN(60) {
	case 0:
		n = 100_000
	case 1:
		n = 0
	}
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(l.Uint32())
	}
	return b
}

// settle settles some of the first messages, or any, or the newest.
func (l *ledger) settle(id uint64) func(world) {
	seqs := slices.Sorted(maps.Keys(l.now.queues[id]))
	if len(seqs) == 0 {
		return func(world) {}
	}
	from := 0
	switch l.IntN(4) {
	case 0:
		from = l.IntN(len(seqs))
	case 1:
		from = len(seqs) - 1
	}
	to := min(from+l.IntN(1+l.IntN(20)), len(seqs)-1)
	r := Range{seqs[from], seqs[to]}
	l.queues[id].Settle(r)
	return func(w world) {
		for seq := range w.queues[id] {
			if r.From <= seq && seq <= r.To {
				delete(w.queues[id], seq)
			}
		}
	}
}

func (l *ledger) giveBack(id uint64) func(world) {
	seqs := slices.Sorted(maps.Keys(l.now.queues[id]))
	if len(seqs) == 0 {
		return func(world) {}
	}
	seq, n := seqs[l.IntN(len(seqs))], uint16(1+l.IntN(9))
	l.queues[id].Requeued(seq, n)
	return func(w world) {
		s := w.queues[id][seq]
		s.item.Deliveries, s.back = n, true
		w.queues[id][seq] = s
	}
}

// check compares what was found with the state after each group from the one of
// the last unit that was told of, and returns the one it is.
func (l *ledger) check(found world, told uint64, unclean bool) (world, error) {
	w := l.start.clone()
	for i, e := range l.units {
		whole := i == 0 || l.units[i-1].group < e.group
		if whole && uint64(i) >= told && w.differs(found, unclean) == nil {
			return w, nil
		}
		for _, do := range e.do {
			do(w)
		}
	}
	if differ := w.differs(found, unclean); differ != nil {
		return w, fmt.Errorf("what was found is the state after no group from unit %d on; from that after the last of %d units it differs:\n%w", told, len(l.units), differ)
	}
	return w, nil
}

// differs compares the world with what was found.
func (w world) differs(found world, unclean bool) error {
	var lines []string
	for key, v := range w.entities {
		if f, ok := found.entities[key]; !ok || f != v {
			lines = append(lines, fmt.Sprintf("entity %v is %q (%v), want %q", key, f, ok, v))
		}
	}
	for key := range found.entities {
		if _, ok := w.entities[key]; !ok {
			lines = append(lines, fmt.Sprintf("entity %v is there", key))
		}
	}
	for id, q := range w.queues {
		for seq, want := range q {
			got, ok := found.queues[id][seq]
			back := got.item.Redelivered
			if got.item.Place, got.item.Redelivered = 0, false; !ok || got.item != want.item || got.sum != want.sum || !back && (unclean || want.back) {
				lines = append(lines, fmt.Sprintf("queue %d, message %d: found %+v (%v, redelivered %v), want %+v", id, seq, got, ok, back, want))
			}
		}
	}
	for id, q := range found.queues {
		for seq := range q {
			if _, ok := w.queues[id][seq]; !ok {
				lines = append(lines, fmt.Sprintf("queue %d, message %d is there", id, seq))
			}
		}
	}
	if len(lines) == 0 {
		return nil
	}
	return errors.New(strings.Join(lines[:min(len(lines), 10)], "\n"))
}

// look reads all that a DB has.
func look(db *DB, s *State) (world, error) {
	w := newWorld()
	for _, e := range s.Entities {
		w.entities[entityKey{e.Kind, e.ID}] = string(e.Value)
	}
	for id, items := range s.Queues {
		q := map[uint64]sheet{}
		for _, it := range items {
			q[it.Seq] = sheet{item: it}
		}
		if len(q) != len(items) {
			return w, fmt.Errorf("queue %d has sequence numbers twice", id)
		}
		err := db.Load(id, items, func(i int, b []byte) { q[items[i].Seq] = sheet{item: items[i], sum: sum(b)} })
		if err != nil {
			return w, fmt.Errorf("load queue %d: %w", id, err)
		}
		w.queues[id] = q
	}
	return w, nil
}
