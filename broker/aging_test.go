package broker

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// A message that waits rises one level each period, and goes before those of a
// higher one that came so much later; within a level the order stays.
func TestMessagesRiseAsTheyWait(t *testing.T) {
	const period = 1600
	tests := map[string]struct {
		low, high uint8
		after     time.Duration // that the high one comes later
		want      string
	}{
		"not long enough":            {0, 1, period*ms - 1, "high low more"},
		"as long as it takes":        {0, 1, period * ms, "low high more"},
		"two levels, one period":     {3, 5, period * ms, "high low more"},
		"two levels, two periods":    {3, 5, 2 * period * ms, "low high more"},
		"nine levels, eight periods": {0, 9, 8 * period * ms, "high low more"},
		"nine levels, nine periods":  {0, 9, 9 * period * ms, "low high more"},
		"above the highest level":    {9, 9, 20 * period * ms, "low high more"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			fakeTime(t, func(_ *testing.T, _ *Broker, p *peer) {
				p.declareWith("aging", "x-max-priority", int32(9), agingArgument, int32(period))
				p.rank("aging", tt.low, "low")
				lapse(tt.after)
				p.rank("aging", tt.high, "high")
				p.rank("aging", tt.low, "more")
				if got := strings.Join(p.drain("aging"), " "); got != tt.want {
					t.Errorf("%s, want %s", got, tt.want)
				}
			})
		})
	}
}

// One that waits does not starve, however many of a higher priority come.
func TestLowPrioritiesDoNotStarve(t *testing.T) {
	fakeTime(t, func(t *testing.T, _ *Broker, p *peer) {
		const period, levels = 1000, 5
		p.declareWith("aging", "x-max-priority", int32(levels), agingArgument, int32(period))
		p.rank("aging", 0, "low")
		for i := range 50 * levels { // five come each period, of which four are taken
			p.rank("aging", levels, "high")
			lapse(period / 5 * ms)
			if i%5 == 4 {
				continue
			}
			if body, _, _ := p.get("aging"); body == "low" {
				if i < 5*levels-5 {
					t.Errorf("it was taken after %d of a higher priority", i)
				}
				return
			}
		}
		t.Error("it waits for ever")
	})
}

// PRI-05: what is given back is as old as it is.
func TestWhatIsRequeuedKeepsItsAge(t *testing.T) {
	fakeTime(t, func(t *testing.T, _ *Broker, p *peer) {
		p.declareWith("aging", "x-max-priority", int32(5), agingArgument, int32(1000))
		p.rank("aging", 0, "a", "b")
		_, _, tag := p.get("aging")
		lapse(5 * time.Second)
		p.rank("aging", 5, "high")
		p.SendMethods(1, &amqp.BasicNack{DeliveryTag: tag, Requeue: true})
		p.sync()
		wantBodies(t, "in the order of their ages", p.drain("aging"), "a*", "b", "high")
	})
}

// After a restart all that was there is as old as the broker, in the order of
// priorities.
func TestAgesBeginAnewWithARestart(t *testing.T) {
	k := keep(t)
	p := connect(t, k.Broker, 1)
	p.declareWith("q", "x-max-priority", int32(5), agingArgument, int32(1))
	p.rank("q", 0, "a")
	after(20 * ms)
	p.rank("q", 5, "b")
	p.Quit()
	k.restart()
	p = connect(t, k.Broker, 1)
	after(20 * ms)
	p.rank("q", 5, "c")
	wantBodies(t, "after a restart", p.drain("q"), "b", "a", "c")
}

// What a queue remembers of arrivals is little, and the ages are known to a
// sixteenth.
func TestFewArrivalsAreRemembered(t *testing.T) {
	const n, step, period = 1_000_000, 10, 160
	a := aging{period: period}
	for i := range int64(n) {
		a.came(uint64(i+1), step*i)
		if got := len(a.arrivals); got > 600 {
			t.Fatalf("%d arrivals are remembered", got)
		}
	}
	for i := range int64(n) {
		age := step * (n - i)
		if off := step*i - a.standing(uint64(i+1), 0).since; off < 0 || off > max(age, period)/16 {
			t.Fatalf("what came %d ms ago counts as having come %d ms earlier", age, off)
		}
	}
}

// The argument is for queues with priorities, and is checked as x-expires is.
func TestThePeriodOfAgingIsChecked(t *testing.T) {
	invalid := "invalid arg 'x-priority-aging' for queue 'q' in vhost '/': "
	tests := []struct {
		arguments amqp.Table
		want      string
	}{
		{args("x-max-priority", int32(1), agingArgument, int64(315360000000)), "ok"},
		{args("x-max-priority", int32(1), agingArgument, int8(1)), "ok"},
		{args("x-max-priority", int32(1), agingArgument, int32(0)), invalid + "{value_zero,0}"},
		{args("x-max-priority", int32(1), agingArgument, int32(-5)), invalid + "{value_negative,-5}"},
		{args("x-max-priority", int32(1), agingArgument, int64(315360000001)), invalid + "{value_too_large,315360000001}"},
		{args("x-max-priority", int32(1), agingArgument, "a"), invalid + `"expected integer, got longstr"`},
		{args(agingArgument, int32(1)), invalid + "priority_aging_but_no_max_priority_defined"},
		{args("x-max-priority", int32(0), agingArgument, int32(1)), invalid + "priority_aging_but_no_max_priority_defined"},
		{
			args("x-queue-type", "quorum", agingArgument, int32(1)),
			"invalid arg 'x-priority-aging' for queue 'q' in vhost '/' of queue type rabbit_quorum_queue",
		},
	}
	for _, tt := range tests {
		got := "ok"
		p := connect(t, New(Options{}), 1)
		if m, is := p.call(1, &amqp.QueueDeclare{Queue: "q", Durable: true, Arguments: tt.arguments}).(*amqp.ChannelClose); is {
			got = m.ReplyText
		}
		if want := tt.want; got != want && got != "PRECONDITION_FAILED - "+want {
			t.Errorf("%v: %s, want %s", tt.arguments, got, want)
		}
	}
	got := declareTwice(t, args("x-max-priority", int32(1), agingArgument, int32(1)), args("x-max-priority", int32(1)))
	if want := "PRECONDITION_FAILED - inequivalent arg 'x-priority-aging' for queue 'q' in vhost '/': " +
		"received none but current is the value '1' of type 'signedint'"; got != want {
		t.Errorf("declared again without it: %s, want %s", got, want)
	}
}

// handClock is a clock whose hands are moved by the test alone; its timers are
// real ones.
type handClock struct {
	amqp.Clock
	mu  sync.Mutex
	now time.Time
}

func (c *handClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *handClock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// Messages of all levels are found wherever they are, also when low ones rise that
// are on disk.
func TestMessagesRiseFromDisk(t *testing.T) {
	c := &handClock{Clock: amqp.RealClock, now: time.Now()}
	b, dir := durablyWith(t, Options{Clock: c})
	press(t, b)
	p := connect(t, b, 1)
	p.declareWith("q", "x-max-priority", int32(3), agingArgument, int32(1000))
	const n = 4000
	for i := range 4 { // so much later that all have risen
		p.fillRanked("q", amqp.BasicProperties{DeliveryMode: 2, Priority: uint8(i)}, i*n, (i+1)*n, kib)
		c.advance(2 * time.Second)
	}
	quiesce(b)
	p.do(1, &amqp.BasicQos{PrefetchCount: 1000})
	p.consume(1, "q", "k", false)
	p.takeInOrder(0, 4*n)
	p.sync()
	b.vhosts.get("/").pager.loaded.Add(-1 << 30)
	checkEmpty(t, b, dir, "q")
	b.vhosts.get("/").pager.loaded.Add(1 << 30)
}
