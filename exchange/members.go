package exchange

import "slices"

// members are the destinations that one key, pattern or rule leads to, each
// with the number of its bindings. The zero value is empty.
type members[D comparable] struct {
	list  []D               // each once, in no order
	count []int32           // bindings of list[i], at least 1
	at    *lookup[D, int32] // places in list; nil while the list is short
}

func (m *members[D]) find(dst D) int {
	if m.at == nil {
		return slices.Index(m.list, dst)
	}
	if i, ok := m.at.get(dst); ok {
		return int(i)
	}
	return -1
}

func (m *members[D]) add(dst D) {
	if i := m.find(dst); i >= 0 {
		m.count[i]++
		return
	}
	m.list = append(m.list, dst)
	m.count = append(m.count, 1)
	switch {
	case m.at != nil:
		m.at.put(dst, int32(len(m.list)-1))
	case len(m.list) > shortList:
		m.at = new(lookup[D, int32])
		for i, d := range m.list {
			m.at.put(d, int32(i))
		}
	}
}

// remove takes back one binding of dst and tells whether no member is left.
func (m *members[D]) remove(dst D) (empty bool) {
	i := m.find(dst)
	if i < 0 {
		return len(m.list) == 0
	}
	if m.count[i]--; m.count[i] == 0 {
		m.drop(i)
	}
	return len(m.list) == 0
}

// drop moves the last member into place i.
func (m *members[D]) drop(i int) {
	last := len(m.list) - 1
	gone, moved := m.list[i], m.list[last]
	m.list[i], m.count[i] = moved, m.count[last]
	m.list, m.count = cut(m.list), cut(m.count)
	if m.at == nil {
		return
	}
	m.at.put(moved, int32(i))
	m.at.remove(gone)
	if last <= shortList/2 {
		m.at = nil
	}
}
