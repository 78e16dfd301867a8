package broker

import (
	"cmp"
	"fmt"
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

// readyModel compares a ready list with what it should be: all messages,
// sorted. Messages become stored in the order of their positions.
type readyModel struct {
	ready  ready
	all    []entry // ready, by position
	out    []entry // delivered, not settled
	next   uint64  // position of the next message
	stored uint64  // the places of those before are known
	places map[*message]storage.Place
	disk   map[storage.Place]*message
	bodies []string // of sizes that differ
}

func newReadyModel() *readyModel {
	m := &readyModel{places: map[*message]storage.Place{}, disk: map[storage.Place]*message{}}
	for _, size := range []int{1, 10, 5000, blockSize + 1} {
		m.bodies = append(m.bodies, string(make([]byte, size)))
	}
	return m
}

func (m *readyModel) push(t *rapid.T) {
	// Mostly small: so that blocks become full of them.
	body := m.bodies[max(0, rapid.IntRange(-20, len(m.bodies)-1).Draw(t, "size"))]
	e := entry{seq: m.next, message: newMessage(body), expires: int64(m.next * 3), priority: uint8(m.next)}
	m.next++
	m.ready.push(&e)
	e.size = uint32(e.message.Size())
	m.all = append(m.all, e)
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
	last := m.ready.away
	got, gone := m.ready.dropFirst()
	want := m.all[0]
	m.all = m.all[1:]
	if !ok || first.Seq != want.seq || first.Expires != want.expires || first.Size != want.size ||
		first.Deliveries != want.deliveries || first.Priority != want.priority || first.Redelivered != want.redelivered {
		t.Fatalf("the first is %+v, want %+v", first, want)
	}
	if gone != nil && (gone != last || gone.next != nil || gone.messages != nil) {
		t.Fatalf("block %+v is gone", gone)
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
	m.ready.giveBack(e)
	e.redelivered, e.deliveries = true, e.deliveries+1
	m.all = append(m.all, e)
	slices.SortFunc(m.all, func(a, b entry) int { return cmp.Compare(a.seq, b.seq) })
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
	case stuck == nil && !more && m.ready.over(window):
		t.Fatalf("%d bytes are left in memory, %d of them in front", m.ready.loaded(), m.ready.front)
	case stuck != nil && stuck.items[stuck.to-1].Seq < m.stored:
		t.Fatal("what could be dropped is not")
	}
}

// install has the next blocks read: they come as other messages.
func (m *readyModel) install(t *rapid.T) {
	size := rapid.SampledFrom([]int{0, blockSize, 1 << 20}).Draw(t, "bytes")
	for _, b := range m.ready.missing(size) {
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
	for _, e := range m.all {
		items = append(items, storage.Item{
			Seq: e.seq, Place: storage.Place(e.seq + 1), Expires: e.expires, Size: e.size, Head: uint32(e.message.head()),
			Deliveries: e.deliveries, Priority: e.priority, Redelivered: e.redelivered,
		})
	}
	m.ready = ready{}
	m.ready.restore(items)
}

// check compares what can be seen, and what is counted with what is there.
func (m *readyModel) check(t *rapid.T) {
	r := &m.ready
	bytes, bodies, available, disk, fresh, front, back := 0, 0, len(r.returned), 0, 0, 0, 0
	for _, e := range r.returned {
		back += int(e.size)
	}
	for _, e := range m.all {
		bytes += int(e.size)
		bodies += len(e.message.content.Body())
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
		fresh += b.to - b.from
		last = b
	}
	switch {
	case r.len() != len(m.all) || r.bytes != bytes || r.fresh != fresh:
		t.Fatalf("%d messages of %d bytes, want %d of %d", r.len(), r.bytes, len(m.all), bytes)
	case r.available() != available || r.disk != disk || r.front != front || r.back != back:
		t.Fatalf("%d available, %d bytes on disk, %d in front, %d came back, want %d, %d, %d, %d",
			r.available(), r.disk, r.front, r.back, available, disk, front, back)
	case r.bodies != bodies:
		t.Fatalf("%d bytes of bodies, want %d", r.bodies, bodies)
	case r.tail != last:
		t.Fatal("the tail is not the last block")
	}
	m.checkRanges(t)
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
	rapid.Check(t, func(t *rapid.T) {
		m := newReadyModel()
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
