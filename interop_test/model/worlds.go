package model

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// worlds are what may be the case: more than one while the broker has made
// choices that no frame has shown yet.
type worlds []*world

// most is how many worlds are looked at, and mostChoices in how many ways a step
// may go. Who has more of them cannot say much: nothing more is said.
const (
	most        = 200
	mostChoices = 2000
)

// inbox is what has come, by connection and channel.
type inbox map[string]map[uint16][]event

// option is what was chosen, of how many.
type option struct{ made, of int }

// choose is a choice of the broker's. Every one of them is tried.
func (w *world) choose(of int) int {
	if of < 2 {
		return 0
	}
	i := len(w.options)
	if i < len(w.script) {
		w.options = append(w.options, option{w.script[i], of})
	} else {
		w.options = append(w.options, option{0, of})
	}
	return w.options[i].made
}

// rescript is what to choose next time; false if all has been tried.
func (w *world) rescript() (script []int, more bool) {
	for i := len(w.options) - 1; i >= 0; i-- {
		if o := w.options[i]; o.made+1 < o.of {
			for _, o := range w.options[:i] {
				script = append(script, o.made)
			}
			return append(script, o.made+1), true
		}
	}
	return nil, false
}

// try carries out what happens, in each world and with each choice, and returns
// the worlds that agree with what has come; if there is none, what differs in the
// first. No worlds and no difference: there are too many.
func (ws worlds) try(came inbox, happens func(w *world)) (left worlds, difference string) {
	ways := 0
	for _, before := range ws {
		var script []int
		for more := true; more; ways++ {
			if ways > mostChoices || len(left) > most {
				return nil, ""
			}
			w := before.clone()
			w.script = script
			for _, c := range w.conns {
				c.in = maps.Clone(came[c.name])
			}
			d := try(func() { happens(w) })
			script, more = w.rescript()
			w.script, w.options = nil, nil
			if d == "" {
				left = append(left, w)
			} else if difference == "" {
				difference = d
			}
		}
	}
	if len(left) > 0 {
		return left.distinct(), ""
	}
	return ws, difference
}

// distinct are those that may answer differently.
func (ws worlds) distinct() (some worlds) {
	if len(ws) == 1 {
		return ws
	}
	var seen []string
	for _, w := range ws {
		if state := w.state(); !slices.Contains(seen, state) {
			seen, some = append(seen, state), append(some, w)
		}
	}
	return some
}

// disagreement is how the frames differ from what the model says.
type disagreement string

func disagree(format string, args ...any) {
	panic(disagreement(fmt.Sprintf(format, args...)))
}

// try returns the first disagreement of what do compares.
func try(do func()) (difference string) {
	defer func() {
		switch d := recover().(type) {
		case nil:
		case disagreement:
			difference = string(d)
		default:
			panic(d)
		}
	}()
	do()
	return ""
}

// Take carries out a batch of commands of one connection, and compares all
// that came on every connection since the last one.
func (ws worlds) Take(conn string, batch []command, came inbox) (worlds, string) {
	return ws.happen(came, func(w *world) {
		c := w.conn(conn)
		for _, cmd := range batch {
			c.take(cmd)
			w.rest()
		}
	})
}

// happen carries out what happens now.
func (ws worlds) happen(came inbox, happens func(w *world)) (worlds, string) {
	now := time.Now()
	return ws.try(came, func(w *world) {
		for _, q := range w.queues {
			q.disorder = false
		}
		w.letters = 0
		w.advance(now)
		w.rest()
		happens(w)
		w.gone = nil
		w.finish()
	})
}
