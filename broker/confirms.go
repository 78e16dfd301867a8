package broker

// confirms counts the publishes of a channel in confirm mode (CONF-01..03).
type confirms struct {
	on        bool
	published uint64 // sequence number of the last publish
	confirmed uint64 // up to here they are confirmed
}

// publish gives the next publish its sequence number. first tells that all
// before it are confirmed.
func (c *confirms) publish() (first bool) {
	first = c.published == c.confirmed
	c.published++
	return first
}

// confirm returns the acknowledgement that covers all publishes so far; false
// if there is nothing to confirm.
func (c *confirms) confirm() (tag uint64, multiple, ok bool) {
	n := c.published - c.confirmed
	c.confirmed = c.published
	return c.published, n > 1, n > 0
}
