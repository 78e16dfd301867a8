package oracle

import (
	"fmt"
	"slices"
	"strings"
)

// Restarts reports whether the scenario restarts the broker, and so can have no
// other one beside it.
func (s *Scenario) Restarts() bool {
	return slices.ContainsFunc(s.Steps, func(st Step) bool {
		_, is := restartOf(st.Line)
		return is
	})
}

// restartOf takes a line apart that restarts the broker.
func restartOf(line string) (how string, is bool) {
	rest, is := strings.CutPrefix(line, "restart")
	return strings.TrimSpace(rest), is
}

// restart has the broker end and begin again. It shows what the connections
// that are open are told of that; they end with it.
func (g *game) restart(how string) error {
	if g.again == nil || how != "" && how != "kill" {
		return fmt.Errorf("the broker cannot be restarted in this way: %q", how)
	}
	begun := make(chan error, 1)
	go func() { begun <- g.again(how == "kill") }()
	for _, p := range g.order {
		if !p.dead && how == "" {
			g.gather(p, patience, func(e event) bool { return e.is("connection.close") })
			p.send(methodFrame(0, "connection.close-ok"))
		}
	}
	err := <-begun
	for _, p := range g.order {
		p.shut(false)
	}
	return err
}
