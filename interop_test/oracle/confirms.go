package oracle

import (
	"fmt"
	"slices"
	"strings"

	"github.com/leveretmq/leveret/amqp"
)

// confirms follows the publisher confirms of one channel: how many there are
// in one frame is the broker's choice, so what is shown is which publishes
// they cover.
type confirms struct {
	last        uint64
	outstanding []uint64
}

// published notes a publish.
func (c *confirms) published() {
	c.last++
	c.outstanding = append(c.outstanding, c.last)
}

// settle returns the publishes that an ack or nack with this tag covers.
func (c *confirms) settle(tag uint64, multiple bool) []uint64 {
	var covered, rest []uint64
	for _, seq := range c.outstanding {
		if seq == tag || multiple && (seq < tag || tag == 0) {
			covered = append(covered, seq)
		} else {
			rest = append(rest, seq)
		}
	}
	c.outstanding = rest
	return covered
}

// confirmed turns an ack or nack of a channel in confirm mode into the set of
// publishes that it covers. Anything else, and a confirm that covers nothing,
// is left as it is.
func (p *peer) confirmed(e *event) (word string, covered []uint64) {
	c := p.confirms[e.channel]
	if c == nil || p.raw {
		return "", nil
	}
	switch m := e.method.(type) {
	case *amqp.BasicAck:
		return "confirmed", c.settle(m.DeliveryTag, m.Multiple)
	case *amqp.BasicNack:
		return "refused", c.settle(m.DeliveryTag, m.Multiple)
	}
	return "", nil
}

// printRanges writes 1 2 3 5 as 1-3,5.
func printRanges(seqs []uint64) string {
	slices.Sort(seqs)
	var parts []string
	for i := 0; i < len(seqs); {
		j := i
		for j+1 < len(seqs) && seqs[j+1] == seqs[j]+1 {
			j++
		}
		if i == j {
			parts = append(parts, fmt.Sprint(seqs[i]))
		} else {
			parts = append(parts, fmt.Sprintf("%d-%d", seqs[i], seqs[j]))
		}
		i = j + 1
	}
	return strings.Join(parts, ",")
}
