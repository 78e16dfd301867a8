package crash

import (
	"slices"
	"strings"
	"testing"
)

// Histories are written with these: life 1 goes until the first die, and so on.
func pub(id uint64, queues ...string) event {
	return event{Kind: publish, Unit: id, ID: id, Queues: queues, Hash: "h"}
}

func inTx(unit, id uint64, queues ...string) event {
	return event{Kind: publish, Unit: unit, ID: id, Queues: queues, Hash: "h", Tx: true}
}

func try(unit uint64) event { return event{Kind: commit, Unit: unit} }
func ok(unit uint64) event  { return event{Kind: confirm, Unit: unit} }

func got(id uint64, queue string) event {
	return event{Kind: deliver, Who: "c", ID: id, Queues: []string{queue}, Hash: "h"}
}

func again(id uint64, queue string) event {
	e := got(id, queue)
	e.Redelivered = true
	return e
}

func ack(id uint64, queue string) event {
	return event{Kind: settle, Who: "c", ID: id, Queues: []string{queue}}
}

func ackTx(unit, id uint64, queue string) event {
	e := ack(id, queue)
	e.Unit = unit
	return e
}

func by(who string, e event) event {
	e.Who = who
	return e
}

func transient(e event) event {
	e.Transient = true
	return e
}

func ask(unit uint64, effects ...effect) event {
	return event{Kind: change, Unit: unit, Effects: effects}
}

func answered(unit uint64) event     { return event{Kind: done, Unit: unit} }
func found(name, value string) event { return event{Kind: seen, Effects: []effect{{name, value}}} }
func to(name, value string) effect   { return effect{name, value} }
func closes(queues ...string) event  { return event{Kind: leave, Who: "c", Queues: queues} }
func gives(id uint64, q string) event {
	return event{Kind: requeue, Who: "c", ID: id, Queues: []string{q}}
}
func fenced() event { return event{Kind: fence, Who: "c"} }

// die ends a life.
var die = event{Kind: "die"}

// story numbers the lives.
func story(events ...event) []event {
	life, out := 1, []event{}
	for _, e := range events {
		if e.Kind == die.Kind {
			life++
			continue
		}
		e.Life = life
		out = append(out, e)
	}
	return out
}

// What may happen is no fault.
func TestCheckersAcceptWhatMayHappen(t *testing.T) {
	for _, tt := range []struct {
		name   string
		events []event
	}{
		{"delivered and settled", story(pub(1, "q"), ok(1), got(1, "q"), ack(1, "q"))},
		{"confirmed after the delivery", story(pub(1, "q"), got(1, "q"), ack(1, "q"), ok(1))},
		{"not confirmed and lost", story(pub(1, "q"), die)},
		{"not confirmed and there", story(pub(1, "q"), die, got(1, "q"), ack(1, "q"))},
		{"not settled and back", story(pub(1, "q"), ok(1), got(1, "q"), die, again(1, "q"), ack(1, "q"))},
		{"settled, and the ack was lost", story(pub(1, "q"), ok(1), got(1, "q"), ack(1, "q"), die, again(1, "q"), ack(1, "q"))},
		{"given back", story(pub(1, "q"), ok(1), got(1, "q"), gives(1, "q"), again(1, "q"), ack(1, "q"))},
		{"given back after its successor had come", story(pub(1, "q"), pub(2, "q"), got(1, "q"), got(2, "q"), gives(1, "q"), again(1, "q"), ack(1, "q"), ack(2, "q"))},
		{"two publishers interleaved", story(pub(1, "q"), pub(1<<40, "q"), got(1<<40, "q"), got(1, "q"))},
		{"two consumers, each in order", story(pub(1, "q"), pub(2, "q"), by("d", got(2, "q")), got(1, "q"), die, again(1, "q"), again(2, "q"))},
		{"a consumer has left what was on its way", story(pub(1, "q"), pub(2, "q"), closes("q"), by("d", got(2, "q")), by("d", again(1, "q")))},
		{"settled when the broker had begun to stop", story(pub(1, "q"), got(1, "q"), by(everybody, closes("q")), ack(1, "q"), again(1, "q"), ack(1, "q"))},
		{"settled just before the broker stopped", story(pub(1, "q"), got(1, "q"), ack(1, "q"), by(everybody, closes("q")), again(1, "q"), ack(1, "q"))},
		{"noted by the second consumer first", story(pub(1, "q"), closes("q"), by("d", again(1, "q")), got(1, "q"), by("d", ack(1, "q")))},
		{"a fanout that is whole", story(pub(1, "q", "r"), die, again(1, "q"), again(1, "r"), ack(1, "q"), ack(1, "r"))},
		{"a fanout that was half consumed before the end", story(pub(1, "q", "r"), got(1, "q"), ack(1, "q"), die, again(1, "r"), ack(1, "r"))},
		{"a fanout that was half consumed and is gone", story(pub(1, "q", "r"), got(1, "q"), ack(1, "q"), die)},
		{"a transaction that was not committed", story(inTx(9, 1, "q"), die)},
		{"a transaction in doubt that is there", story(inTx(9, 1, "q"), inTx(9, 2, "r"), try(9), die, got(1, "q"), got(2, "r"), ack(1, "q"), ack(2, "r"))},
		{"a move in doubt that is there", story(pub(1, "q"), ok(1), got(1, "q"), inTx(9, 2, "r"), ackTx(9, 1, "q"), try(9), die, got(2, "r"), ack(2, "r"))},
		{"a move in doubt that is not", story(pub(1, "q"), ok(1), got(1, "q"), inTx(9, 2, "r"), ackTx(9, 1, "q"), try(9), die, again(1, "q"), ack(1, "q"))},
		{"a move that was committed", story(pub(1, "q"), ok(1), got(1, "q"), inTx(9, 2, "r"), ackTx(9, 1, "q"), try(9), ok(9), die, got(2, "r"), ack(2, "r"))},
		{"transient and gone", story(transient(pub(1, "q")), ok(1), die)},
		{"a queue that was declared", story(ask(1, to("q", "0")), answered(1), die, found("q", "0"))},
		{"a queue in doubt that is there", story(ask(1, to("q", "0")), die, found("q", "0"))},
		{"a queue in doubt that is not", story(ask(1, to("q", "0")), die, found("q", ""))},
		{"a purge in doubt that is whole", story(ask(1, to("q", "3")), answered(1), ask(2, to("q", "0")), die, found("q", "0"))},
		{"a delete in doubt, with what was bound", story(ask(1, to("x", "is"), to("b", "is")), answered(1), ask(2, to("x", ""), to("b", "")), die, found("x", ""), found("b", ""))},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for _, f := range check(tt.events) {
				t.Error(f)
			}
		})
	}
}

// Which checker has found something.
const (
	isLost     = "nothing confirmed is lost"
	isInvented = "nothing is invented"
	isDouble   = "no duplicate without redelivered"
	isBack     = "what is settled stays settled"
	isOrder    = "first deliveries are in the order of publishing"
	isHalf     = "units are whole"
	isRank     = "higher priorities come first"
	isOld      = "transient messages end with the broker"
	isTopology = "the topology is as acknowledged"
)

// Every fault is found, by the checker for it and by no other.
func TestCheckersFindFaults(t *testing.T) {
	wrong := func(e event) event {
		e.Hash = "other"
		return e
	}
	for _, tt := range []struct {
		name, want string
		events     []event
	}{
		{"confirmed and never delivered", isLost, story(pub(1, "q"), ok(1), die)},
		{"confirmed, delivered, not settled, and gone", isLost, story(pub(1, "q"), ok(1), got(1, "q"), die)},
		{"given back and gone", isLost, story(pub(1, "q"), ok(1), got(1, "q"), gives(1, "q"))},
		{"one of two queues lost it", isLost, story(pub(1, "q", "r"), ok(1), got(1, "q"), ack(1, "q"))},
		{"a committed publish is lost", isLost, story(inTx(9, 1, "q"), try(9), ok(9), die)},
		{"a move that did not happen has lost its source", isLost, story(
			pub(1, "q"), ok(1), got(1, "q"), inTx(9, 2, "r"), ackTx(9, 1, "q"), try(9), die)},
		{"settled only in a transaction that was never committed, and gone", isLost, story(pub(1, "q"), ok(1), got(1, "q"), ackTx(9, 1, "q"), die)},
		{"never published", isInvented, story(got(1, "q"))},
		{"not published there", isInvented, story(pub(1, "q"), got(1, "q"), ack(1, "q"), got(1, "r"))},
		{"another body", isInvented, story(pub(1, "q"), ok(1), wrong(got(1, "q")), ack(1, "q"))},
		{"of a transaction never committed", isInvented, story(inTx(9, 1, "q"), got(1, "q"), ack(1, "q"))},
		{"twice, not marked", isDouble, story(pub(1, "q"), got(1, "q"), gives(1, "q"), got(1, "q"), ack(1, "q"))},
		{"marked, and not marked after a restart", isDouble, story(pub(1, "q"), again(1, "q"), die, got(1, "q"), ack(1, "q"))},
		{"twice, not marked after a restart", isDouble, story(pub(1, "q"), got(1, "q"), die, got(1, "q"), ack(1, "q"))},
		{"a second time in the life in which it was settled", isBack, story(pub(1, "q"), got(1, "q"), ack(1, "q"), again(1, "q"), ack(1, "q"))},
		{"back before the broker stopped", isBack, story(pub(1, "q"), got(1, "q"), ack(1, "q"), again(1, "q"), by(everybody, closes("q")), ack(1, "q"))},
		{"back after a fence", isBack, story(pub(1, "q"), got(1, "q"), ack(1, "q"), fenced(), die, again(1, "q"), ack(1, "q"))},
		{"back after a commit", isBack, story(pub(1, "q"), got(1, "q"), ackTx(9, 1, "q"), try(9), ok(9), die, again(1, "q"), ack(1, "q"))},
		{"out of order", isOrder, story(pub(1, "q"), pub(2, "q"), got(2, "q"), got(1, "q"), ack(1, "q"), ack(2, "q"))},
		{"out of order after a restart", isOrder, story(pub(1, "q"), pub(2, "q"), got(1, "q"), got(2, "q"), die, again(2, "q"), again(1, "q"))},
		{"out of order, though a consumer has left", isOrder, story(pub(1, "q"), pub(2, "q"), closes("q"), got(2, "q"), got(1, "q"))},
		{"half of a fanout", isHalf, story(pub(1, "q", "r"), die, again(1, "q"), ack(1, "q"))},
		{"half of a transaction", isHalf, story(inTx(9, 1, "q"), inTx(9, 2, "r"), try(9), die, got(2, "r"), ack(2, "r"))},
		{"a move in doubt that is at both ends", isHalf, story(
			pub(1, "q"), ok(1), got(1, "q"), inTx(9, 2, "r"), ackTx(9, 1, "q"), try(9), die, got(2, "r"), ack(2, "r"), again(1, "q"), ack(1, "q"))},
		{"transient and back", isOld, story(transient(pub(1, "q")), ok(1), die, again(1, "q"), ack(1, "q"))},
		{"a queue that was declared is not there", isTopology, story(ask(1, to("q", "0")), answered(1), die, found("q", ""))},
		{"a queue that was deleted is back", isTopology, story(ask(1, to("q", "0")), answered(1), ask(2, to("q", "")), answered(2), die, found("q", "0"))},
		{"a purge that was answered is not exact", isTopology, story(ask(1, to("q", "3")), answered(1), ask(2, to("q", "0")), answered(2), die, found("q", "1"))},
		{"half of a purge", isTopology, story(ask(1, to("q", "3")), answered(1), ask(2, to("q", "0")), die, found("q", "1"))},
		{"half of a delete", isTopology, story(
			ask(1, to("x", "is"), to("b", "is")), answered(1), ask(2, to("x", ""), to("b", "")), die, found("x", "is"), found("b", ""))},
		{"what was in doubt comes and goes", isTopology, story(ask(1, to("q", "0")), die, found("q", "0"), die, found("q", ""))},
	} {
		t.Run(tt.name, func(t *testing.T) { onlyFinds(t, tt.want, tt.events) })
	}
}

func onlyFinds(t *testing.T, want string, events []event) {
	t.Helper()
	faults := check(events)
	if len(faults) == 0 {
		t.Fatal("nothing is found")
	}
	if i := slices.IndexFunc(faults, func(f string) bool { return !strings.HasPrefix(f, want+": ") }); i >= 0 {
		t.Errorf("found %q, want only that %s", faults[i], want)
	}
}
