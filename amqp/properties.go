package amqp

import (
	"encoding/binary"
	"math/bits"
)

// Properties is the raw end of a content header, property flags and property
// list, as it came and as it goes out again (WIRE-04). The accessors read one
// property in place; they want bytes that [Properties.Check] has passed, and
// report anything else as absent.
type Properties []byte

// The properties of class basic in the order of their flags, from bit 15 down.
const (
	propContentType = iota
	propContentEncoding
	propHeaders
	propDeliveryMode
	propPriority
	propCorrelationID
	propReplyTo
	propExpiration
	propMessageID
	propTimestamp
	propType
	propUserID
	propAppID
	propClusterID
)

const (
	// propContinued is the flag that says that another word of flags follows.
	// Class basic has no use for it. Deviates: RabbitMQ refuses the word and
	// passes on a lone flag, which would mislead consumers. The flag beside it
	// means nothing and is ignored, as RabbitMQ does.
	propContinued = 1

	// propFlags are the flags of the properties.
	propFlags = 0xFFFC
)

// Check tells whether the bytes are well-formed, headers included. Strings may
// be any bytes: RabbitMQ does not ask for UTF-8 here. The error is an [*Error]
// with [InternalError], without a text (FRM-27).
func (p Properties) Check() error {
	if len(p) < 2 || p.flags()&propContinued != 0 {
		return errProperties(errTruncated)
	}
	r := reader{src: p[2:]}
	for flags := p.flags() & propFlags; flags != 0; {
		i := bits.LeadingZeros16(flags)
		flags &^= flag(i)
		r.skipProperty(i)
	}
	if err := r.end(); err != nil {
		return errProperties(err)
	}
	return nil
}

func errProperties(err error) *Error {
	return &Error{Code: InternalError, NoMethod: true, Err: err}
}

func (p Properties) flags() uint16 { return binary.BigEndian.Uint16(p) }

func (p Properties) has(i int) bool { return len(p) >= 2 && p.flags()&flag(i) != 0 }

// flag returns the flag of property i.
func flag(i int) uint16 { return 1 << (15 - i) }

// skipProperty passes over property i and checks its form.
func (r *reader) skipProperty(i int) {
	switch i {
	case propHeaders:
		r.skipTable(0)
	case propDeliveryMode, propPriority:
		r.octet()
	case propTimestamp:
		r.longlong()
	default:
		r.shortbytes()
	}
}

// find returns the bytes from property i on; false if it is absent.
func (p Properties) find(i int) (reader, bool) {
	if !p.has(i) {
		return reader{}, false
	}
	r := reader{src: p[2:]}
	for before := p.flags() &^ (flag(i)<<1 - 1); before != 0; {
		j := bits.LeadingZeros16(before)
		before &^= flag(j)
		if j == propHeaders {
			r.bytes(r.long()) // unlike skipProperty without a look inside
		} else {
			r.skipProperty(j)
		}
	}
	return r, r.err == nil
}

// shortstr is small enough to become part of its callers: most properties of
// most messages are absent, and to see that should cost no call.
func (p Properties) shortstr(i int) (string, bool) {
	if !p.has(i) {
		return "", false
	}
	return p.presentShortstr(i)
}

func (p Properties) presentShortstr(i int) (string, bool) {
	r, _ := p.find(i)
	s := r.shortbytes()
	return string(s), r.err == nil
}

func (p Properties) octet(i int) (uint8, bool) {
	if !p.has(i) {
		return 0, false
	}
	return p.presentOctet(i)
}

func (p Properties) presentOctet(i int) (uint8, bool) {
	r, _ := p.find(i)
	v := r.octet()
	return v, r.err == nil
}

// ContentType returns the MIME type of the body.
func (p Properties) ContentType() (string, bool) { return p.shortstr(propContentType) }

// ContentEncoding returns the MIME encoding of the body.
func (p Properties) ContentEncoding() (string, bool) { return p.shortstr(propContentEncoding) }

// Headers returns the header table, decoded anew at each call. The error is
// that of [DecodeTable].
func (p Properties) Headers() (Table, bool, error) {
	r, ok := p.find(propHeaders)
	if !ok {
		return nil, false, nil
	}
	t, _, err := DecodeTable(r.src)
	return t, err == nil, err
}

// DeliveryMode returns 1 for transient, 2 for persistent, or whatever was sent.
func (p Properties) DeliveryMode() (uint8, bool) { return p.octet(propDeliveryMode) }

// Priority returns the priority, 0 to 9 by the spec and 0 to 255 on the wire.
func (p Properties) Priority() (uint8, bool) { return p.octet(propPriority) }

// CorrelationID returns the application's correlation-id.
func (p Properties) CorrelationID() (string, bool) { return p.shortstr(propCorrelationID) }

// ReplyTo returns the address to reply to.
func (p Properties) ReplyTo() (string, bool) { return p.shortstr(propReplyTo) }

// Expiration returns the message's time to live: milliseconds, as text.
func (p Properties) Expiration() (string, bool) { return p.shortstr(propExpiration) }

// MessageID returns the application's message-id.
func (p Properties) MessageID() (string, bool) { return p.shortstr(propMessageID) }

// Timestamp returns seconds since 1970, by the sender's word.
func (p Properties) Timestamp() (uint64, bool) {
	r, ok := p.find(propTimestamp)
	if !ok {
		return 0, false
	}
	v := r.longlong()
	return v, r.err == nil
}

// Type returns the application's name for the message's type.
func (p Properties) Type() (string, bool) { return p.shortstr(propType) }

// UserID returns the name of the user who says to have published.
func (p Properties) UserID() (string, bool) { return p.shortstr(propUserID) }

// AppID returns the name of the application that published.
func (p Properties) AppID() (string, bool) { return p.shortstr(propAppID) }

// ClusterID returns the property that 0-9-1 calls reserved and clients still
// know as cluster-id (WIRE-05).
func (p Properties) ClusterID() (string, bool) { return p.shortstr(propClusterID) }
