package exchange

// The words of a pattern that are not literal. As part of a longer word the
// characters mean nothing (XTYP-13).
const (
	oneWord  = "*"
	anyWords = "#"
)

// node is a place in the trie of patterns. The path from the root to it spells
// the beginning of a pattern. There are many, most of them with one child: they
// are kept at 64 bytes.
type node[D comparable] struct {
	word string // literal that leads here; empty for wildcards and the root

	one  *node[D] // child by *
	many *node[D] // child by #

	// The children by literals: a single one, or several.
	only    *node[D]
	several *lookup[string, *node[D]]

	here *members[D] // destinations of the pattern that ends here, or nil

	underMany bool // there is a # above
}

// literal returns the child by a word that is not a wildcard, or nil.
func (n *node[D]) literal(word string) *node[D] {
	if n.only != nil {
		if n.only.word == word {
			return n.only
		}
		return nil
	}
	if n.several != nil {
		return n.several.entries[word]
	}
	return nil
}

func (n *node[D]) child(word string) *node[D] {
	switch word {
	case oneWord:
		return n.one
	case anyWords:
		return n.many
	}
	return n.literal(word)
}

// grow returns the child by a word of a pattern and makes it if need be.
func (n *node[D]) grow(word string, underMany bool) *node[D] {
	if c := n.child(word); c != nil {
		return c
	}
	c := &node[D]{underMany: underMany}
	switch {
	case word == oneWord:
		n.one = c
	case word == anyWords:
		n.many = c
	default:
		c.word = word
		n.addLiteral(c)
	}
	return c
}

func (n *node[D]) addLiteral(c *node[D]) {
	switch {
	case n.several != nil:
		n.several.put(c.word, c)
	case n.only != nil:
		n.several = new(lookup[string, *node[D]])
		n.several.put(n.only.word, n.only)
		n.several.put(c.word, c)
		n.only = nil
	default:
		n.only = c
	}
}

// remove takes back one binding of dst with a pattern, given by its words below
// n, and every node that no pattern needs any more. It tells whether n is such
// a node.
func (n *node[D]) remove(words []string, dst D) (unused bool) {
	if len(words) > 0 {
		c := n.child(words[0])
		if c != nil && c.remove(words[1:], dst) {
			n.drop(words[0])
		}
	} else if n.here != nil && n.here.remove(dst) {
		n.here = nil
	}
	return n.here == nil && n.isLeaf()
}

// drop forgets the child by that word.
func (n *node[D]) drop(word string) {
	switch {
	case word == oneWord:
		n.one = nil
	case word == anyWords:
		n.many = nil
	case n.only != nil:
		n.only = nil
	default:
		n.several.remove(word)
		if len(n.several.entries) == 1 {
			for _, c := range n.several.entries {
				n.only = c
			}
			n.several = nil
		}
	}
}

func (n *node[D]) isLeaf() bool {
	return n.one == nil && n.many == nil && n.only == nil && n.several == nil
}
