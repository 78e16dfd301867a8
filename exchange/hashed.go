package exchange

import (
	"errors"
	"slices"
	"strconv"

	"github.com/leveretmq/leveret/amqp"
)

// hashed is what of a message a consistent hash exchange looks at: a header, a
// property, or if there is neither the routing key (XTYP-30, XTYP-32).
type hashed struct {
	header   string
	property string
	ofHeader bool
}

// The arguments that say so. The last one is LavinMQ's word for the first
// (LAV-16).
const (
	hashHeader   = "hash-header"
	hashProperty = "hash-property"
	hashOn       = "x-hash-on"
)

const (
	messageID     = "message_id"
	correlationID = "correlation_id"
	timestamp     = "timestamp"
)

// hashedOf reads arguments that were checked.
func hashedOf(args amqp.Table) (h hashed) {
	header, _ := args.Get(hashHeader)
	property, _ := args.Get(hashProperty)
	h.header, h.ofHeader = header.(string)
	h.property, _ = property.(string)
	if !h.ofHeader && h.property == "" {
		header, _ = args.Get(hashOn)
		h.header, h.ofHeader = header.(string)
	}
	return h
}

// checkHashed is XTYP-30. Of other types than strings RabbitMQ fails.
func checkHashed(args amqp.Table) error {
	header, byHeader := args.Get(hashHeader)
	property, byProperty := args.Get(hashProperty)
	_, isText := header.(string)
	name, isName := property.(string)
	switch {
	case byHeader && !isText, byProperty && !isName:
		return &amqp.Error{Code: amqp.InternalError, NoMethod: true, Err: errNoText}
	case byHeader && byProperty:
		return amqp.PreconditionFailed.Errorf("hash-header and hash-property are mutually exclusive")
	case byProperty && !slices.Contains([]string{messageID, correlationID, timestamp}, name):
		return amqp.PreconditionFailed.Errorf("Unsupported property: %s", name)
	}
	return nil
}

var errNoText = errors.New("hash-header or hash-property is no string")

// hash is the hash of what it looks at. All messages without that have the same
// (XTYP-32).
func (h *hashed) hash(key string, p amqp.Properties) uint64 {
	switch {
	case h.ofHeader:
		return hash(headerText(p, h.header))
	case h.property == messageID:
		key, _ = p.MessageID()
	case h.property == correlationID:
		key, _ = p.CorrelationID()
	case h.property == timestamp:
		key = ""
		if t, ok := p.Timestamp(); ok {
			key = strconv.FormatUint(t, 10)
		}
	}
	return hash(key)
}

// headerText is a text that is the same for the same value of a header: of
// others than strings their type takes part.
func headerText(p amqp.Properties, name string) string {
	headers, _, err := p.Headers()
	if err != nil {
		return ""
	}
	value, ok := headers.Get(name)
	if text, isText := value.(string); isText || !ok {
		return text
	}
	return amqp.Table{{Value: value}}.Canonical()
}
