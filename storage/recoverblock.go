package storage

import "slices"

// block reads a block: its live items are told of, and found in their
// fragments.
func (r *recovering) block(k recordKey, value []byte) (ok bool, err error) {
	if r.found, err = decodeBlock(r.found[:0], value); err != nil {
		return false, nil //nolint:nilerr // the caller has a better one
	}
	bitmapKey := recordKey{recordSettled, k.a, k.b}
	dead, some := r.dead[k]
	delete(r.dead, k)
	if !some {
		dead = make([]byte, bitmapSize(len(r.found)))
	}
	if len(dead) != bitmapSize(len(r.found)) || r.found[0].Seq != k.b {
		r.repairs.drop(bitmapKey)
		return false, nil
	}
	if r.found[0].Place.segment() > r.want.segment {
		r.repairs.dropBlock(k.a, k.b, r.countOrphans(dead))
		return true, nil
	}
	at := block{first: k.b, last: r.found[len(r.found)-1].Seq, count: len(r.found)}
	lost, err := r.items(k.a, dead, &at)
	if err != nil {
		return false, err
	}
	if lost > 0 {
		r.repairs.put(bitmapKey, slices.Clone(dead))
		r.repairs.count(-lost)
	}
	r.keep(k.a, at)
	return true, nil
}

// items notes the live items of a block. Those that are lost count as settled
// from now on.
func (r *recovering) items(queue uint64, dead []byte, at *block) (lost int, err error) {
	for i := range r.found {
		if bit(dead, i) {
			continue
		}
		if err := r.item(queue, &r.found[i], at); err != nil {
			if err = r.accept(err, 0); err != nil {
				return lost, err
			}
			setBit(dead, i)
			lost++
		}
	}
	return lost, nil
}

// countOrphans counts the live items of a block of a checkpoint that was not
// completed.
func (r *recovering) countOrphans(dead []byte) (n int) {
	for i := range r.found {
		if !bit(dead, i) {
			n++
		}
	}
	r.orphans += uint64(n)
	return n
}

// keep notes a block.
func (r *recovering) keep(queue uint64, at block) {
	r.live += int64(at.live)
	r.liveBytes += at.bytes
	q := r.archive.queue(queue)
	if len(q.blocks) == 0 {
		q.low = at.first
	}
	q.blocks = append(q.blocks, at)
	q.last = max(q.last, at.last)
	q.top = max(q.top, at.last)
}

// item notes an item of a block.
func (r *recovering) item(queue uint64, it *blockItem, at *block) error {
	owner := queue
	if it.shared {
		owner = 0
	}
	f := r.last
	if f == nil || f.owner != owner || !f.spans(it.Place) {
		f = findFragment(r.fragments[it.Place.segment()], owner, uint32(it.Place.offset()))
	}
	if f == nil {
		return corrupt(r.index.path(r.index.mark.number), "message %d of queue %d is in no fragment", it.Seq, queue)
	}
	if _, bad := r.bad[it.Place]; bad {
		return r.damaged(f, "message %d of queue %d cannot be read", it.Seq, queue)
	}
	r.last = f
	f.live++
	at.live++
	at.bytes += int64(it.Size)
	at.shared = at.shared || it.shared
	r.visitor.message(queue, it.Item)
	return nil
}
