package main

// confirms counts confirmed delivery tags, which may come one by one, out of
// order, or as "all up to".
type confirms struct {
	low   uint64              // every tag up to here is confirmed
	ahead map[uint64]struct{} // confirmed tags above low
}

func (c *confirms) ack(tag uint64, multiple bool) {
	if multiple {
		for t := range c.ahead {
			if t <= tag {
				delete(c.ahead, t)
			}
		}
		c.low = max(c.low, tag)
	} else if tag > c.low {
		c.ahead[tag] = struct{}{}
	}
	for len(c.ahead) > 0 {
		if _, ok := c.ahead[c.low+1]; !ok {
			break
		}
		delete(c.ahead, c.low+1)
		c.low++
	}
}

func (c *confirms) total() uint64 { return c.low + uint64(len(c.ahead)) }
