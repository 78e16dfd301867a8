package oracle

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A Player plays scenarios to one broker.
type Player struct {
	// Addr is the broker's address.
	Addr string
	// Run tells the names of this play from those of others: three letters.
	Run string
	// Restart ends the broker, in good order or not, and begins it again at the
	// same address; nil if that cannot be done.
	Restart func(kill bool) error
	// SetPolicy sets or clears a policy, and returns why the broker refuses it;
	// nil if that cannot be done.
	SetPolicy func(Policy) error
	// Operate gives the broker's operator an order, in the words of rabbitmqctl,
	// and returns why it is refused; nil if that cannot be done.
	Operate func(words []string) error
}

// Play plays a scenario and returns it with the answers that came. number
// tells scenarios of one play apart. What the scenario declared is deleted
// again. The error is a fault of the script or of the way to the broker; what
// the broker answers is never an error.
func (pl Player) Play(ctx context.Context, s *Scenario, number int) (*Scenario, error) {
	g := &game{
		ctx: ctx, addr: pl.Addr, again: pl.Restart, setPolicy: pl.SetPolicy, ctl: pl.Operate, prefix: fmt.Sprintf("o%.3s%03d.", pl.Run, number),
		peers: map[string]*peer{}, vars: map[string]string{},
	}
	defer g.cleanUp()
	played := *s
	played.Steps = slices.Clone(s.Steps)
	last := -1
	for i := range played.Steps {
		st := &played.Steps[i]
		st.Answer = nil
		if !st.Order() {
			continue
		}
		last = i
		g.recorded = s.Steps[i].Answer
		if err := g.step(st.Line); err != nil {
			return nil, fmt.Errorf("%s: %w", st.Line, err)
		}
		st.Answer = g.answer()
	}
	if last >= 0 {
		g.finish()
		played.Steps[last].Answer = append(played.Steps[last].Answer, g.answer()...)
	}
	return &played, nil
}

// game is a scenario while it is played.
type game struct {
	ctx    context.Context
	addr   string
	again  func(kill bool) error
	prefix string // what % stands for
	peers  map[string]*peer
	order  []*peer
	vars   map[string]string // $queue, $ctag, $reply1: names that the broker made up
	events []event           // of the present step

	recorded []string // what came at the present step when it was recorded

	replies []string // the reply names that came

	queues, exchanges []string // declared, to be deleted

	setPolicy func(Policy) error
	policies  []Policy // that clear those that were set

	ctl  func(words []string) error
	undo [][]string // takes away what the operator has added
}

// order is a step taken apart.
type order struct {
	p       *peer
	channel uint16
	verb    string
	args    []string
	nowait  bool // the line ended with &
}

// step carries out one line.
func (g *game) step(line string) error {
	if how, is := restartOf(line); is {
		return g.restart(how)
	}
	if p, rest, is := policyOf(line); is {
		return g.policy(p, rest)
	}
	if rest, is := orderOf(line); is {
		return g.operate(rest)
	}
	name, o, err := takeApart(g.expand(line))
	if err != nil {
		return err
	}
	if o.verb == "dial" || slices.Contains(stages, o.verb) {
		if o.p, err = dial(g.ctx, g.addr, name); err != nil {
			return err
		}
		g.peers[name] = o.p
		g.order = append(g.order, o.p)
	} else if o.p = g.peers[name]; o.p == nil {
		return fmt.Errorf("no connection %s", name)
	}
	if do, ok := verbs[o.verb]; ok {
		return do(g, o)
	}
	return g.call(o)
}

// takeApart returns the name of a line's connection, and its order, in which
// the connection itself is still missing.
func takeApart(line string) (name string, o order, err error) {
	words, err := splitWords(line)
	if err != nil {
		return "", o, err
	}
	if len(words) < 2 {
		return "", o, fmt.Errorf("a step names a connection and what to do")
	}
	o.verb, o.args = words[1], words[2:]
	if n, err := strconv.ParseUint(words[1], 10, 16); err == nil && len(words) > 2 {
		o.channel, o.verb, o.args = uint16(n), words[2], words[3:]
	}
	if n := len(o.args); n > 0 && o.args[n-1] == "&" {
		o.args, o.nowait = o.args[:n-1], true
	}
	return words[0], o, nil
}

// expand puts in what the signs % and $name stand for.
func (g *game) expand(line string) string {
	line = strings.ReplaceAll(line, "%", g.prefix)
	for name, value := range g.vars {
		line = strings.ReplaceAll(line, "$"+name, value)
	}
	return line
}

// gather records events of p until one of them is the last, or nothing comes
// any more. It returns the last event.
func (g *game) gather(p *peer, timeout time.Duration, last func(event) bool) event {
	timer := time.NewTimer(timeout)
	defer timer.Stop()
	for {
		e := p.next(timer.C)
		if e.end != "" {
			e.lines = []string{e.end}
			g.record(p, e)
			return e
		}
		g.record(p, e)
		if last(e) {
			return e
		}
	}
}

// record keeps an event for the transcript and notes the names in it.
func (g *game) record(p *peer, e event) {
	g.learn(e)
	if word, covered := p.confirmed(&e); len(covered) > 0 {
		e.confirmed, e.covered, e.lines = word, covered, nil
	}
	g.events = append(g.events, e)
}

// finish ends all connections that are open, and records what still comes.
func (g *game) finish() {
	for _, p := range g.order {
		g.leave(p)
	}
}

// leave ends one connection: with a handshake, and a look at what was left, if
// the connection was open.
func (g *game) leave(p *peer) {
	if p.dead {
		p.shut(false)
		return
	}
	p.hold, p.held = false, nil
	if p.opened && !p.bye {
		before := len(g.events)
		p.send(methodFrame(0, "connection.close", "reply-code=200", "reply-text=bye"))
		last := g.gather(p, patience, func(e event) bool { return e.is("connection.close-ok") })
		if last.is("connection.close-ok") {
			g.events = g.events[:len(g.events)-1]
		}
		g.events = slices.DeleteFunc(g.events, func(e event) bool { return e.beat })
		for i := before; i < len(g.events); i++ {
			g.events[i].left = p.name
		}
	} else if p.bye {
		p.send(methodFrame(0, "connection.close-ok"))
	}
	p.shut(false)
}
