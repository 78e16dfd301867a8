package broker

import "math/bits"

// window tells which publishes of a channel can be confirmed. They are in the
// order of their sequence numbers, so one that waits holds up those behind it.
type window struct {
	reached   uint64   // up to here they have reached their queues
	confirmed uint64   // up to here they are confirmed
	last      uint64   // the last that ever waited for the store
	waiting   []uint64 // a ring of bits: those beyond confirmed that wait
	refused   []uint64 // those beyond confirmed that a queue has refused, ascending
}

// leastWaiting is the size that the ring begins with and may keep, in words.
const leastWaiting = 4

// reach notes that publishes up to n have reached their queues.
func (w *window) reach(n uint64) { w.reached = n }

// await notes that publish n, beyond all others that ever waited, is not to be
// confirmed until it is durable.
func (w *window) await(n uint64) {
	if words := n/64 - w.confirmed/64 + 1; words > uint64(len(w.waiting)) {
		w.grow(words)
	}
	*w.word(n) |= bit(n)
	w.last = n
}

// durable notes that the publishes from from to to do not wait any longer, if
// they ever did.
func (w *window) durable(from, to uint64) {
	to = min(to, w.last)
	for n := max(from, w.confirmed+1); n <= to; {
		if n%64 == 0 && n+63 <= to {
			*w.word(n) = 0
			n += 64
		} else {
			*w.word(n) &^= bit(n)
			n++
		}
	}
}

// refuse notes that publish n, beyond all others that were ever refused, was:
// it waits for nothing any longer.
func (w *window) refuse(n uint64) {
	w.durable(n, n)
	w.refused = append(w.refused, n)
}

// answer is what a publisher is told of some publishes, up to tag.
type answer struct {
	tag      uint64
	multiple bool
	refused  bool
}

// confirm returns the first answer that can be given and is not yet; false if
// there is none. There may be more.
func (w *window) confirm() (a answer, ok bool) {
	before := w.confirmed
	w.confirmed = min(w.reached, w.firstWaiting()-1)
	if len(w.refused) > 0 && w.refused[0] <= w.confirmed {
		a.refused = w.untilRefused(before)
	}
	if w.confirmed >= w.last && len(w.waiting) > leastWaiting {
		w.waiting = nil
	}
	a.tag, a.multiple = w.confirmed, w.confirmed-before > 1
	return a, w.confirmed > before
}

// untilRefused takes back confirmed to those that are answered alike: before
// the first that was refused, or if that is the first of all the last one of
// those that were refused (CONF-16).
func (w *window) untilRefused(before uint64) (refused bool) {
	if w.refused[0] > before+1 {
		w.confirmed = w.refused[0] - 1
		return false
	}
	n := 1
	for n < len(w.refused) && w.refused[n] == w.refused[0]+uint64(n) && w.refused[n] <= w.confirmed {
		n++
	}
	w.confirmed = w.refused[n-1]
	w.refused = w.refused[n:]
	if len(w.refused) == 0 {
		w.refused = nil
	}
	return true
}

// firstWaiting is the first publish that waits, or one beyond reached.
func (w *window) firstWaiting() uint64 {
	for n := w.confirmed + 1; n <= min(w.reached, w.last); n += 64 - n%64 {
		if ahead := *w.word(n) >> (n % 64); ahead != 0 {
			return n + uint64(bits.TrailingZeros64(ahead))
		}
	}
	return w.reached + 1
}

// grow makes the ring at least so many words long.
func (w *window) grow(words uint64) {
	old := *w
	w.waiting = make([]uint64, max(leastWaiting, 1<<bits.Len64(words-1)))
	for n := range uint64(len(old.waiting)) {
		n = (old.confirmed/64 + n) * 64
		*w.word(n) = *old.word(n)
	}
}

// word is where the bit of publish n is.
func (w *window) word(n uint64) *uint64 { return &w.waiting[n/64%uint64(len(w.waiting))] }

func bit(n uint64) uint64 { return 1 << (n % 64) }
