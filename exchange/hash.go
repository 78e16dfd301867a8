package exchange

// hash is a hash of a text, the same in every process: what is routed by it goes
// the same way after a restart.
func hash(text string) uint64 {
	h := uint64(14695981039346656037) // FNV-1a
	for i := range len(text) {
		h = (h ^ uint64(text[i])) * 1099511628211
	}
	h = (h ^ h>>33) * 0xff51afd7ed558ccd // whose high bits know little of the last octets
	h = (h ^ h>>33) * 0xc4ceb9fe1a85ec53
	return h ^ h>>33
}

// jump is the bucket of a key among so many: with one bucket more, only those
// keys move that go there (Lamping and Veach, 2014). There are at least one, and
// fewer than 2^53.
func jump(key, buckets uint64) uint64 {
	const steps = 1 << 53
	for bucket := uint64(0); ; {
		key = key*2862933555777941757 + 1
		next := float64(bucket+1) * (steps / float64(key>>11+1))
		if next >= float64(buckets) {
			return bucket
		}
		bucket = uint64(next)
	}
}
