package exchange

import (
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// topic matches the words of a routing key with patterns: * stands for one
// word, # for any number of them, none included (0-9-1 s. 3.1.3.3). Words are
// what dots separate and may be empty; the empty key alone has no words at all
// (XTYP-04 to XTYP-14).
type topic[D comparable] struct {
	root node[D]
}

// scratchWords is how many words a key may have before a match must allocate.
const scratchWords = 32

func (x *topic[D]) Bind(key string, _ amqp.Table, dst D) {
	n, underMany := &x.root, false
	for _, word := range appendWords(nil, key) {
		n = n.grow(word, underMany)
		underMany = underMany || word == anyWords
	}
	if n.here == nil {
		n.here = new(members[D])
	}
	n.here.add(dst)
}

func (x *topic[D]) Unbind(key string, _ amqp.Table, dst D) {
	x.root.remove(appendWords(nil, key), dst)
}

func (x *topic[D]) Match(to []D, key string, _ amqp.Properties) []D {
	var words [scratchWords]string
	found := set[D]{list: to}
	w := walk[D]{words: appendWords(words[:0], key), found: &found}
	w.enter(&x.root, 0)
	return found.list
}

// appendWords appends the words of a key or pattern.
func appendWords(dst []string, key string) []string {
	if key == "" {
		return dst
	}
	for {
		i := strings.IndexByte(key, '.')
		if i < 0 {
			return append(dst, key)
		}
		dst = append(dst, key[:i])
		key = key[i+1:]
	}
}

// walk is the state of one match. It only points to what is found: were the
// slice that is returned a part of it, all of it would move to the heap.
type walk[D comparable] struct {
	words   []string // of the routing key
	found   *set[D]
	visited visited[D] // nodes of a '#' below another '#'
}

// enter finds what matches at and below n if n has matched words[:i]. It tells
// whether that is all: whether entering n with more words would find no more.
func (w *walk[D]) enter(n *node[D], i int) (all bool) {
	atEnd := i == len(w.words)
	if atEnd && n.here != nil {
		w.found.addAll(n.here.list)
	}
	if n.many != nil {
		w.enterMany(n.many, i)
	}
	return w.next(n, i) && (atEnd || n.here == nil)
}

// enterMany finds what matches at and below n, the node of a '#', if what is
// above it has matched words[:i]. Nodes are entered from the earliest word on,
// and the first time finds all (see the package's documentation). Without
// another '#' above there is only one time.
func (w *walk[D]) enterMany(n *node[D], i int) {
	if n.underMany && !w.visited.first(n) {
		return
	}
	if n.here != nil {
		w.found.addAll(n.here.list)
	}
	if n.many != nil {
		w.enterMany(n.many, i)
	}
	for !w.next(n, i) {
		i++
	}
}

// next enters the children of n that take words[i], and tells the same as
// enter, for them.
func (w *walk[D]) next(n *node[D], i int) (all bool) {
	if i == len(w.words) {
		return true
	}
	all = n.several == nil
	if n.one != nil && !w.enter(n.one, i+1) {
		all = false
	}
	if child := n.literal(w.words[i]); child != nil {
		return w.enter(child, i+1) && all
	}
	return all && n.only == nil
}

// visited remembers nodes, a few of them without allocating.
type visited[D comparable] struct {
	few  [8]*node[D]
	n    int // how many of few are in use
	more map[*node[D]]struct{}
}

// first tells whether n is new, and remembers it.
func (v *visited[D]) first(n *node[D]) bool {
	for _, seen := range v.few[:v.n] {
		if seen == n {
			return false
		}
	}
	if v.n < len(v.few) {
		v.few[v.n] = n
		v.n++
		return true
	}
	if _, seen := v.more[n]; seen {
		return false
	}
	if v.more == nil {
		v.more = make(map[*node[D]]struct{})
	}
	v.more[n] = struct{}{}
	return true
}
