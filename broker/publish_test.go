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
