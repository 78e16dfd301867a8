package storage

import "slices"

// record reads a record. One that is damaged is dropped, if that is accepted:
// how many messages were lost with it shows at the end.
func (r *recovering) record(k recordKey, b []byte) error {
	value, sum, ok := openRecord(k, b)
	r.index.note(k, recordFacts{sum, uint32(len(b)) + recordKeySize})
	if ok {
		var err error
		if ok, err = r.understand(k, value); err != nil {
			return err
		}
	}
	if ok {
		return nil
	}
	r.repairs.drop(k)
	return r.accept(corrupt(r.index.path(r.index.mark.number), "record %c %d/%d is not what was written", k.kind, k.a, k.b), 0)
}

// understand reads the value of a record; false if it makes no sense. Bitmaps
// come before fragments and generations, and these before blocks.
func (r *recovering) understand(k recordKey, value []byte) (ok bool, err error) {
	switch k.kind {
	case recordEntity:
		r.visitor.put(Entity{EntityKind(k.a), k.b, value})
	case recordSettled:
		r.dead[recordKey{recordBlock, k.a, k.b}] = slices.Clone(value)
	case recordFragment:
		return r.fragment(k, value), nil
	case recordGeneration:
		return r.generation(uint32(k.a)).parseFiles(value), nil
	case recordQueue:
		q := r.archive.queue(k.a)
		if q.top, ok = parseTop(value); len(q.blocks) == 0 {
			q.low = q.top + 1
		}
		q.last = max(q.last, q.top)
		return ok, nil
	case recordBlock:
		if err := r.prepare(); err != nil {
			return false, err
		}
		return r.block(k, value)
	default:
		return false, nil
	}
	return true, nil
}

func (r *recovering) fragment(k recordKey, value []byte) bool {
	f, ok := parseFragment(k, value)
	if !ok {
		return false
	}
	if f.segment > r.want.segment {
		r.repairs.drop(k)
		return true
	}
	r.fragments[f.segment] = append(r.fragments[f.segment], f)
	g := r.generation(f.generation)
	g.fragments++
	g.size += int64(f.size)
	return true
}
