package model

import (
	"context"
	"errors"
	"flag"
	"net"
	"os"
	"slices"
	"strconv"
	"testing"
	"testing/synctest"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/broker"
)

var (
	addr      = flag.String("addr", "", "play to the RabbitMQ 3.10.8 at this address instead of leveret")
	restarter = flag.String("restarter", "", "shell command that restarts what is at -addr; if there is none, it stays")
)

// TestMain sets how much rapid does, unless the command line says so: by default
// what it did the last time, so that a failure is one of the change at hand.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{
		"rapid.checks": "1000", "rapid.steps": "60", "rapid.nofailfile": "true", "rapid.shrinktime": "1ms", "rapid.seed": "1",
	} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	flag.Parse()
	goleak.VerifyTestMain(m)
}

func TestRandomSequencesAreAnsweredAsTheModelSays(t *testing.T) {
	check(t, "")
}

// TestRandomSequencesSurviveRestarts plays a tenth as many as those in memory.
func TestRandomSequencesSurviveRestarts(t *testing.T) {
	if *addr != "" {
		t.Skip("is among the others where a restart is")
	}
	checks := flag.Lookup("rapid.checks").Value
	all := checks.String()
	defer func() { _ = checks.Set(all) }()
	if n, err := strconv.Atoi(all); err != nil || checks.Set(strconv.Itoa((n+9)/10)) != nil {
		t.Fatal(err)
	}
	check(t, t.TempDir())
}

func check(t *testing.T, dir string) {
	var first outcome
	played, steps, lost := 0, 0, 0
	defer func() {
		if first.difference != "" && *addr == "" {
			first.print(t, dir)
		}
	}()
	rapid.Check(t, func(r *rapid.T) {
		var o outcome
		inBubble(t, func() { o = sequence(r, dir, "") })
		played, steps = played+1, steps+len(o.steps)
		if o.lost {
			lost++
		}
		if o.difference != "" {
			if first.difference == "" {
				first = o
			}
			r.Fatal("the answers differ from what the model says") // always the same text, for what differs has names that the broker makes
		}
	})
	t.Logf("%d sequences of %d steps; %d ended early, with more that may be the case than is looked at", played, steps, lost)
	if most := 2 + played/50; lost > most {
		t.Errorf("%d of %d sequences ended early, no more than %d should", lost, played, most)
	}
}

// outcome is what came of a sequence.
type outcome struct {
	game
	steps      []step
	difference string
	lost       bool // too much may be the case: nothing more was said
}

// print prints a sequence that fails, and what of it is enough to fail.
func (o outcome) print(t *testing.T, dir string) {
	t.Logf("%+v\n%s\n%s", o.game, script(o.steps), o.difference)
	steps := shorten(t, dir, o.game, o.steps)
	inBubble(t, func() { t.Logf("made shorter:\n%s\n%s", script(steps), replay(t, dir, o.game, steps)) })
}

// inBubble has time stand still while anybody does anything, so that nothing is
// left to come when all wait. A RabbitMQ is not in it.
func inBubble(t *testing.T, do func()) {
	if *addr != "" {
		do()
		return
	}
	var thrown any
	synctest.Test(t, func(*testing.T) {
		defer func() { thrown = recover() }()
		do()
	})
	if thrown != nil {
		panic(thrown)
	}
}

// game is what a sequence is about.
type game struct {
	wrong   string // rule of the model
	journal int64  // size; 0: all that is durable has room in it
	batches bool
}

// sequence plays one sequence to a new broker, up to the first difference. With
// a directory the broker keeps below it what is durable.
func sequence(t *rapid.T, dir, wrong string) (o outcome) {
	o.wrong = wrong
	if dir != "" && rapid.Bool().Draw(t, "small journal") {
		o.journal = 1
	}
	if o.batches = *addr == "" && !slices.Contains(slices.Concat(featureFaults, durableFeatureFaults), wrong); o.batches && wrong == "" {
		o.batches = rapid.Bool().Draw(t, "batches")
	}
	tb := newTable(t, dir, o.game)
	defer tb.clear()
	body := 0
	steps := rapid.Custom(func(t *rapid.T) step { return drawer{T: t, w: tb.worlds[0], body: &body}.step() })
	t.Repeat(map[string]func(*rapid.T){"": func(*rapid.T) {}, "step": func(t *rapid.T) {
		if o.difference == "" && !o.lost {
			s := steps.Draw(t, "step")
			o.steps = append(o.steps, s)
			o.difference = tb.play(s)
			o.lost = len(tb.worlds) == 0
		}
	}})
	return o
}

// table is a broker with the connections to it and the model of both.
type table struct {
	broker  *broker.Broker // nil: it is elsewhere
	dir     string         // has the data, in one directory after the other; "": they are in memory, or elsewhere
	life    int            // which of them
	journal int64          // its size, if it is not the usual one
	began   time.Time      // when the broker did
	worlds  worlds
	links   map[string]*link
}

// newTable begins with a broker. One whose journal is small goes on moving what
// it has to other files, and cannot be copied as it is at one moment.
func newTable(t interface{ Fatal(...any) }, dir string, g game) *table {
	w := newWorld()
	w.rabbit = *addr != ""
	w.memory = *addr == "" && dir == ""
	w.kills = *addr == "" && g.journal == 0
	w.wrong, w.batches, w.features = g.wrong, g.batches, !g.batches
	tb := &table{worlds: worlds{w}, links: map[string]*link{}, journal: g.journal}
	if *addr != "" {
		return tb
	}
	var err error
	if dir != "" {
		tb.dir, err = os.MkdirTemp(dir, "")
	}
	if err = errors.Join(err, tb.start()); err != nil {
		t.Fatal(err)
	}
	return tb
}

// play carries out a step and returns what differs.
func (tb *table) play(s step) (difference string) {
	if err := tb.pass(max(s.wait, time.Millisecond)); err != nil {
		return err.Error()
	}
	if s.restart != stays {
		return tb.restart(s)
	}
	if p := s.policy; p != nil {
		if err := errors.Join(tb.setPolicy(p), tb.gather(0)); err != nil {
			return err.Error()
		}
		return tb.compare(func(came inbox) (worlds, string) { return tb.worlds.SetPolicy(*p, came) })
	}
	if r := s.redrive; r != nil {
		moved, err := tb.broker.Redrive(context.Background(), "/", r.queue, broker.RedriveOptions{Count: r.count})
		if err = errors.Join(err, tb.gather(0)); err != nil {
			return err.Error()
		}
		return tb.compare(func(came inbox) (worlds, string) { return tb.worlds.Redrive(r.queue, r.count, moved, came) })
	}
	if s.connect {
		if err := tb.connect(s.conn, s.notify); err != nil {
			return err.Error()
		}
	}
	if err := tb.exchange(s); err != nil {
		return err.Error()
	}
	return tb.compare(func(came inbox) (worlds, string) { return tb.worlds.Take(s.conn, s.batch, came) })
}

// setPolicy sets a policy, or takes it away if there is one.
func (tb *table) setPolicy(p *policy) error {
	set, drop := tb.broker.SetPolicy, tb.broker.DeletePolicy
	if p.operator {
		set, drop = tb.broker.SetOperatorPolicy, tb.broker.DeleteOperatorPolicy
	}
	if len(p.definition) > 0 {
		return set("/", broker.Policy{
			Name: p.name, Pattern: p.pattern.String(), ApplyTo: p.applyTo, Priority: p.priority, Definition: p.definition,
		})
	}
	if err := drop("/", p.name); !errors.Is(err, broker.ErrPolicyNotFound) {
		return err
	}
	return nil
}

// pass lets time pass.
func (tb *table) pass(d time.Duration) error {
	if tb.broker == nil {
		return nil
	}
	<-time.After(d)
	return tb.gather(0)
}

// compare takes what has come for granted, or has the model look at it. It may be
// that something of it is late.
func (tb *table) compare(look func(came inbox) (worlds, string)) (difference string) {
	ws, difference := look(tb.inbox())
	if difference != "" && tb.broker == nil {
		if err := tb.gather(patience / 10); err != nil {
			return err.Error()
		}
		ws, difference = look(tb.inbox())
	}
	tb.worlds = ws
	for _, l := range tb.links {
		clear(l.in)
	}
	return difference
}

func (tb *table) inbox() inbox {
	came := inbox{}
	for _, l := range tb.links {
		came[l.name] = l.in
	}
	return came
}

func (tb *table) connect(name string, notify bool) error {
	conn, gone, err := tb.dial()
	if err != nil {
		return err
	}
	l := newLink(name, conn, gone)
	for _, w := range tb.worlds {
		w.connect(name, notify)
	}
	tb.links[name] = l
	return l.handshake(notify)
}

func (tb *table) dial() (net.Conn, <-chan struct{}, error) {
	if tb.broker == nil {
		conn, err := net.Dial("tcp", *addr)
		return conn, nil, err
	}
	ours, theirs := net.Pipe()
	gone := make(chan struct{})
	go func() {
		defer close(gone)
		tb.broker.ServeConn(theirs)
	}()
	return ours, gone, nil
}

// exchange sends a batch and gathers all that it causes anywhere.
func (tb *table) exchange(s step) error {
	l := tb.links[s.conn]
	var b []byte
	for _, cmd := range s.batch {
		if cmd.method == nil {
			if err := l.drop(); err != nil {
				return err
			}
			return tb.gather(calm)
		}
		b = append(b, cmd.bytes()...)
	}
	if err := l.write(b); err != nil && len(b) > 0 {
		return err
	}
	for _, l := range tb.links {
		if tb.broker != nil || l.ended {
			continue
		}
		if err := errors.Join(l.write(roundTrip), l.barrier()); err != nil {
			return err
		}
	}
	return tb.gather(calm)
}

// gather gathers what comes until nothing does any more: in a bubble that is
// known, elsewhere a silence tells.
func (tb *table) gather(silence time.Duration) error {
	for again := true; again; {
		again = false
		if tb.broker != nil {
			synctest.Wait()
			silence = 0
		}
		for _, l := range tb.links {
			some, err := l.settle(silence)
			if err != nil {
				return err
			}
			if again = again || some; tb.broker == nil {
				silence = time.Millisecond // all are waited for at the same time
			}
		}
	}
	return nil
}

// clear ends all connections, and the broker; from one that is elsewhere it
// takes what the sequence has declared.
func (tb *table) clear() {
	for _, l := range tb.links {
		_ = l.drop()
	}
	if tb.broker != nil {
		if err := tb.broker.Shutdown(context.Background()); err != nil {
			panic(err)
		}
		if err := os.RemoveAll(tb.dir); err != nil {
			panic(err)
		}
		return
	}
	tb.links = map[string]*link{}
	if err := tb.connect("janitor", false); err != nil {
		panic(err)
	}
	l := tb.links["janitor"]
	b := amqp.AppendMethod(nil, 1, &amqp.ChannelOpen{})
	for _, name := range []string{"q1", "q2", "q3", "q4"} {
		b = amqp.AppendMethod(b, 1, &amqp.QueueDelete{Queue: *prefix + name, NoWait: true})
	}
	for _, q := range tb.worlds[0].queues {
		b = amqp.AppendMethod(b, 1, &amqp.QueueDelete{Queue: q.name, NoWait: true})
	}
	for _, name := range []string{"x1", "x2", "x3", "x4"} {
		b = amqp.AppendMethod(b, 1, &amqp.ExchangeDelete{Exchange: *prefix + name, NoWait: true})
	}
	if err := l.write(amqp.AppendMethod(b, 1, &amqp.ChannelClose{})); err != nil {
		panic(err)
	}
	for {
		if f, err := l.frame(patience); err != nil {
			panic(err)
		} else if id, _ := amqp.PayloadID(f.Payload); id == (&amqp.ChannelCloseOk{}).ID() {
			break
		}
	}
	_ = l.drop()
}
