package broker

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// slowCalendar is what a calendar should do.
type slowCalendar []parting

func (c *slowCalendar) take(now int64, most int) (taken []parting) {
	slices.SortFunc(*c, func(a, b parting) int {
		return cmp.Or(cmp.Compare(a.Expires, b.Expires), cmp.Compare(a.Seq, b.Seq))
	})
	n := 0
	for n < min(len(*c), most) && (*c)[n].Expires <= now {
		n++
	}
	taken = slices.Clone((*c)[:n])
	*c = (*c)[n:]
	return taken
}

// Whatever comes, goes and leaves memory: what is taken is what is due, in order,
// and either in memory or where it was put on disk.
func TestACalendarGivesWhatIsDueInItsOrder(t *testing.T) {
	for seed := range uint64(fewer(40, 10)) {
		checkCalendar(t, rand.New(rand.NewPCG(seed, 1)))
	}
}

func checkCalendar(t *testing.T, rnd *rand.Rand) {
	var c calendar
	var slow slowCalendar
	var now int64
	var seq uint64
	onDisk := map[*message]storage.Place{}
	spread := 1 + rnd.Int64N(3000)
	for range 400 {
		switch rnd.IntN(6) {
		case 0, 1, 2:
			for range rnd.IntN(200) {
				seq += 1 + uint64(rnd.IntN(2))
				m := &message{origin: &origin{}, content: amqp.NewContent(amqp.Properties{0, 0}, nil)}
				it := storage.Item{Seq: seq, Expires: now + rnd.Int64N(spread), Size: 1 + uint32(rnd.IntN(5000))}
				c.push(it, m)
				slow = append(slow, parting{stowed: stowed{it, m}})
			}
		case 3: // some are on disk now, and may be forgotten
			c.shed(rnd.IntN(100_000), func(m *message) storage.Place {
				if onDisk[m] == 0 && rnd.IntN(50) > 0 {
					onDisk[m] = storage.Place(1 + len(onDisk))
				}
				return onDisk[m]
			})
		case 4: // the page file has got some, of which one may have gone
			pageSome(t, rnd, &c, onDisk, seq)
		default:
			now += rnd.Int64N(spread)
			most := 1 + rnd.IntN(300)
			got, want := c.take(now, most, 1<<40), slow.take(now, most)
			checkTaken(t, got, want, onDisk)
		}
		checkWeight(t, &c, slow)
	}
	checkTaken(t, c.take(now+spread, len(slow)+1, 1<<40), slow.take(now+spread, len(slow)+1), onDisk)
	if c.len() != 0 || c.loaded != 0 || c.away != 0 || len(c.pages) != 0 {
		t.Errorf("an empty calendar is %+v", c)
	}
}

func pageSome(t *testing.T, rnd *rand.Rand, c *calendar, onDisk map[*message]storage.Place, last uint64) {
	out := []stowed{{Item: storage.Item{Seq: last + 1, Place: 1}}}
	if n := len(c.pages); n > 0 {
		p := c.pages[rnd.IntN(n)]
		for i := range p.items {
			if m := p.body(i); m != nil {
				onDisk[m] = storage.Place(1 + len(onDisk))
				out = append(out, stowed{p.items[i], m})
				out[len(out)-1].Place = onDisk[m]
			}
		}
	}
	if gone := c.paged(out); len(gone) != 1 || gone[0].Seq != last+1 {
		t.Errorf("%v have gone, want message %d alone", gone, last+1)
	}
}

func checkTaken(t *testing.T, got, want []parting, onDisk map[*message]storage.Place) {
	t.Helper()
	if len(got) != len(want) {
		t.Fatalf("%d messages are due, want %d", len(got), len(want))
	}
	for i := range got {
		g, w := got[i], want[i]
		if g.Seq != w.Seq || g.Expires != w.Expires || g.Size != w.Size {
			t.Fatalf("the message due is %+v, want %+v", g, w)
		}
		if g.message != w.message && (g.message != nil || g.Place != onDisk[w.message]) {
			t.Fatalf("message %d is in place %d, want %d", g.Seq, g.Place, onDisk[w.message])
		}
	}
}

// checkWeight checks what a calendar says of itself.
func checkWeight(t *testing.T, c *calendar, slow slowCalendar) {
	t.Helper()
	loaded, live, places := 0, 0, 0
	for n, p := range c.pages {
		for i := range p.items {
			if p.items[i].Size > 0 {
				live++
			}
			if p.body(i) != nil {
				loaded += int(p.items[i].Size)
				if n < c.away {
					t.Fatal("there is a body where none should be")
				}
			}
		}
		places += len(p.items)
	}
	if c.len() != len(slow) || live != len(slow) || loaded != c.loaded {
		t.Fatalf("the calendar has %d messages, %d in pages, with %d bytes; want %d, with %d", c.len(), live, c.loaded, len(slow), loaded)
	}
	if places > 2*live+2*blockLen+len(c.pages) {
		t.Fatalf("%d messages take %d places", live, places)
	}
}

func TestACalendarIsRestored(t *testing.T) {
	var items []storage.Item
	for seq := range uint64(1000) {
		items = append(items, storage.Item{Seq: 3*seq + 1, Expires: int64(seq * 7919 % 1000), Size: 10, Place: storage.Place(seq + 1)})
	}
	var c calendar
	c.restore(slices.Clone(items))
	c.push(storage.Item{Seq: 9999, Expires: 500, Size: 10}, &message{})
	for want := range int64(1000) {
		got := c.take(want, 1, 10)
		if len(got) != 1 || got[0].Expires != want || got[0].message != nil || got[0].Place != items[got[0].Seq/3].Place {
			t.Fatalf("at %d there is %+v", want, got)
		}
		if want == 500 {
			if late := c.take(want, 2, 10); len(late) != 1 || late[0].message == nil {
				t.Fatalf("what came later is %+v", late)
			}
		}
	}
}
