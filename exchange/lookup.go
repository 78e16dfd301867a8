package exchange

import "slices"

// lookup is a map that gives memory back when it has become much emptier, which
// Go's maps do not do on their own. The zero value is empty.
type lookup[K comparable, V any] struct {
	entries map[K]V
	peak    int // most entries since entries was made
}

// worthShrinking is the size below which a map or list is left as it is.
const worthShrinking = 64

func (l *lookup[K, V]) get(k K) (V, bool) {
	v, ok := l.entries[k]
	return v, ok
}

func (l *lookup[K, V]) put(k K, v V) {
	if l.entries == nil {
		l.entries = make(map[K]V)
	}
	l.entries[k] = v
	l.peak = max(l.peak, len(l.entries))
}

func (l *lookup[K, V]) remove(k K) {
	delete(l.entries, k)
	n := len(l.entries)
	switch {
	case n == 0:
		*l = lookup[K, V]{}
	case l.peak >= worthShrinking && n <= l.peak/4:
		smaller := make(map[K]V, n)
		for k, v := range l.entries {
			smaller[k] = v
		}
		*l = lookup[K, V]{entries: smaller, peak: n}
	}
}

// remove takes an item out of a list, whose order stays, as cut does.
func remove[T any](list []T, i int) []T {
	copy(list[i:], list[i+1:])
	return cut(list)
}

// cut takes the last item off a list and gives memory back as lookup does.
func cut[T any](list []T) []T {
	last := len(list) - 1
	clear(list[last:])
	list = list[:last]
	if cap(list) >= worthShrinking && last <= cap(list)/4 {
		return slices.Clone(list)
	}
	return list
}
