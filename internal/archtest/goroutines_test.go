package archtest

import (
	"fmt"
	"go/ast"
	"strings"
)

// maxGoStatements bounds the places where the program starts goroutines. Each
// stands beside its wait.
const maxGoStatements = 15

func goroutinesAreFew(files []*source) []string {
	var starts []string
	for _, s := range files {
		if s.isTest() || s.isTool() {
			continue
		}
		ast.Inspect(s.ast, func(n ast.Node) bool {
			if startsGoroutine(n) {
				starts = append(starts, s.fset.Position(n.Pos()).String())
			}
			return true
		})
	}
	if len(starts) <= maxGoStatements {
		return nil
	}
	return []string{fmt.Sprintf("goroutines are started in %d places, more than %d:\n  %s",
		len(starts), maxGoStatements, strings.Join(starts, "\n  "))}
}

// startsGoroutine is true for go statements and for calls of a method Go with
// a function, as wait groups have it.
func startsGoroutine(n ast.Node) bool {
	switch n := n.(type) {
	case *ast.GoStmt:
		return true
	case *ast.CallExpr:
		sel, ok := n.Fun.(*ast.SelectorExpr)
		return ok && sel.Sel.Name == "Go" && len(n.Args) == 1
	default:
		return false
	}
}

// nothingIsPolled holds for tests as well: they wait for events, or run in the
// fake time of testing/synctest.
func nothingIsPolled(files []*source) (found []string) {
	for _, s := range files {
		if !s.isTool() {
			found = append(found, s.callsOf("nothing is polled: wait for the event, or use testing/synctest",
				"time", "Sleep", "Tick", "NewTicker")...)
		}
	}
	return found
}
