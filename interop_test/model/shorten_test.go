package model

import (
	"slices"
	"strings"
	"testing"
)

// shorten leaves out of a sequence that fails what it also fails without. What is
// left means what it says as it is: names and tags are not drawn anew.
func shorten(t *testing.T, dir string, g game, steps []step) []step {
	fails := func(steps []step) (failed bool) {
		inBubble(t, func() { failed = replay(t, dir, g, steps) != "" })
		return failed
	}
	for size := len(steps) / 2; size > 0; size /= 2 {
		for i := 0; i+size <= len(steps); {
			if fewer := slices.Delete(slices.Clone(steps), i, i+size); fails(fewer) {
				steps = fewer
			} else {
				i += size
			}
		}
		if size == 1 && len(steps) > 1 {
			if fewer := steps[:len(steps)-1]; fails(fewer) {
				steps, size = fewer, 4
			}
		}
	}
	return steps
}

// replay plays steps, but for those of connections that there are not.
func replay(t *testing.T, dir string, g game, steps []step) (difference string) {
	tb := newTable(t, dir, g)
	defer tb.clear()
	for _, s := range steps {
		if len(tb.worlds) == 0 {
			return ""
		}
		if known := tb.worlds[0].conn(s.conn) != nil; known == s.connect {
			continue
		}
		if s.redrive != nil && tb.worlds[0].queue(s.redrive.queue) == nil {
			continue
		}
		if difference = tb.play(s); difference != "" {
			return difference
		}
	}
	return ""
}

// script is a sequence to read, or to play to another broker.
func script(steps []step) string {
	var b strings.Builder
	for _, s := range steps {
		b.WriteString(s.GoString())
	}
	return b.String()
}
