package crash

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"strconv"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// compose makes the message of an id, always the same.
func compose(id uint64, transient bool) amqp.Publishing {
	var seed [32]byte
	copy(seed[:], strconv.FormatUint(id, 36))
	r := rand.New(rand.NewChaCha8(seed))
	body := make([]byte, size(r))
	_, _ = rand.NewChaCha8(seed).Read(body) // never fails
	m := amqp.Publishing{
		MessageId:    strconv.FormatUint(id, 10),
		DeliveryMode: amqp.Persistent,
		Timestamp:    time.Unix(int64(r.Uint32()), 0),
		Body:         body,
	}
	if transient {
		m.DeliveryMode = amqp.Transient
	}
	if r.IntN(2) == 0 {
		m.ContentType, m.CorrelationId, m.Priority = "text/plain", strconv.Itoa(r.Int()), uint8(r.IntN(10))
		m.Headers = amqp.Table{"number": r.Int64(), "list": []any{"a", r.Int32(), amqp.Table{"deep": true}}}
	}
	return m
}

// size draws the size of a body: mostly small, seldom as large as a segment of
// a young journal.
func size(r *rand.Rand) int {
	switch n := r.IntN(1000); {
	case n < 50:
		return 0
	case n < 600:
		return r.IntN(100)
	case n < 900:
		return r.IntN(4 << 10)
	case n < 997:
		return r.IntN(40 << 10)
	default:
		return r.IntN(1500 << 10)
	}
}

// digest is what makes a message the same: all that its publisher has given.
func digest(exchange, key string, m amqp.Publishing) string {
	h := sha256.New()
	fmt.Fprintf(h, "%q %q %q %d %d %q %q %d ", exchange, key, m.MessageId, m.DeliveryMode, m.Timestamp.Unix(), m.ContentType, m.CorrelationId, m.Priority)
	fmt.Fprint(h, m.Headers)
	h.Write(m.Body)
	return hex.EncodeToString(h.Sum(nil)[:12])
}

// delivered is the message of a delivery as its publisher gave it.
func delivered(d amqp.Delivery) (id uint64, m amqp.Publishing) {
	id, _ = strconv.ParseUint(d.MessageId, 10, 64) // 0 was not published
	return id, amqp.Publishing{
		MessageId: d.MessageId, DeliveryMode: d.DeliveryMode, Timestamp: d.Timestamp, ContentType: d.ContentType,
		CorrelationId: d.CorrelationId, Priority: d.Priority, Headers: d.Headers, Body: d.Body,
	}
}
