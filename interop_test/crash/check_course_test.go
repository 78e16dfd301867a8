package crash

import "testing"

// The courses of these histories: what is rejected, expires, does not fit or was
// tried too often becomes a letter; one goes round; one has priorities.
var someCourses = []event{
	lay("a", stage{Queue: "a", TTL: 20, Length: 9, Tries: 1, Next: "a.dead"}, stage{Queue: "a.dead", InOrder: true}),
	lay("o", stage{Queue: "o", Next: "o.wait"}, stage{Queue: "o.wait", TTL: 10, Next: "o"}),
	lay("p", stage{Queue: "p", Levels: 3, Next: "p.dead"}, stage{Queue: "p.dead"}),
	lay("s", stage{Queue: "s", Length: 1, Overflow: spilling, Next: "s.dead"}, stage{Queue: "s.dead"}),
	lay("f", stage{Queue: "f", Length: 1, Overflow: refusing}),
	lay("g", stage{Queue: "g", Groups: true}),
	lay("d", stage{Queue: "d", Once: true}),
	lay("y", stage{Queue: "y", Levels: 5, Aging: 10}),
}

func lay(name string, stages ...stage) event {
	return event{Kind: laid, Queues: []string{name}, Stages: stages}
}

// onCourse is a story on these courses.
func onCourse(events ...event) []event {
	return append(someCourses[:len(someCourses):len(someCourses)], story(events...)...)
}

// at moves what happens to the course of a queue there, after deaths.
func at(queue string, e event, deaths ...demise) event {
	e.Stage, e.Queues, e.Deaths = queue, []string{queue[:1]}, deaths
	return e
}

func died(queue, why string, count int64) demise { return demise{queue, why, count} }

// reject is a reject that makes a letter.
func reject(id uint64) event { return event{Kind: decline, Who: "c", ID: id} }

func in(unit uint64, e event) event {
	e.Unit = unit
	return e
}

func nacked(unit uint64) event { return event{Kind: refuse, Unit: unit} }

// after is when something was delivered, in milliseconds.
func after(ms int64, e event) event {
	e.At = ms
	return e
}

func ranked(level int, e event) event {
	e.Level = level
	return e
}

func kept(ms int64, e event) event {
	e.Delay = ms
	return e
}

// of puts a message into a group, and what happens to it after.
func of(group string, e event) event {
	e.Group = group
	return e
}

// like makes a message a duplicate of others.
func like(what string, e event) event {
	e.Once = what
	return e
}

// told is a confirm with its time.
func told(unit uint64, ms int64) event { return after(ms, ok(unit)) }

// drained is what the last consumer does.
func drained(e event) event { return by(draining, e) }

// What may happen to messages that die is no fault.
func TestCheckersAcceptDeaths(t *testing.T) {
	rejected, expired := died("a", "rejected", 1), died("a", "expired", 1)
	round := []demise{died("o.wait", "expired", 1), died("o", "rejected", 1)}
	for _, tt := range []struct {
		name   string
		events []event
	}{
		{"rejected, and a letter", onCourse(pub(1, "a"), ok(1), at("a", got(1, "")), at("a", reject(1)), at("a.dead", got(1, ""), rejected), at("a.dead", ack(1, ""), rejected))},
		{"the letter was lost, and is made again", onCourse(pub(1, "a"), ok(1), at("a", got(1, "")), at("a", reject(1)), at("a.dead", got(1, ""), rejected), die,
			at("a", again(1, "")), at("a", reject(1)), at("a.dead", got(1, ""), rejected), at("a.dead", ack(1, ""), rejected))},
		{"the reject was lost", onCourse(pub(1, "a"), ok(1), at("a", got(1, "")), at("a", reject(1)), fenced(), die, at("a", again(1, "")), at("a", ack(1, "")))},
		{"rejected when the broker had begun to stop", onCourse(pub(1, "a"), at("a", got(1, "")), by(everybody, closes("a")), at("a", reject(1)), at("a", again(1, "")), at("a", ack(1, "")))},
		{"rejected in a transaction that was not committed", onCourse(pub(1, "a"), at("a", got(1, "")), in(9, at("a", reject(1))), at("a", again(1, "")), at("a", ack(1, "")))},
		{"expired", onCourse(pub(1, "a"), ok(1), after(20, at("a.dead", got(1, ""), expired)), at("a.dead", ack(1, ""), expired))},
		{"round and settled", onCourse(pub(1, "o"), ok(1), at("o", got(1, "")), at("o", reject(1)), after(10, at("o", got(1, ""), round...)), at("o", ack(1, ""), round...))},
		{"refused, and a letter", onCourse(pub(1, "s"), nacked(1), at("s.dead", got(1, ""), died("s", "maxlen", 1)), at("s.dead", ack(1, ""), died("s", "maxlen", 1)))},
		{"refused, and gone", onCourse(pub(1, "f"), nacked(1))},
		{"tried twice", onCourse(pub(1, "a"), at("a", got(1, "")), at("a", again(1, "")), at("a.dead", got(1, ""), died("a", "delivery_limit", 1)), at("a.dead", ack(1, ""), died("a", "delivery_limit", 1)))},
		{"by priority", onCourse(ranked(0, pub(1, "p")), ranked(9, pub(2, "p")), ranked(3, pub(3, "p")), drained(at("p", got(2, ""))), drained(at("p", got(3, ""))), drained(at("p", got(1, ""))),
			at("p", ack(1, "")), at("p", ack(2, "")), at("p", ack(3, "")))},
		{"groups, one after the other", onCourse(of("x", pub(1, "g")), of("y", pub(2, "g")), of("x", pub(3, "g")),
			at("g", got(1, "")), by("b", at("g", got(2, ""))), at("g", ack(1, "")), by("b", at("g", got(3, ""))), by("b", at("g", ack(2, ""))), by("b", at("g", ack(3, ""))))},
		{"groups that pass each other", onCourse(of("x", pub(1, "g")), of("y", pub(2, "g")), at("g", got(2, "")), at("g", got(1, "")))},
		{"a group that was left", onCourse(of("x", pub(1, "g")), at("g", got(1, "")), closes("g"), by("b", at("g", again(1, ""))), by("b", at("g", ack(1, ""))))},
		{"duplicates", onCourse(like("x", pub(1, "d")), ok(1), like("x", pub(2, "d")), ok(2), at("d", got(1, "")), at("d", ack(1, "")))},
		{"the first in doubt, and lost with its duplicate", onCourse(like("x", pub(1, "d")), like("x", pub(2, "d")), die)},
		{"the first of two was not committed", onCourse(like("x", inTx(9, 1, "d")), like("x", pub(2, "d")), ok(2), at("d", got(2, "")), at("d", ack(2, "")))},
		{"one of the next life", onCourse(like("x", pub(1, "d")), ok(1), at("d", got(1, "")), at("d", ack(1, "")), die, like("x", pub(2, "d")), ok(2), at("d", got(2, "")), at("d", ack(2, "")))},
		{"low after high that came soon", onCourse(pub(1, "y"), told(1, 5), after(34, ranked(1, pub(2, "y"))), after(40, at("y", got(2, ""))), after(40, at("y", got(1, ""))), at("y", ack(1, "")))},
		{"by delay", onCourse(kept(20, pub(1, "p")), kept(10, pub(2, "p")), after(10, at("p", got(2, ""))), after(20, at("p", got(1, ""))), die, after(20, at("p", got(1, ""))))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, f := range check(tt.events) {
				t.Error(f)
			}
		})
	}
}

// Every fault of a broker that lets messages die is found.
func TestCheckersFindFaultsOfDeaths(t *testing.T) {
	const (
		isBackward = "what has gone on does not come back"
		isUntrue   = "x-death is the way it went"
		isEarly    = "nothing goes on before its time"
		isRefused  = "what is refused is not there"
		isTried    = "nothing is tried too often"
		isMingled  = "a group is with one consumer, in order"
		isRepeat   = "duplicates are dropped"
		isStarved  = "what has waited long enough goes first"
	)
	rejected, expired := died("a", "rejected", 1), died("a", "expired", 1)
	maxlen, limit := died("a", "maxlen", 1), died("a", "delivery_limit", 1)
	for _, tt := range []struct {
		name, want string
		events     []event
	}{
		{"a letter is lost", isLost, onCourse(pub(1, "a"), ok(1), at("a", got(1, "")), at("a", reject(1)))},
		{"a letter is lost after a crash", isLost, onCourse(pub(1, "a"), ok(1), at("a", got(1, "")), at("a", reject(1)), at("a.dead", got(1, ""), rejected), die)},
		{"what expired is lost", isLost, onCourse(pub(1, "a"), ok(1), die)},
		{"half of a transaction has died", isHalf, onCourse(inTx(9, 1, "a"), inTx(9, 2, "o"), try(9), die, after(20, at("a.dead", got(1, ""), expired)), at("a.dead", ack(1, ""), expired))},
		{"two letters of one", isDouble, onCourse(pub(1, "a"), at("a.dead", got(1, ""), maxlen), at("a.dead", got(1, ""), maxlen), at("a.dead", ack(1, ""), maxlen))},
		{"two letters, and one was settled", isBack, onCourse(pub(1, "a"), at("a.dead", got(1, ""), maxlen), at("a.dead", ack(1, ""), maxlen), at("a.dead", again(1, ""), maxlen))},
		{"the letter was settled, and the message is still there", isBack, onCourse(pub(1, "a"), at("a.dead", got(1, ""), maxlen), at("a.dead", ack(1, ""), maxlen), fenced(), die, at("a", got(1, "")), at("a", ack(1, "")))},
		{"a letter, and the message as well", isBackward, onCourse(pub(1, "a"), at("a.dead", got(1, ""), maxlen), at("a", got(1, "")), at("a", ack(1, "")))},
		{"rejected, and back", isBackward, onCourse(pub(1, "a"), at("a", got(1, "")), at("a", reject(1)), at("a", again(1, "")), at("a", ack(1, "")))},
		{"rejected in a transaction, and back", isBackward, onCourse(pub(1, "a"), at("a", got(1, "")), in(9, at("a", reject(1))), try(9), ok(9), at("a", again(1, "")), at("a", ack(1, "")))},
		{"letters out of order", isOrder, onCourse(pub(1, "a"), pub(2, "a"), at("a.dead", got(2, ""), maxlen), at("a.dead", got(1, ""), maxlen), die, at("a.dead", again(1, ""), maxlen), at("a.dead", again(2, ""), maxlen))},
		{"a level out of order", isOrder, onCourse(ranked(3, pub(1, "p")), ranked(4, pub(2, "p")), at("p", got(2, "")), at("p", got(1, "")))},
		{"a delay out of order", isOrder, onCourse(kept(1, pub(1, "p")), kept(1, pub(2, "p")), after(1, at("p", got(2, ""))), after(1, at("p", got(1, ""))))},
		{"no reject, and died of it", isUntrue, onCourse(pub(1, "a"), at("a.dead", got(1, ""), rejected))},
		{"one reject, and died twice", isUntrue, onCourse(pub(1, "o"), at("o", got(1, "")), at("o", reject(1)), after(20, at("o", got(1, ""), died("o.wait", "expired", 2), died("o", "rejected", 2))))},
		{"a round without its end", isUntrue, onCourse(pub(1, "o"), at("o", got(1, "")), at("o", reject(1)), at("o", got(1, ""), died("o", "rejected", 1)))},
		{"uneven rounds", isUntrue, onCourse(pub(1, "o"), at("o", got(1, "")), at("o", reject(1)), after(20, at("o", got(1, ""), died("o.wait", "expired", 2), died("o", "rejected", 1))))},
		{"two entries of one kind", isUntrue, onCourse(pub(1, "a"), after(40, at("a.dead", got(1, ""), expired, expired)))},
		{"died twice of two things", isUntrue, onCourse(pub(1, "a"), after(20, at("a.dead", got(1, ""), expired, maxlen)))},
		{"a letter that has not died", isUntrue, onCourse(pub(1, "a"), at("a.dead", got(1, "")))},
		{"died where nothing dies", isUntrue, onCourse(pub(1, "a"), at("a.dead", got(1, ""), died("a.dead", "maxlen", 1)))},
		{"died of what it cannot die of", isUntrue, onCourse(pub(1, "p"), at("p.dead", got(1, ""), died("p", "maxlen", 1)))},
		{"expired too early", isEarly, onCourse(pub(1, "a"), after(19, at("a.dead", got(1, ""), expired)))},
		{"due too early", isEarly, onCourse(kept(10, pub(1, "p")), after(9, at("p", got(1, ""))))},
		{"refused, and there", isRefused, onCourse(pub(1, "f"), nacked(1), at("f", got(1, "")))},
		{"refused, and in the queue as well", isRefused, onCourse(pub(1, "s"), nacked(1), at("s", got(1, "")))},
		{"accepted, and the letter of a refusal", isRefused, onCourse(pub(1, "s"), ok(1), at("s.dead", got(1, ""), died("s", "maxlen", 1)), at("s.dead", ack(1, ""), died("s", "maxlen", 1)))},
		{"a lower priority first", isRank, onCourse(ranked(1, pub(1, "p")), ranked(2, pub(2, "p")), drained(at("p", got(1, ""))), drained(at("p", got(2, ""))))},
		{"a group at two consumers", isMingled, onCourse(of("x", pub(1, "g")), of("x", pub(2, "g")), at("g", got(1, "")), by("b", at("g", got(2, ""))))},
		{"a group out of order", isMingled, onCourse(of("x", pub(1, "g")), of("x", pub(2, "g")), at("g", got(2, "")), at("g", got(1, "")))},
		{"a group out of order at two consumers", isMingled, onCourse(of("x", pub(1, "g")), of("x", pub(2, "g")), at("g", got(2, "")), at("g", ack(2, "")), by("b", at("g", got(1, ""))))},
		{"a successor before what was left", isMingled, onCourse(of("x", pub(1, "g")), of("x", pub(2, "g")), closes("g"), by("b", at("g", got(2, ""))), by("b", at("g", again(1, ""))))},
		{"a duplicate is there", isRepeat, onCourse(like("x", pub(1, "d")), ok(1), like("x", pub(2, "d")), ok(2), at("d", got(1, "")), at("d", ack(1, "")), at("d", got(2, "")))},
		{"a duplicate in a transaction is there", isRepeat, onCourse(like("x", inTx(9, 1, "d")), like("x", inTx(9, 2, "d")), try(9), ok(9), at("d", got(1, "")), at("d", ack(1, "")), at("d", got(2, "")))},
		{"the first of duplicates is lost", isLost, onCourse(like("x", pub(1, "d")), ok(1), like("x", pub(2, "d")), ok(2), die)},
		{"low after high that came late", isStarved, onCourse(pub(1, "y"), told(1, 5), after(36, ranked(1, pub(2, "y"))), after(40, at("y", got(2, ""))), after(40, at("y", got(1, ""))), at("y", ack(1, "")))},
		{"marked, and not marked as if another had come", isDouble, onCourse(kept(1, pub(1, "p")), die, after(1, at("p", again(1, ""))), after(1, at("p", got(1, ""))))},
		{"tried three times", isTried, onCourse(pub(1, "a"), at("a", got(1, "")), at("a", again(1, "")), at("a", again(1, "")), at("a.dead", got(1, ""), limit))},
	} {
		t.Run(tt.name, func(t *testing.T) { onlyFinds(t, tt.want, tt.events) })
	}
}
