package oracle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// A Policy is what a step sets or clears: a policy or an operator policy of the
// virtual host /.
type Policy struct {
	// Clear takes the policy of this name away; the other fields are empty then.
	Clear bool
	// Operator tells an operator policy from a user's.
	Operator bool
	Name     string
	// Pattern is matched against the names of queues and exchanges.
	Pattern string
	// ApplyTo is queues, exchanges or all.
	ApplyTo  string
	Priority int
	// Definition is a JSON object.
	Definition string
}

// Policies reports whether the scenario sets policies.
func (s *Scenario) Policies() bool {
	return slices.ContainsFunc(s.Steps, func(st Step) bool {
		_, _, is := policyOf(st.Line)
		return is
	})
}

// policyOf takes the beginning of a line off that sets or clears a policy.
func policyOf(line string) (p Policy, rest string, is bool) {
	rest, p.Clear = strings.CutPrefix(line, "clear ")
	rest, p.Operator = strings.CutPrefix(rest, "operator-")
	rest, is = strings.CutPrefix(rest, "policy ")
	return p, rest, is
}

// policy sets or clears a policy; what the broker has against it is shown.
func (g *game) policy(p Policy, rest string) error {
	if g.setPolicy == nil {
		return fmt.Errorf("policies cannot be set here")
	}
	if err := p.parse(g.expand(rest)); err != nil {
		return err
	}
	if err := g.setPolicy(p); err != nil {
		text := strings.TrimSpace(err.Error())
		g.events = append(g.events, event{lines: []string{"refused " + strconv.Quote(text)}})
	} else if !p.Clear {
		g.policies = append(g.policies, Policy{Clear: true, Operator: p.Operator, Name: p.Name})
	}
	return nil
}

// parse reads NAME PATTERN DEFINITION apply-to=queues priority=1, or NAME alone.
func (p *Policy) parse(text string) error {
	words, err := splitWords(text)
	if err != nil {
		return err
	}
	positional := []*string{&p.Name}
	if !p.Clear {
		positional = []*string{&p.Name, &p.Pattern, &p.Definition}
		p.ApplyTo = "all"
	}
	if len(words) < len(positional) {
		return fmt.Errorf("a policy has a name, a pattern and a definition: %s", text)
	}
	for i, field := range positional {
		*field = words[i]
	}
	for _, w := range words[len(positional):] {
		key, value, _ := keyValue(w)
		switch key {
		case "apply-to":
			p.ApplyTo = value
		case "priority":
			if p.Priority, err = strconv.Atoi(value); err != nil {
				return err
			}
		default:
			return fmt.Errorf("a policy has no %s", w)
		}
	}
	return nil
}

// clearPolicies takes away what the scenario has set.
func (g *game) clearPolicies() {
	for _, p := range g.policies {
		_ = g.setPolicy(p) // it may be cleared already
	}
}
