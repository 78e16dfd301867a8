// Package exchange decides who gets a message: one [Matcher] for every exchange
// type. It knows bindings, routing keys and headers, and nothing of queues,
// connections or locks; a destination is any comparable value of the caller.
//
//	type               key of the binding            arguments of the binding
//	direct             equals the routing key        ignored
//	fanout             ignored                       ignored
//	topic              pattern of words, * and #     ignored
//	headers            ignored                       compared with the message's headers
//	x-consistent-hash  weight of the destination     ignored
//	x-modulus-hash     ignored                       ignored
//	x-random           ignored                       ignored
//	x-recent-history   ignored                       ignored
//
// The last one finds what a fanout exchange finds; that it remembers messages is
// for its caller to do. The three before it find one destination at most.
//
// What is ignored for matching still tells two bindings apart: a queue bound
// twice with one key and different arguments stays bound until both bindings
// are gone (QOP-02). Matchers therefore count.
//
// # Ownership
//
// A matcher has no lock. Bind and Unbind want exclusive access. Match does not
// change the matcher, not even a cache in it, so that any number of goroutines
// may call it at once, as long as no one binds. What Match needs besides lies
// on its stack.
//
// A [Cache] belongs to one goroutine, each publishing channel having its own.
//
// # Topic
//
// Patterns are kept in a trie by word, which a match walks with the words of
// the routing key:
//
//	a.*.c -> q1      root --a--> . --*--> . --c--> q1
//	a.#   -> q2                  |
//	#     -> q3                  +---#--> q2
//	                 root ---#--> q3
//
// Everything below a '#' has to be tried from each of the remaining words. It
// suffices to do so once for each '#', the first time it is reached: that is at
// the earliest word, and what can be found from a later one is found from there
// as well. So a match takes no more steps than there are nodes times words,
// whatever the patterns are.
//
// # One of many
//
// A consistent hash exchange lays the buckets of its destinations, as many as
// their weights, end to end in the order in which they were bound, and sends a
// message to the bucket that its hash jumps to. So a binding more takes messages
// from all others but moves none among them, and one that goes moves those of
// the bindings behind it. A modulus hash exchange divides by the number of its
// bindings, in the order of their destinations: with every change most messages
// move, but the same bindings, made in whatever order, are always the same.
// Both hash alike in every process.
package exchange
