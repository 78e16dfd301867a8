package oracle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
)

// verbs are the orders that are not methods; doc.go describes them.
var verbs = map[string]func(*game, order) error{
	"dial":    func(*game, order) error { return nil },
	"start":   (*game).open,
	"login":   (*game).open,
	"tune":    (*game).open,
	"open":    (*game).open,
	"bytes":   (*game).bytes,
	"frame":   (*game).frame,
	"method":  (*game).method,
	"header":  (*game).header,
	"body":    (*game).body,
	"wait":    (*game).wait,
	"confirm": (*game).confirm,
	"silence": (*game).silence,
	"skip":    (*game).skip,
	"closed":  (*game).closed,
	"until":   (*game).until,
	"drain":   (*game).drain,
	"reopen":  (*game).reopen,
	"close":   (*game).close,
	"drop":    (*game).drop,
	"raw":     (*game).raw,
	"verbose": (*game).verbose,
	"hold":    (*game).hold,
	"flush":   (*game).flush,
}

// wait records the next event, or the next n.
func (g *game) wait(o order) error {
	n, span, err := countAndSpan(o.args)
	if err != nil {
		return err
	}
	timeout := o.p.patience()
	if span.to > 0 {
		timeout = span.patience()
	}
	g.gather(o.p, timeout, func(event) bool { n--; return n <= 0 })
	span.check(g, o.p)
	return nil
}

// confirm waits until n more publishes of a channel are settled.
func (g *game) confirm(o order) error {
	n, _, err := countAndSpan(o.args)
	if err != nil {
		return err
	}
	settled := 0
	g.gather(o.p, o.p.patience(), func(e event) bool {
		last := g.events[len(g.events)-1]
		if last.channel == o.channel {
			settled += len(last.covered)
		}
		return settled >= n || endsChannel(e, o.channel)
	})
	return nil
}

// silence records what comes within a time, and that nothing came.
func (g *game) silence(o order) error {
	if len(o.args) != 1 {
		return fmt.Errorf("silence takes a time")
	}
	d, err := time.ParseDuration(o.args[0])
	if err != nil {
		return err
	}
	if !g.awaitRecorded(o.p) {
		g.gather(o.p, d, func(event) bool { return false })
	}
	last := len(g.events) - 1
	if g.events[last].end != "timeout" {
		return nil
	}
	g.events = g.events[:last]
	if last == 0 {
		g.events = append(g.events, event{lines: []string{"silence"}, silence: true})
	}
	return nil
}

// awaitRecorded waits for what came when the step was recorded, however long it
// takes: on a busy machine that is longer than the step shows. It returns whether
// nothing else is to be waited for.
func (g *game) awaitRecorded(p *peer) (ended bool) {
	want := len(g.recorded)
	if want == 0 || g.recorded[0] == "silence" {
		return false
	}
	last := g.gather(p, p.patience(), func(event) bool {
		lines := 0
		for _, e := range g.events {
			lines += max(1, len(e.lines))
		}
		return lines >= want
	})
	return last.end != ""
}

// skip lets a time pass and forgets the heartbeats that come meanwhile.
func (g *game) skip(o order) error {
	if err := g.silence(o); err != nil {
		return err
	}
	g.events = slices.DeleteFunc(g.events, func(e event) bool { return e.beat || e.silence })
	return nil
}

// closed waits for the end of the stream. Heartbeats on the way do not count.
func (g *game) closed(o order) error {
	_, span, err := countAndSpan(o.args)
	if err != nil {
		return err
	}
	g.gather(o.p, span.patience(), func(event) bool { return false })
	g.events = slices.DeleteFunc(g.events, func(e event) bool { return e.beat })
	span.check(g, o.p)
	return nil
}

// close ends the connection by its handshake.
func (g *game) close(o order) error {
	g.leave(o.p)
	return nil
}

// drop ends the connection without a word, or with a reset.
func (g *game) drop(o order) error {
	o.p.shut(len(o.args) == 1 && o.args[0] == "reset")
	return nil
}

// raw shows the frames from now on as they are, and methods again with off.
func (g *game) raw(o order) error {
	o.p.raw = len(o.args) == 0
	return nil
}

// verbose shows what stands in server-properties.
func (g *game) verbose(o order) error {
	o.p.verbose = true
	return nil
}

// hold keeps the output back until flush, to send it in one piece.
func (g *game) hold(o order) error {
	o.p.hold = true
	return nil
}

func (g *game) flush(o order) error {
	o.p.hold = false
	o.p.send(nil)
	return nil
}

// timeSpan says when a step must be over, counted from the last octets that the
// connection sent.
type timeSpan struct{ from, to time.Duration }

func (s timeSpan) patience() time.Duration {
	if s.to == 0 {
		return patience
	}
	return s.to + time.Second
}

// check records that the step took too little or too much time.
func (s timeSpan) check(g *game, p *peer) {
	took := time.Since(p.sent)
	if s.to == 0 || took >= s.from && took <= s.to {
		return
	}
	line := fmt.Sprintf("took %.1fs instead of %v..%v", took.Seconds(), s.from, s.to)
	g.events = append(g.events, event{lines: []string{line}})
}

// countAndSpan reads the arguments of the waiting verbs: a number (1 if there
// is none) and a span such as 2s..4s.
func countAndSpan(args []string) (n int, span timeSpan, err error) {
	n = 1
	for _, a := range args {
		from, to, ok := strings.Cut(a, "..")
		if !ok {
			n, err = strconv.Atoi(a)
		} else if span.from, err = time.ParseDuration(from); err == nil {
			span.to, err = time.ParseDuration(to)
		}
		if err != nil {
			return 0, span, err
		}
	}
	return n, span, nil
}
