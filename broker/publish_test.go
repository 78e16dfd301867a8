package broker

import (
	"errors"
	"slices"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

// A program may publish what a client may, and is refused what a client is.
func TestProgramsPublish(t *testing.T) {
	b := New(Options{Vhosts: []string{"v"}})
	defer func() { _ = b.Shutdown(t.Context()) }()
	for _, q := range []Queue{
		{Name: "q"},
		{Name: "copies"},
		{Name: "full", Arguments: map[string]any{"x-max-length": 0, "x-overflow": "reject-publish"}},
	} {
		if err := b.DeclareQueue("v", q); err != nil {
			t.Fatal(err)
		}
	}
	if err := b.DeclareExchange("v", Exchange{Name: "internal", Type: "fanout", Internal: true}); err != nil {
		t.Fatal(err)
	}
	tests := map[string]struct {
		vhost, exchange, key string
		properties           amqp.BasicProperties
		routed               bool
		code                 amqp.ReplyCode // 0: err is wanted
		err                  error
	}{
		"routed":          {key: "q", routed: true},
		"unroutable":      {key: "nobody"},
		"refused":         {key: "full", routed: true, err: ErrRefused},
		"no vhost":        {vhost: "w", err: ErrVhostNotFound},
		"no exchange":     {exchange: "x", code: amqp.NotFound},
		"internal":        {exchange: "internal", code: amqp.AccessRefused},
		"bad expiration":  {key: "q", properties: amqp.BasicProperties{Expiration: "soon"}, code: amqp.PreconditionFailed},
		"bad mode":        {key: "q", properties: amqp.BasicProperties{DeliveryMode: 7}, code: amqp.PreconditionFailed},
		"copies (PUB-11)": {key: "q", routed: true, properties: amqp.BasicProperties{Headers: amqp.Table{{Key: "CC", Value: amqp.Array{"copies", "q"}}}}},
		"blind (PUB-12)":  {key: "q", routed: true, properties: amqp.BasicProperties{Headers: amqp.Table{{Key: "BCC", Value: amqp.Array{"copies"}}}}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			if tt.vhost == "" {
				tt.vhost = "v"
			}
			routed, err := b.Publish(tt.vhost, tt.exchange, tt.key, tt.properties.Append(nil), []byte(name))
			var refused *amqp.Error
			switch {
			case tt.code != 0 && (!errors.As(err, &refused) || refused.Code != tt.code):
				t.Errorf("got %v, want %d", err, tt.code)
			case tt.code == 0 && !errors.Is(err, tt.err):
				t.Errorf("got %v, want %v", err, tt.err)
			case routed != tt.routed:
				t.Errorf("routed is %v", routed)
			}
		})
	}
	for queue, want := range map[string][]string{
		"q": {"blind (PUB-12)", "copies (PUB-11)", "routed"}, "copies": {"blind (PUB-12)", "copies (PUB-11)"}, "full": nil,
	} {
		all, err := b.Peek("v", queue)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, m := range all {
			got = append(got, string(m.Body))
			if _, seen := m.Properties.Header("BCC"); seen {
				t.Errorf("%s: the header BCC is seen", queue)
			}
		}
		if slices.Sort(got); !slices.Equal(got, want) {
			t.Errorf("queue %s has %v, want %v", queue, got, want)
		}
	}
}

// LAV-14: an exchange drops the duplicates of a program, too, unless the message
// was in no queue before.
func TestProgramsPublishOnce(t *testing.T) {
	b := New(Options{})
	defer func() { _ = b.Shutdown(t.Context()) }()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(b.DeclareExchange("/", Exchange{Name: "x", Type: "fanout", Arguments: map[string]any{"x-message-deduplication": true}}))
	must(b.DeclareQueue("/", Queue{Name: "q", Arguments: map[string]any{"x-max-length": 1, "x-overflow": "reject-publish"}}))
	publish := func(id string, routed bool, refused error) {
		t.Helper()
		p := identified(id)
		if got, err := b.Publish("/", "x", "", p.Append(nil), nil); got != routed || !errors.Is(err, refused) {
			t.Errorf("%s: routed is %v, error %v", id, got, err)
		}
	}
	publish("1", false, nil)
	must(b.Bind("/", Binding{Source: "x", Destination: "q"}))
	publish("1", true, nil)
	publish("2", true, ErrRefused)
	publish("1", false, nil)
	if _, err := b.PurgeQueue("/", "q"); err != nil {
		t.Fatal(err)
	}
	publish("1", false, nil)
	publish("2", true, nil)
}
