//go:build race

package broker

// raced is set when the race detector runs, which allocates memory itself.
const raced = true
