package control

import (
	"fmt"
	"io"
)

// Show returns what shows on a terminal how far a command has come, and what
// clears that. For what is no terminal the first is nil.
func Show(w io.Writer) (tell func(Progress), clear func()) {
	if !isTerminal(w) {
		return nil, func() {}
	}
	shown := false
	tell = func(p Progress) {
		shown = true
		fmt.Fprintf(w, "\r%d of %d ", p.Done, p.Total)
	}
	return tell, func() {
		if shown {
			fmt.Fprint(w, "\r\x1b[K")
		}
	}
}
