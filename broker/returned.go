package broker

// What comes back is a heap by positions, or with inTurn a list in the order in
// which it came back.

// pushReturned adds what comes back to the heap.
func (r *ready) pushReturned(e entry) {
	h := append(r.returned, e)
	i := len(h) - 1
	for i > 0 {
		up := (i - 1) / 2
		if h[up].seq < h[i].seq {
			break
		}
		h[up], h[i] = h[i], h[up]
		i = up
	}
	r.returned = h
}

// popReturned removes the first of what came back. There must be something.
func (r *ready) popReturned() entry {
	h := r.returned
	first, last := h[0], len(h)-1
	if r.inTurn {
		h[0] = entry{}
		if r.returned = h[1:]; last == 0 {
			r.returned = nil
		}
		return first
	}
	h[0] = h[last]
	h[last] = entry{}
	h = h[:last]
	for i := 0; ; {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < last; child++ {
			if h[child].seq < h[least].seq {
				least = child
			}
		}
		if least == i {
			break
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
	r.returned = h
	if last == 0 {
		r.returned = nil
	}
	return first
}
