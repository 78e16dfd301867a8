package oracle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Operator reports whether the scenario needs an operator of the broker: who knows
// rabbitmqctl.
func (s *Scenario) Operator() bool {
	return slices.ContainsFunc(s.Steps, func(st Step) bool {
		_, is := orderOf(st.Line)
		return is
	})
}

// orderOf is what a line has the operator say to rabbitmqctl.
func orderOf(line string) (rest string, is bool) { return strings.CutPrefix(line, "ctl ") }

// undoing are the commands that take away what others have added.
var undoing = map[string]string{"add_user": "delete_user", "add_vhost": "delete_vhost"}

// operate has the operator give an order; that it is refused is shown.
func (g *game) operate(rest string) error {
	if g.ctl == nil {
		return fmt.Errorf("there is no operator here")
	}
	words, err := splitWords(g.expand(rest))
	if err != nil {
		return err
	}
	for i, w := range words {
		if text, err := strconv.Unquote(w); err == nil {
			words[i] = text
		}
	}
	if err := g.ctl(words); err != nil {
		g.events = append(g.events, event{lines: []string{"refused"}})
	} else if undo, ok := undoing[words[0]]; ok {
		g.undo = append(g.undo, []string{undo, words[1]})
	}
	return nil
}

// undoAll takes away what the scenario has added.
func (g *game) undoAll() {
	for _, words := range g.undo {
		_ = g.ctl(words) // it may have gone already
	}
}
