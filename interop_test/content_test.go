package interop

import (
	"crypto/sha256"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// pattern makes a message of n bytes that repeat at no frame's length.
func pattern(n int, seed byte) amqp.Publishing {
	body := make([]byte, n)
	for i := range body {
		body[i] = byte(i%251) ^ byte(i>>13) ^ seed
	}
	return amqp.Publishing{Body: body}
}

func sameBody(t testing.TB, got []byte, n int, seed byte) {
	t.Helper()
	if sha256.Sum256(got) != sha256.Sum256(pattern(n, seed).Body) {
		t.Errorf("a body of %d bytes came back different, with %d bytes", n, len(got))
	}
}

// FRM-20, FRM-22: both sides split what is larger than a frame.
func TestBodiesOfAllSizesArriveWhole(t *testing.T) {
	for _, max := range []int{4096, 131_072} {
		t.Run(fmt.Sprint("frame-max ", max), func(t *testing.T) {
			sizes := []int{
				0, 1, 4095, 4096, max - 9, max - 8, max - 7, max - 1, max, max + 1,
				2 * (max - 8), 3 * (max - 8), 3*(max-8) + 1, 10*max + 17,
			}
			if !testing.Short() {
				sizes = append(sizes, 16<<20)
			}
			conn := dial(t, frameMax(max))
			ch, consumer := publisher(t, conn), open(t, conn)
			q := private(t, ch)
			for i, n := range sizes {
				putMessage(t, ch, "", q, pattern(n, byte(i)))
			}
			d := get(t, ch, q)
			sameBody(t, d.Body, sizes[0], 0)
			must(t, d.Nack(false, true))
			wantReady(t, ch, q, len(sizes))
			deliveries, err := consumer.Consume(q, "", false, false, false, false, nil)
			must(t, err)
			for i, n := range sizes {
				d := receive(t, deliveries)
				sameBody(t, d.Body, n, byte(i))
				must(t, d.Ack(false))
			}
		})
	}
}

// FRM-22: each consumer's own frame-max holds.
func TestBodyFramesFitEachConsumersLimit(t *testing.T) {
	big, small := dial(t), dial(t, frameMax(4096))
	pub := publisher(t, big)
	x := exchange(t, pub, "fanout")
	var consumers []<-chan amqp.Delivery
	for _, conn := range []*amqp.Connection{big, small} {
		ch := open(t, conn)
		q := private(t, ch)
		must(t, ch.QueueBind(q, "", x, false, nil))
		deliveries, err := ch.Consume(q, "", true, false, false, false, nil)
		must(t, err)
		consumers = append(consumers, deliveries)
	}
	for i, n := range []int{131_064, 300_000, 1} { // the client refuses frames above its limit
		putMessage(t, pub, x, "", pattern(n, byte(i)))
		for _, deliveries := range consumers {
			sameBody(t, receive(t, deliveries).Body, n, byte(i))
		}
	}
}

// everyProperty sets all that the client can send, but expiration in process:
// see TestWhatIsNotThereIsRefusedByName.
func everyProperty() amqp.Publishing {
	m := amqp.Publishing{
		Headers: everyType(), ContentType: "application/json", ContentEncoding: "gzip",
		DeliveryMode: amqp.Persistent, Priority: 9, CorrelationId: "correlation", ReplyTo: "reply.to",
		MessageId: "message", Timestamp: time.Unix(1_700_000_000, 0),
		Type: "type", UserId: "guest", AppId: "app", Body: []byte("body"),
	}
	if external() {
		m.Expiration = "3600000"
	}
	return m
}

// everyType is a table with each type that the client can encode.
func everyType() amqp.Table {
	flat := amqp.Table{
		"t": true, "t false": false, "b": int8(-128), "B": byte(255), "s": int16(-32768), "u": uint16(65535),
		"I": int32(-1 << 31), "i": uint32(1<<32 - 1), "l": int64(-1 << 63), "l max": int64(1<<63 - 1),
		"f": float32(1.5), "d": -2.25, "D": amqp.Decimal{Scale: 2, Value: 12345}, "S": "текст", "S empty": "",
		"x": []byte{0, 1, 0xCE, 255}, "T": time.Unix(1_234_567_890, 0), "V": nil,
	}
	nested := maps.Clone(flat)
	nested["A"] = []any{int32(1), "two", []any{true, nil}, amqp.Table{"deep": amqp.Table{"er": int64(3)}}}
	nested["A empty"] = []any(nil)
	nested["F"] = flat
	nested["F empty"] = amqp.Table{}
	return nested
}

// WIRE-01, WIRE-05, WIRE-06
func TestPropertiesArriveAsTheyWereSent(t *testing.T) {
	all := everyProperty()
	messages := []amqp.Publishing{
		{Body: []byte("none")},
		{Headers: amqp.Table{"only": "headers"}},
		{ContentType: "only/type"},
		{AppId: "only app"},
		{DeliveryMode: amqp.Transient},
		{Timestamp: time.Unix(1, 0), Priority: 1},
		all,
	}
	ch := publisher(t, dial(t))
	q := private(t, ch)
	for _, m := range messages {
		putMessage(t, ch, "", q, m)
	}
	for _, m := range messages {
		samePublishing(t, publishingOf(get(t, ch, q)), m)
	}
	must(t, ch.Recover(true))
	deliveries, err := ch.Consume(q, "", true, false, false, false, nil)
	must(t, err)
	for _, m := range messages {
		samePublishing(t, publishingOf(receive(t, deliveries)), m)
	}
}

// FRM-23, WIRE-04: a header frame is never split.
func TestLargeHeadersArriveWhole(t *testing.T) {
	ch := publisher(t, dial(t))
	q := private(t, ch)
	headers := amqp.Table{}
	for _, key := range numbered("header number ", 2000) {
		headers[key] = key + " has this value"
	}
	m := amqp.Publishing{Headers: headers, Body: []byte("body")}
	putMessage(t, ch, "", q, m)
	samePublishing(t, publishingOf(get(t, ch, q)), m)
}

func publishingOf(d amqp.Delivery) amqp.Publishing {
	return amqp.Publishing{
		Headers: d.Headers, ContentType: d.ContentType, ContentEncoding: d.ContentEncoding,
		DeliveryMode: d.DeliveryMode, Priority: d.Priority, CorrelationId: d.CorrelationId, ReplyTo: d.ReplyTo,
		Expiration: d.Expiration, MessageId: d.MessageId, Timestamp: d.Timestamp, Type: d.Type, UserId: d.UserId,
		AppId: d.AppId, Body: d.Body,
	}
}

func publishingOfReturn(r amqp.Return) amqp.Publishing {
	return amqp.Publishing{
		Headers: r.Headers, ContentType: r.ContentType, ContentEncoding: r.ContentEncoding,
		DeliveryMode: r.DeliveryMode, Priority: r.Priority, CorrelationId: r.CorrelationId, ReplyTo: r.ReplyTo,
		Expiration: r.Expiration, MessageId: r.MessageId, Timestamp: r.Timestamp, Type: r.Type, UserId: r.UserId,
		AppId: r.AppId, Body: r.Body,
	}
}

func samePublishing(t testing.TB, got, want amqp.Publishing) {
	t.Helper()
	if !slices.Equal(got.Body, want.Body) {
		t.Errorf("body: got %q, want %q", got.Body, want.Body)
	}
	if len(got.Headers) != len(want.Headers) {
		t.Errorf("headers: got %d, want %d", len(got.Headers), len(want.Headers))
	}
	for key, value := range want.Headers {
		if !reflect.DeepEqual(got.Headers[key], value) {
			t.Errorf("header %s: got %T %v, want %T %v", key, got.Headers[key], got.Headers[key], value, value)
		}
	}
	got.Body, want.Body, got.Headers, want.Headers = nil, nil, nil, nil
	if !reflect.DeepEqual(got, want) {
		t.Errorf("properties:\ngot  %+v\nwant %+v", got, want)
	}
}
