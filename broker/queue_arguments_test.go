package broker

import (
	"errors"
	"strings"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// args makes a table of keys and values in turn.
func args(pairs ...any) (t amqp.Table) {
	for i := 0; i < len(pairs); i += 2 {
		t = append(t, amqp.Field{Key: pairs[i].(string), Value: pairs[i+1]})
	}
	return t
}

// reply is the text by which a client learns of an error.
func reply(err error) string {
	var e *amqp.Error
	switch {
	case err == nil:
		return "ok"
	case errors.As(err, &e):
		return e.ReplyText()
	}
	return "no answer: " + err.Error()
}

const invalid = "PRECONDITION_FAILED - invalid "

// What RabbitMQ 3.10.8 says to values of arguments of a durable queue: a whole
// text, or the reason why one is invalid.
var valueTests = []struct {
	row  string
	key  string
	on   string // the type of the queue, if it is not a classic one
	want map[any]string
}{
	{"QARG-01 QARG-02 QARG-05", "x-max-length", "", map[any]string{
		int8(1): "ok", uint8(1): "ok", int16(1): "ok", uint16(1): "ok", int32(1): "ok", uint32(1): "ok", int64(1 << 40): "ok",
		amqp.Timestamp(1): `"expected integer, got timestamp"`, float32(1): `"expected integer, got float"`,
		1.0: `"expected integer, got double"`, nil: `"expected integer, got void"`, true: `"expected integer, got bool"`,
		"1": `"expected integer, got longstr"`, amqp.Decimal{Scale: 1, Value: 5}: `"expected integer, got decimal"`,
		int32(0): "ok", int32(-1): "{value_negative,-1}",
	}},
	{"QARG-03", "x-message-ttl", "", map[any]string{
		int32(0): "ok", int64(315360000000): "ok", int64(315360000001): "{value_too_large,315360000001}", int32(-1): "{value_negative,-1}",
	}},
	{"QARG-04", "x-expires", "", map[any]string{
		int32(1): "ok", int64(315360000000): "ok", int64(315360000001): "{value_too_large,315360000001}",
		int32(0): "{value_zero,0}", int32(-1): "{value_negative,-1}",
	}},
	{"QARG-05", "x-max-length-bytes", "", map[any]string{int64(1 << 40): "ok", int32(-1): "{value_negative,-1}"}},
	{"QARG-05", "x-max-in-memory-length", "quorum", map[any]string{int32(0): "ok", int32(-1): "{value_negative,-1}"}},
	{"QARG-05", "x-max-in-memory-bytes", "quorum", map[any]string{int32(0): "ok", "a": `"expected integer, got longstr"`}},
	{"QARG-06", "x-max-priority", "", map[any]string{
		int32(0): "ok", int32(255): "ok", int32(256): "{max_value_exceeded,256}", int32(-1): "{value_negative,-1}",
	}},
	{"QARG-07", "x-queue-version", "", map[any]string{
		int32(1): "ok", int32(2): "ok", int32(0): `"unsupported queue version '0'"`, int32(3): `"unsupported queue version '3'"`,
		int32(-1): "{value_negative,-1}", "2": `"expected integer, got longstr"`,
	}},
	{"QARG-08", "x-queue-mode", "", map[any]string{
		"default": "ok", "lazy": "ok", int32(1): "{unacceptable_type,signedint}", "": `"unsupported queue mode ''"`,
		`a"b`:  `"unsupported queue mode 'a\"b'"`,
		"\xe9": "\"unsupported queue mode '\xe9'\"",
		"\x01": "[117,110,115,117,112,112,111,114,116,101,100,32,113,117,101,117,101,32,109,111,100,101,32,39,1,39]",
	}},
	{"QARG-09", "x-overflow", "", map[any]string{
		"drop-head": "ok", "reject-publish": "ok", "reject-publish-dlx": "ok", "x": "invalid_overflow", true: "{unacceptable_type,bool}",
	}},
	{"QARG-09", "x-overflow", "quorum", map[any]string{"reject-publish-dlx": "ok", "x": "invalid_overflow"}},
	{"QARG-11", "x-dead-letter-routing-key", "", map[any]string{
		"k": "routing_key_but_no_dlx_defined", int32(5): "{unacceptable_type,signedint}",
	}},
	{"QARG-12", "x-dead-letter-strategy", "quorum", map[any]string{
		"at-most-once": "ok", "at-least-once": "ok", "x": "invalid_dlx_strategy", int32(5): "{unacceptable_type,signedint}",
	}},
	{"QARG-13", "x-single-active-consumer", "", map[any]string{
		true: "ok", false: "ok", "true": "{unacceptable_type,longstr}", int32(1): "{unacceptable_type,signedint}",
	}},
	{"QARG-14", "x-queue-type", "", map[any]string{
		"classic": "ok", "quorum": "ok", "foo": `"unsupported queue type 'foo'"`, "": `"unsupported queue type ''"`,
		true: "{unacceptable_type,bool}", nil: "{unacceptable_type,void}",
	}},
	{"QARG-15", "x-queue-master-locator", "", map[any]string{
		"min-masters": "ok", "client-local": "ok", "random": "ok", "foo": "INTERNAL_ERROR", int32(5): "INTERNAL_ERROR", nil: "INTERNAL_ERROR",
	}},
	{"QARG-16", "x-queue-leader-locator", "quorum", map[any]string{
		"client-local": "ok", "balanced": "ok", "random": "ok", "least-leaders": "ok",
		"min-masters": "invalid_queue_locator_arg", int32(5): "{unacceptable_type,signedint}",
	}},
	{"QARG-17", "x-max-age", "stream", map[any]string{
		"7D": "NOT_IMPLEMENTED - queue type stream", "007Y": "NOT_IMPLEMENTED - queue type stream", "7D\nx": "NOT_IMPLEMENTED - queue type stream",
		"0s": "invalid_max_age", "7": "invalid_max_age", "7x": "invalid_max_age", "7DD": "invalid_max_age",
		int32(5): "{unacceptable_type,signedint}", "": "INTERNAL_ERROR", "D": "INTERNAL_ERROR", "-7D": "INTERNAL_ERROR",
	}},
	{"QARG-18", "x-stream-max-segment-size-bytes", "stream", map[any]string{
		int64(3000000000): "NOT_IMPLEMENTED - queue type stream",
		int64(3000000001): "PRECONDITION_FAILED - Exceeded max value for x-stream-max-segment-size-bytes",
		int32(-1):         "{value_negative,-1}",
	}},
	{"QARG-20", "x-initial-cluster-size", "stream", map[any]string{
		int32(1): "NOT_IMPLEMENTED - queue type stream", int32(0): "{value_zero,0}", int32(-1): "{value_negative,-1}",
	}},
	{"QARG-20", "x-quorum-initial-group-size", "quorum", map[any]string{
		int32(5): "ok", int32(0): "{value_zero,0}", int32(-1): "{value_negative,-1}",
	}},
	{"QARG-21", "x-delivery-limit", "quorum", map[any]string{int32(-1): "ok", "a": "ok", nil: "ok"}},
	{"QARG-21", "x-delivery-limit", "", map[any]string{int32(-1): "ok", "a": "ok"}},
	{"QARG-22", "x-consumer-timeout", "", map[any]string{
		int32(0): "ok", int64(1 << 40): "ok", int32(-1): "{value_negative,-1}", "1": `"expected integer, got longstr"`,
	}},
	{"QARG-22", "x-consumer-timeout", "quorum", map[any]string{int32(0): "ok", int32(-1): "{value_negative,-1}"}},
	{"QDEC-29", "anything", "quorum", map[any]string{int32(-1): "ok"}},
}

func TestValuesOfQueueArguments(t *testing.T) {
	for _, tt := range valueTests {
		t.Run(tt.row+" "+tt.key, func(t *testing.T) {
			for value, want := range tt.want {
				if isReason := want != "ok" && (want[0] < 'A' || want[0] > 'Z'); isReason {
					want = invalid + "arg '" + tt.key + "' for queue 'q' in vhost '/': " + want
				}
				table := args(tt.key, value)
				if tt.on != "" {
					table = append(table, args("x-queue-type", tt.on)...)
				}
				_, err := checkDeclaration("queue 'q' in vhost '/'", &amqp.QueueDeclare{Durable: true, Arguments: table})
				if got := reply(err); got != want {
					t.Errorf("%T %v:\n got %s\nwant %s", value, value, got, want)
				}
			}
		})
	}
}

func TestDeclarationsAreCheckedInOrder(t *testing.T) {
	const q = " for queue 'q' in vhost '/'"
	tests := []struct {
		row  string
		m    amqp.QueueDeclare
		want string
	}{
		{
			"QARG-10: the type of the dead letter exchange comes first",
			amqp.QueueDeclare{Arguments: args("x-queue-type", "foo", "x-dead-letter-exchange", int32(5))},
			invalid + "type 'signedint' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'",
		},
		{
			"QARG-10",
			amqp.QueueDeclare{Arguments: args("x-dead-letter-exchange", []byte("a"))},
			invalid + "type 'binary' for arg 'x-dead-letter-exchange' in queue 'q' in vhost '/'",
		},
		{
			"QARG-11",
			amqp.QueueDeclare{Arguments: args("x-dead-letter-routing-key", "k", "x-dead-letter-exchange", "none")},
			"ok",
		},
		{
			"then the type of the queue",
			amqp.QueueDeclare{Arguments: args("x-expires", int32(0), "x-queue-type", "foo")},
			invalid + `arg 'x-queue-type'` + q + `: "unsupported queue type 'foo'"`,
		},
		{
			"then values, in RabbitMQ's order",
			amqp.QueueDeclare{Arguments: args("x-max-age", "x", "x-max-priority", int32(-1), "x-expires", int32(0))},
			invalid + "arg 'x-expires'" + q + ": {value_zero,0}",
		},
		{
			"QARG-25: then the keys, in the client's order",
			amqp.QueueDeclare{Arguments: args("x-max-length", int32(1), "x-max-age", int32(5), "x-queue-leader-locator", "x")},
			invalid + "arg 'x-max-age'" + q + " of queue type rabbit_classic_queue",
		},
		{
			"QARG-25",
			amqp.QueueDeclare{Arguments: args("x-dead-letter-strategy", int32(5))},
			invalid + "arg 'x-dead-letter-strategy'" + q + " of queue type rabbit_classic_queue",
		},
		{
			"QARG-26 and then the properties",
			amqp.QueueDeclare{AutoDelete: true, Arguments: args("x-queue-type", "quorum", "x-max-priority", int32(-1))},
			invalid + "arg 'x-max-priority'" + q + " of queue type rabbit_quorum_queue",
		},
		{
			"QARG-26",
			amqp.QueueDeclare{Durable: true, Arguments: args("x-queue-type", "quorum", "x-queue-master-locator", "foo")},
			invalid + "arg 'x-queue-master-locator'" + q + " of queue type rabbit_quorum_queue",
		},
		{
			"QARG-27",
			amqp.QueueDeclare{Durable: true, Arguments: args("x-queue-type", "stream", "x-delivery-limit", int32(1))},
			invalid + "arg 'x-delivery-limit'" + q + " of queue type rabbit_stream_queue",
		},
		{
			"QARG-30",
			amqp.QueueDeclare{AutoDelete: true, Exclusive: true, Arguments: args("x-queue-type", "quorum")},
			invalid + "property 'auto-delete'" + q,
		},
		{
			"QARG-29",
			amqp.QueueDeclare{Exclusive: true, Arguments: args("x-queue-type", "quorum")},
			invalid + "property 'exclusive-owner'" + q,
		},
		{"QARG-28", amqp.QueueDeclare{Arguments: args("x-queue-type", "quorum")}, invalid + "property 'non-durable'" + q},
		{
			"QARG-28 QARG-18",
			amqp.QueueDeclare{Arguments: args("x-queue-type", "stream", "x-stream-max-segment-size-bytes", int64(1<<40))},
			invalid + "property 'non-durable'" + q,
		},
		{"QARG-27", amqp.QueueDeclare{Durable: true, Arguments: args("x-queue-type", "stream")}, "NOT_IMPLEMENTED - queue type stream"},
		{"QARG-15", amqp.QueueDeclare{Exclusive: true, Arguments: args("x-queue-master-locator", "foo")}, "ok"},
	}
	for _, tt := range tests {
		_, err := checkDeclaration("queue 'q' in vhost '/'", &tt.m)
		if got := reply(err); got != tt.want {
			t.Errorf("%s: %+v\n got %s\nwant %s", tt.row, tt.m, got, tt.want)
		}
	}
}

// QDEC-03
func TestQueuesThatTheServerNamesAreClassic(t *testing.T) {
	for value, want := range map[any]string{
		"classic": "ok",
		"quorum":  "PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_quorum_queue",
		"stream":  "PRECONDITION_FAILED - Cannot declare a server-named queue for type rabbit_stream_queue",
		"foo":     "INTERNAL_ERROR",
		int32(5):  "INTERNAL_ERROR",
	} {
		if got := reply(checkServerNamed(args("x-queue-type", value))); got != want {
			t.Errorf("%v: got %s, want %s", value, got, want)
		}
	}
}

// CONS-10 to CONS-12
func TestArgumentsOfConsumers(t *testing.T) {
	tests := []struct {
		args            amqp.Table
		classic, quorum string
	}{
		{args("x-priority", int64(-1)<<40), "ok", "ok"},
		{args("x-priority", uint8(200), "unknown", nil), "ok", "ok"},
		{args("x-priority", "a"), `: "expected integer, got longstr"`, `: "expected integer, got longstr"`},
		{args("x-priority", amqp.Timestamp(1)), `: "expected integer, got timestamp"`, `: "expected integer, got timestamp"`},
		{args("x-cancel-on-ha-failover", true), "ok", " of queue type rabbit_quorum_queue"},
		{args("x-cancel-on-ha-failover", "a"), ": {unacceptable_type,longstr}", " of queue type rabbit_quorum_queue"},
		{args("x-stream-offset", "first"), " of queue type rabbit_classic_queue", " of queue type rabbit_quorum_queue"},
		{args("x-credit", args("credit", int64(1))), "INTERNAL_ERROR", "INTERNAL_ERROR"},
	}
	for _, tt := range tests {
		for kind, want := range map[*queueType]string{classicQueue: tt.classic, quorumQueue: tt.quorum} {
			if want != "ok" && want != "INTERNAL_ERROR" {
				want = invalid + "arg '" + tt.args[0].Key + "' for Q" + want
			}
			if got := reply(kind.checkConsumer("Q", tt.args)); got != want {
				t.Errorf("%s %v: got %s, want %s", kind.module, tt.args, got, want)
			}
		}
	}
	err := classicQueue.checkConsumer("Q", args("x-stream-offset", "first", "x-priority", "a"))
	if got := reply(err); !strings.Contains(got, "x-priority") {
		t.Errorf("values are checked before keys: got %s", got)
	}
}

// declareTwice declares a queue twice, the second time on a channel of its own, and
// returns the second answer.
func declareTwice(t *testing.T, first, second amqp.Table) string {
	t.Helper()
	p := connect(t, New(Options{}), 2)
	p.do(1, &amqp.QueueDeclare{Queue: "q", Durable: true, Arguments: first})
	switch m := p.call(2, &amqp.QueueDeclare{Queue: "q", Durable: true, Arguments: second}).(type) {
	case *amqp.QueueDeclareOk:
		return "ok"
	case *amqp.ChannelClose:
		return m.ReplyText
	default:
		return m.ID().String()
	}
}

func TestArgumentsAreComparedWithThoseOfTheQueue(t *testing.T) {
	ttl := args("x-message-ttl", int32(5))
	quorum := args("x-queue-type", "quorum")
	tests := []struct {
		row           string
		first, second amqp.Table
		want          string
	}{
		{"QDEC-25", nil, ttl, "x-message-ttl: received the value '5' of type 'signedint' but current is none"},
		{"QDEC-25", nil, args("x-message-ttl", nil), "x-message-ttl: received the value 'undefined' of type 'void' but current is none"},
		{"QDEC-26", ttl, nil, "x-message-ttl: received none but current is the value '5' of type 'signedint'"},
		{"QDEC-27", ttl, args("x-message-ttl", int32(6)), "x-message-ttl: received '6' but current is '5'"},
		{"QDEC-27", ttl, args("x-message-ttl", "5"), "x-message-ttl: received '5' but current is '5'"},
		{"QDEC-27", ttl, args("x-message-ttl", nil), "x-message-ttl: received none but current is '5'"},
		{"QDEC-28", ttl, args("x-message-ttl", int64(5)), "ok"},
		{"QDEC-28", ttl, args("x-message-ttl", amqp.Timestamp(5)), "ok"},
		{"QDEC-28", ttl, args("x-message-ttl", 5.0), "x-message-ttl: received '5.0' but current is '5'"},
		{"QDEC-29", ttl, append(args("unknown", "a"), ttl...), "ok"},
		{"QDEC-29", nil, args("x-max-age", int32(5)), "ok"},
		{"QDEC-30", nil, args("x-queue-type", "classic"), "ok"},
		{"QDEC-30", args("x-queue-type", "classic"), nil, "ok"},
		{"QDEC-30", nil, args("x-queue-type", []byte("classic")), "x-queue-type: received the value 'classic' of type 'binary' but current is none"},
		{"QDEC-31", quorum, nil, "x-queue-type: received none but current is the value 'quorum' of type 'longstr'"},
		{"QDEC-31", quorum, args("x-queue-type", "classic"), "x-queue-type: received 'classic' but current is 'quorum'"},
		{"QARG-31", nil, args("x-message-ttl", "foo"), "x-message-ttl: received the value 'foo' of type 'longstr' but current is none"},
		{"QARG-31", nil, args("x-queue-type", "stream"), "x-queue-type: received the value 'stream' of type 'longstr' but current is none"},
		{
			"QDEC-24: the order of classic queues", nil, args("x-queue-type", "quorum", "x-queue-mode", "lazy", "x-max-length", int32(1)),
			"x-max-length: received the value '1' of type 'signedint' but current is none",
		},
		{
			"QDEC-24: the order of quorum queues", quorum, args("x-message-ttl", int32(1), "x-delivery-limit", int32(1), "x-queue-type", "quorum"),
			"x-delivery-limit: received the value '1' of type 'signedint' but current is none",
		},
	}
	for _, tt := range tests {
		want := tt.want
		if key, difference, ok := strings.Cut(want, ": "); ok {
			want = "PRECONDITION_FAILED - inequivalent arg '" + key + "' for queue 'q' in vhost '/': " + difference
		}
		if got := declareTwice(t, tt.first, tt.second); got != want {
			t.Errorf("%s: %v, then %v\n got %s\nwant %s", tt.row, tt.first, tt.second, got, want)
		}
	}
}
