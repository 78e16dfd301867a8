package broker

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// newMessage is a message as a queue holds it.
func newMessage(body string) *message {
	return &message{origin: &origin{exchange: "x", key: "k"}, content: amqp.NewContent(amqp.Properties{0, 0}, []byte(body))}
}

// readyModel compares what is ready with what it should be: all messages,
// sorted. Messages become stored in the order of their positions.
type readyModel struct {
	ready  lanes
	levels []uint8 // of priority; none: it means nothing
	period int64   // after which messages rise; 0: they do not
	now    int64
	came   map[uint64]int64 // when messages came, if they rise
	all    []entry          // ready, in the order in which they are to be taken
	out    []entry          // delivered, not settled
	next   uint64           // position of the next message
	stored uint64           // the places of those before are known
	places map[*message]storage.Place
	disk   map[storage.Place]*message
	bodies []string // of sizes that differ
}

func newReadyModel(levels ...uint8) *readyModel {
	m := &readyModel{levels: levels, next: 1, came: map[uint64]int64{}, places: map[*message]storage.Place{}, disk: map[storage.Place]*message{}}
	m.ready = m.empty()
	for _, size := range []int{1, 10, 5000, blockSize + 1} {
		m.bodies = append(m.bodies, string(make([]byte, size)))
	}
	return m
}

func (m *readyModel) empty() lanes {
	if m.levels == nil {
		return newLanes(0, 0)
	}
	return newLanes(slices.Max(m.levels), m.period)
}

// insert adds what is ready now, where it belongs.
func (m *readyModel) insert(e entry) {
	i, _ := slices.BinarySearchFunc(m.all, e, m.compare)
	m.all = slices.Insert(m.all, i, e)
}

// compare orders messages as they are to be taken (PRI-01). One that rises stands
// where it would have come that much earlier.
func (m *readyModel) compare(a, b entry) int {
	since := func(e entry) int64 { return m.came[e.seq] - int64(e.priority)*m.period }
	switch {
	case m.period > 0:
		return cmp.Or(cmp.Compare(since(a), since(b)), bySeq(a, b))
	case m.levels != nil:
		return cmp.Or(cmp.Compare(b.priority, a.priority), bySeq(a, b))
	}
	return bySeq(a, b)
}

func (m *readyModel) push(t *rapid.T) {
	// Mostly small: so that blocks become full of them.
	body := m.bodies[max(0, rapid.IntRange(-20, len(m.bodies)-1).Draw(t, "size"))]
	e := entry{seq: m.next, message: newMessage(body), expires: int64(m.next * 3), priority: uint8(m.next)}
	if m.levels != nil {
		e.priority = rapid.SampledFrom(m.levels).Draw(t, "priority")
	}
	if m.period > 0 {
		if len(m.ready.aging.arrivals) < leastArrivals { // so many are known as they are
			m.now += m.period / 16 * max(0, rapid.Int64Range(-40, 20).Draw(t, "later"))
		}
		m.came[e.seq] = m.now
		m.ready.aging.came(e.seq, m.now)
	}
	m.next++
	m.ready.push(&e)
	e.size = uint32(e.message.Size())
	m.insert(e)
	m.places[e.message], m.disk[storage.Place(e.seq+1)] = storage.Place(e.seq+1), e.message
}

func (m *readyModel) pop(t *rapid.T) {
	got, want := m.ready.pop(), m.all[0]
	m.all = m.all[1:]
	if got.message != want.message && !slices.Equal(got.message.content.Body(), want.message.content.Body()) {
		t.Fatalf("message %d has another body", want.seq)
	}
	m.out = append(m.out, got)
	got.message = want.message
	if got != want {
		t.Fatalf("popped %+v, want %+v", got, want)
	}
}

// drop removes the first message, wherever it is.
func (m *readyModel) drop(t *rapid.T) {
	first, ok := m.ready.first()
	deadline := m.ready.deadline()
	s := m.ready.dropFirst()
	got := s.entry()
	want := m.all[0]
	m.all = m.all[1:]
	if !ok || first.Seq != want.seq || deadline != want.expires || first.Expires != want.expires || first.Size != want.size ||
		first.Deliveries != want.deliveries || first.Priority != want.priority || first.Redelivered != want.redelivered {
		t.Fatalf("the first is %+v, want %+v", first, want)
	}
	if got.message == nil && s.Place != m.places[want.message] {
		t.Fatalf("it was in place %d, want %d", s.Place, m.places[want.message])
	}
	if got.message != nil {
		m.out = append(m.out, got)
	}
	got.message = want.message
	if got != want {
		t.Fatalf("dropped %+v, want %+v", got, want)
	}
}

func (m *readyModel) giveBack(t *rapid.T) {
	i := rapid.IntRange(0, len(m.out)-1).Draw(t, "which")
	e := m.out[i]
	m.out = slices.Delete(m.out, i, i+1)
	e = e.again()
	m.ready.giveBack(e)
	m.insert(e)
}

func (m *readyModel) shed(t *rapid.T) {
	window := rapid.SampledFrom([]int{0, 1000, 100_000, 1 << 20}).Draw(t, "window")
	stuck, more := m.ready.shed(window, func(msg *message) storage.Place {
		if p := m.places[msg]; uint64(p) <= m.stored {
			return p
		}
		return 0
	})
	switch {
	case stuck == nil && !more && m.ready.over(0, window):
		t.Fatalf("%d bytes are left in memory, %d of them behind the front", m.ready.loaded(), m.ready.behind())
	case stuck != nil && stuck.items[stuck.to-1].Seq < m.stored:
		t.Fatal("what could be dropped is not")
	case stuck != nil && rapid.Bool().Draw(t, "page out"):
		m.pageOut(t, stuck)
	}
}

// pageOut has a block that is not yet stored be on disk nevertheless.
func (m *readyModel) pageOut(t *rapid.T, b *block) {
	if !m.ready.rests(b) {
		t.Fatal("a block that cannot be dropped does not rest")
	}
	for i := b.from; i < b.to; i++ {
		b.items[i].Place = m.places[b.messages[i]]
	}
	m.ready.drop(b)
	if m.ready.rests(b) {
		t.Fatal("a block that was dropped rests")
	}
}

// install has the next blocks read: they come as other messages.
func (m *readyModel) install(t *rapid.T) {
	size := rapid.SampledFrom([]int{0, blockSize, 1 << 20}).Draw(t, "bytes")
	short := m.ready.short(rapid.SampledFrom([]int{1, 100_000, math.MaxInt}).Draw(t, "short"))
	if short == nil {
		t.Skip()
	}
	for _, b := range short.missing(size) {
		messages := make([]*message, len(b.items))
		for i, it := range b.items {
			disk := m.disk[it.Place]
			messages[i] = &message{origin: disk.origin, content: disk.content}
			m.places[messages[i]] = it.Place
		}
		if !m.ready.wants(b) {
			t.Fatal("a block that is missing is not wanted")
		}
		m.ready.install(b, messages)
		if m.ready.wants(b) {
			t.Fatal("a block that is there is wanted")
		}
	}
}

func (m *readyModel) restore() {
	var items []storage.Item
	for _, e := range slices.SortedFunc(slices.Values(m.all), bySeq) {
		items = append(items, storage.Item{
			Seq: e.seq, Place: storage.Place(e.seq + 1), Expires: e.expires, Size: e.size, Head: uint32(e.message.head()),
			Deliveries: e.deliveries, Priority: e.priority, Redelivered: e.redelivered,
		})
	}
	m.ready = m.empty()
	m.ready.restore(items)
	if m.period > 0 {
		m.ready.aging.came(1, m.now)
		for _, e := range m.all {
			m.came[e.seq] = m.now
		}
		slices.SortFunc(m.all, m.compare)
	}
}

// check compares what can be seen, and what is counted with what is there.
func (m *readyModel) check(t *rapid.T) {
	bytes, bodies, available, disk := 0, 0, len(m.all), 0
	lanes := []*ready{&m.ready.ready}
	if m.levels != nil {
		lanes = m.ready.lanes
	}
	for _, e := range m.all {
		bytes += int(e.size)
		bodies += len(e.message.content.Body())
	}
	for n, r := range slices.Backward(lanes) {
		if m.levels != nil && r.len() == 0 {
			t.Fatalf("of %d lanes the one at %d is empty", len(lanes), n)
		}
		disk += checkList(t, r)
	}
	for n, e := range m.all {
		if !m.loaded(lanes, e.seq) {
			available = n
			break
		}
	}
	if short := m.ready.short(math.MaxInt); available < len(m.all) && (m.period == 0 || available == 0) && (short == nil || !m.within(short.away, m.all[available].seq)) {
		t.Fatalf("message %d, which is to be read next, is not where messages are short", m.all[available].seq)
	}
	if m.ready.len() != len(m.all) || m.ready.size() != bytes {
		t.Fatalf("%d messages of %d bytes, want %d of %d", m.ready.len(), m.ready.size(), len(m.all), bytes)
	}
	if m.ready.bodySize() != bodies {
		t.Fatalf("%d bytes of bodies, want %d", m.ready.bodySize(), bodies)
	}
	if got := m.ready.size() - m.ready.loaded(); !m.rightly(m.ready.available(), available) || got != disk || m.ready.split() != (disk > 0) {
		t.Fatalf("%d available, %d bytes on disk, want %d, %d", m.ready.available(), got, available, disk)
	}
	m.checkRanges(t)
}

// loaded tells whether a message is in memory.
func (m *readyModel) loaded(lanes []*ready, seq uint64) bool {
	for _, r := range lanes {
		for b := r.away; b != r.rest; b = b.next {
			if m.within(b, seq) {
				return false
			}
		}
	}
	return true
}

// rightly tells whether so many messages may be said to be available.
func (m *readyModel) rightly(said, available int) bool {
	return said == available || m.period > 0 && said > 0 && said < available
}

// within tells whether a message is in a block.
func (m *readyModel) within(b *block, seq uint64) bool {
	_, found := slices.BinarySearchFunc(b.items[b.from:b.to], seq, func(it storage.Item, seq uint64) int {
		return cmp.Compare(it.Seq, seq)
	})
	return found
}

// checkList checks what a list counts, and returns what it has on disk.
func checkList(t *rapid.T, r *ready) (disk int) {
	bytes, available, fresh, front, back := 0, len(r.returned), 0, 0, 0
	for _, e := range r.returned {
		back += int(e.size)
	}
	region, last := 0, (*block)(nil)
	for b := r.head; b != nil; b = b.next {
		if region == 0 && b == r.away {
			region++
		}
		if region == 1 && b == r.rest {
			region++
		}
		if onDisk := b.messages == nil; onDisk != (region == 1) {
			t.Fatalf("a block in region %d is on disk: %t", region, onDisk)
		}
		switch {
		case region == 0:
			front += b.size
		case region == 1:
			disk += b.size
		}
		if region == 0 || disk == 0 {
			available += b.to - b.from
		}
		for _, it := range b.items[b.from:b.to] {
			bytes += int(it.Size)
		}
		fresh += b.to - b.from
		last = b
	}
	switch {
	case r.fresh != fresh || r.bytes != bytes+back:
		t.Fatalf("%d messages are counted, and %d bytes, want %d, %d", r.fresh, r.bytes, fresh, bytes+back)
	case r.available() != available || r.disk != disk || r.front != front || r.back != back:
		t.Fatalf("%d available, %d bytes on disk, %d in front, %d came back, want %d, %d, %d, %d",
			r.available(), r.disk, r.front, r.back, available, disk, front, back)
	case r.tail != last:
		t.Fatal("the tail is not the last block")
	}
	return disk
}

// checkRanges checks that ranges have all that is ready and nothing that is
// out, and that what is in memory can be found.
func (m *readyModel) checkRanges(t *rapid.T) {
	var all []storage.Range
	m.ready.ranges(func(r storage.Range) { all = append(all, r) })
	within := func(seq uint64) bool {
		return slices.ContainsFunc(all, func(r storage.Range) bool { return r.From <= seq && seq <= r.To })
	}
	for _, e := range m.all {
		if !within(e.seq) {
			t.Fatalf("message %d is in no range", e.seq)
		}
	}
	for _, e := range m.out {
		if within(e.seq) {
			t.Fatalf("message %d, which is out, is in a range", e.seq)
		}
	}
	size := 0
	m.ready.resident(func(msg *message) { size += msg.Size() })
	if size != m.ready.loaded() {
		t.Fatalf("%d bytes are found in memory, want %d", size, m.ready.loaded())
	}
}

func TestReadyMessagesAreTakenInTheOrderOfTheirPositions(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { newReadyModel().run(t) })
}

// PRI-01, PRI-05: whatever of them is on disk, out or given back. A purge does not
// settle what is out, in whatever lane.
func TestReadyMessagesAreTakenInTheOrderOfTheirPriorities(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		few, all := []uint8{0, 1, 5}, []uint8{0, 1, 2, 3, 62, 63, 64, 65, 127, 128, 200, 254, 255}
		newReadyModel(rapid.SampledFrom([][]uint8{few, all}).Draw(t, "levels")...).run(t)
	})
}

// Those that rise as they wait, likewise.
func TestReadyMessagesAreTakenInTheOrderOfTheirAges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := newReadyModel(0, 1, 4, 9)
		m.period = 160
		m.ready = m.empty()
		m.run(t)
	})
}

// run has anything happen.
func (m *readyModel) run(t *rapid.T) {
	many := func(what func(*rapid.T), possible func() bool) func(*rapid.T) {
		return func(t *rapid.T) {
			if !possible() {
				t.Skip()
			}
			for n := rapid.IntRange(1, 2*blockLen).Draw(t, "times"); n > 0 && possible(); n-- {
				what(t)
			}
		}
	}
	t.Repeat(map[string]func(*rapid.T){
		"":         m.check,
		"push":     many(m.push, func() bool { return true }),
		"pop":      many(m.pop, func() bool { return m.ready.available() > 0 }),
		"drop":     many(m.drop, func() bool { return len(m.all) > 0 }),
		"giveBack": many(m.giveBack, func() bool { return len(m.out) > 0 }),
		"store":    func(t *rapid.T) { m.stored = rapid.Uint64Range(m.stored, m.next).Draw(t, "stored") },
		"shed":     m.shed,
		"install":  m.install,
		"restore": func(t *rapid.T) {
			if m.stored < m.next || len(m.out) > 0 {
				t.Skip()
			}
			m.restore()
		},
		"purge": func(t *rapid.T) {
			if rapid.IntRange(0, 9).Draw(t, "purge") > 0 {
				t.Skip()
			}
			if got := m.ready.purge(); got != len(m.all) {
				t.Fatalf("purged %d messages, want %d", got, len(m.all))
			}
			m.all = nil
		},
	})
}

func TestAnEmptyReadyListHoldsNoMemory(t *testing.T) {
	var r ready
	m := newMessage("body")
	for i := range uint64(3 * blockLen) {
		r.push(&entry{seq: i, message: m})
	}
	for i := range uint64(2 * blockLen) {
		r.pop()
		r.giveBack(entry{seq: i, message: m})
		r.pop()
	}
	for r.len() > 0 {
		r.pop()
	}
	if r.head != nil || r.tail != nil || r.away != nil || r.rest != nil || r.returned != nil {
		t.Errorf("an empty list keeps %+v", r)
	}
}

// itemsOf are n messages of a size on disk.
func itemsOf(n, size int) []storage.Item {
	items := make([]storage.Item, n)
	for i := range items {
		items[i] = storage.Item{Seq: uint64(i), Place: storage.Place(i + 1), Size: uint32(size)}
	}
	return items
}

func BenchmarkReady(b *testing.B) {
	m := newMessage("body")
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("push and pop/%d", n), func(b *testing.B) {
			var r ready
			b.ReportAllocs()
			for i := 0; i < b.N; i += n {
				for j := range n {
					r.push(&entry{seq: uint64(i + j), message: m})
				}
				for range n {
					r.pop()
				}
			}
		})
	}
	for _, levels := range []uint8{1, 10, 255} { // of which all are in use, or one at a time
		for _, n := range []int{1, 1000} {
			b.Run(fmt.Sprintf("push and pop/%d of %d priorities", n, levels), func(b *testing.B) {
				r := newLanes(levels, 0)
				b.ReportAllocs()
				for i := 0; i < b.N; i += n {
					for j := range n {
						r.push(&entry{seq: uint64(i + j), message: m, priority: uint8((i + j) * 7 % int(levels))})
					}
					for range n {
						r.pop()
					}
				}
			})
		}
	}
	b.Run("purge/1000000 of 10 priorities", func(b *testing.B) {
		r := newLanes(9, 0)
		for i := range uint64(1_000_000) {
			r.push(&entry{seq: i + 1, message: m, priority: uint8(i * 7 % 10)})
		}
		for b.Loop() {
			n := 0
			r.ranges(func(storage.Range) { n++ })
		}
	})
	b.Run("restore/1000000 of 10 priorities", func(b *testing.B) {
		items := itemsOf(1_000_000, 1100)
		for i := range items {
			items[i].Priority = uint8(i * 7 % 10)
		}
		for b.Loop() {
			r := newLanes(9, 0)
			r.restore(items)
		}
	})
	b.Run("restore/1000000", func(b *testing.B) {
		items := itemsOf(1_000_000, 1100)
		for b.Loop() {
			var r ready
			r.restore(items)
		}
	})
}

// There may be many queues with a message each.
func TestAMessageThatIsAloneTakesLittleRoom(t *testing.T) {
	var r ready
	r.push(&entry{seq: 1, message: newMessage("body")})
	if n := len(r.head.items); n > 8 {
		t.Errorf("a queue with one message has room for %d", n)
	}
	for i := range uint64(2 * blockLen) {
		r.push(&entry{seq: 2 + i, message: newMessage("body")})
	}
	if n := len(r.head.next.items); n != blockLen {
		t.Errorf("the second block has room for %d", n)
	}
	for want := uint64(1); r.len() > 0; want++ {
		if e := r.pop(); e.seq != want {
			t.Fatalf("got %d, want %d", e.seq, want)
		}
	}
}
