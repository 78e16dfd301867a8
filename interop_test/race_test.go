//go:build race

package interop

// raced is set when the race detector runs, which has room for 8,128
// goroutines and makes everything slower.
const raced = true
