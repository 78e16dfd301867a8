package amqp

import "encoding/binary"

// BasicProperties are the properties of class basic, each on its own: for
// whoever builds messages or looks at all of one. A zero value is an absent
// property, so a zero that was sent cannot be told from none; Headers alone can
// be empty and present, if not nil.
type BasicProperties struct {
	ContentType     string
	ContentEncoding string
	Headers         Table
	DeliveryMode    uint8 // 1 transient, 2 persistent
	Priority        uint8
	CorrelationID   string
	ReplyTo         string
	Expiration      string // milliseconds, as text
	MessageID       string
	Timestamp       uint64 // seconds since 1970
	Type            string
	UserID          string
	AppID           string
	ClusterID       string
}

// Append appends the property flags and the property list.
func (b *BasicProperties) Append(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, 0, 0)
	var flags uint16
	shortstr := func(i int, s string) {
		if s != "" {
			flags |= flag(i)
			dst = appendShortstr(dst, s)
		}
	}
	octet := func(i int, v uint8) {
		if v != 0 {
			flags |= flag(i)
			dst = append(dst, v)
		}
	}
	shortstr(propContentType, b.ContentType)
	shortstr(propContentEncoding, b.ContentEncoding)
	if b.Headers != nil {
		flags |= flag(propHeaders)
		dst = AppendTable(dst, b.Headers)
	}
	octet(propDeliveryMode, b.DeliveryMode)
	octet(propPriority, b.Priority)
	shortstr(propCorrelationID, b.CorrelationID)
	shortstr(propReplyTo, b.ReplyTo)
	shortstr(propExpiration, b.Expiration)
	shortstr(propMessageID, b.MessageID)
	if b.Timestamp != 0 {
		flags |= flag(propTimestamp)
		dst = binary.BigEndian.AppendUint64(dst, b.Timestamp)
	}
	shortstr(propType, b.Type)
	shortstr(propUserID, b.UserID)
	shortstr(propAppID, b.AppID)
	shortstr(propClusterID, b.ClusterID)
	binary.BigEndian.PutUint16(dst[start:], flags)
	return dst
}

// Decode reads all properties. The error is that of [Properties.Check].
func (p Properties) Decode() (BasicProperties, error) {
	var b BasicProperties
	if err := p.Check(); err != nil {
		return b, err
	}
	b.ContentType, _ = p.ContentType()
	b.ContentEncoding, _ = p.ContentEncoding()
	b.Headers, _, _ = p.Headers()
	b.DeliveryMode, _ = p.DeliveryMode()
	b.Priority, _ = p.Priority()
	b.CorrelationID, _ = p.CorrelationID()
	b.ReplyTo, _ = p.ReplyTo()
	b.Expiration, _ = p.Expiration()
	b.MessageID, _ = p.MessageID()
	b.Timestamp, _ = p.Timestamp()
	b.Type, _ = p.Type()
	b.UserID, _ = p.UserID()
	b.AppID, _ = p.AppID()
	b.ClusterID, _ = p.ClusterID()
	return b, nil
}
