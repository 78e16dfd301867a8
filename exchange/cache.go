package exchange

// Cache remembers what publishing to an exchange with a routing key came to, so
// that the next message of that key need not be matched. It is for exchange
// types that look at nothing else, see [ByKey]. R is the caller's idea of a
// route, typically the slice of queues; what is put in must not change.
//
// What is remembered holds for one generation: a number that the caller raises
// with every change of bindings, exchanges and queues. It must be read together
// with the bindings, under the same lock, or before them. A call with another
// generation forgets everything; until then the cache keeps alive what its
// routes refer to.
//
// The zero value is empty and ready. A Cache belongs to one goroutine.
type Cache[R any] struct {
	generation uint64
	last       remembered[R] // what the last hit or Put was about
	routes     map[target]R
}

// target is what a message is published to.
type target struct{ exchange, key string }

type remembered[R any] struct {
	target
	route R
	valid bool
}

// maxRoutes bounds a cache. A full one drops half of what it has.
const maxRoutes = 256

// Get returns the route of an exchange and a routing key, if that was put in
// this generation and there was room to keep it.
func (c *Cache[R]) Get(generation uint64, exchange, key string) (route R, ok bool) {
	if c.generation != generation {
		c.reset(generation)
		return route, false
	}
	if c.last.valid && c.last.key == key && c.last.exchange == exchange {
		return c.last.route, true
	}
	t := target{exchange, key}
	if route, ok = c.routes[t]; ok {
		c.last = remembered[R]{t, route, true}
	}
	return route, ok
}

// Put remembers a route. It keeps the strings.
func (c *Cache[R]) Put(generation uint64, exchange, key string, route R) {
	if c.generation != generation {
		c.reset(generation)
	}
	if c.routes == nil {
		c.routes = make(map[target]R)
	}
	if len(c.routes) >= maxRoutes {
		c.dropHalf()
	}
	t := target{exchange, key}
	c.routes[t] = route
	c.last = remembered[R]{t, route, true}
}

func (c *Cache[R]) reset(generation uint64) {
	c.generation = generation
	c.last = remembered[R]{}
	clear(c.routes)
}

// dropHalf drops whatever comes first in the map's order, which is random: no
// order of publishing can make every lookup miss.
func (c *Cache[R]) dropHalf() {
	for t := range c.routes {
		if len(c.routes) <= maxRoutes/2 {
			return
		}
		delete(c.routes, t)
	}
}
