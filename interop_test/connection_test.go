package interop

import (
	"bytes"
	"errors"
	"maps"
	"net/url"
	"slices"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// CONN-01, CONN-02, CONN-03
func TestServerIntroducesItselfAsRabbitMQ(t *testing.T) {
	conn := dial(t)
	equal(t, "major version", conn.Major, 0)
	equal(t, "minor version", conn.Minor, 9)
	same(t, "locales", conn.Locales, []string{"en_US"})

	got := slices.Sorted(maps.Keys(conn.Properties))
	same(t, "server properties", got, []string{
		"capabilities", "cluster_name", "copyright", "information", "platform", "product", "version",
	})
	equal(t, "product", conn.Properties["product"], any("RabbitMQ"))

	all := []string{
		"authentication_failure_close", "basic.nack", "connection.blocked", "consumer_cancel_notify",
		"consumer_priorities", "direct_reply_to", "exchange_exchange_bindings", "per_consumer_qos",
		"publisher_confirms",
	}
	capabilities, _ := conn.Properties["capabilities"].(amqp.Table)
	for name, value := range capabilities {
		equal(t, "capability "+name, value, any(true))
		if !slices.Contains(all, name) {
			t.Errorf("capability %s is unknown to clients", name)
		}
	}
	for _, name := range all {
		if capabilities[name] != true {
			t.Errorf("capability %s is missing", name)
		}
	}
}

// CONN-02
func TestVersionIsRabbitMQs(t *testing.T) {
	inProcess(t)
	conn := dial(t)
	equal(t, "version", conn.Properties["version"], any("3.13.7"))
	for _, key := range []string{"cluster_name", "copyright", "information", "platform"} {
		if s, ok := conn.Properties[key].(string); !ok || s == "" {
			t.Errorf("%s is %v", key, conn.Properties[key])
		}
	}
}

// CONN-16, CONN-21
func TestLimitsAreTheLowerOfBothSides(t *testing.T) {
	for _, tt := range []struct {
		name                   string
		frame                  int
		channels               uint16
		heartbeat              time.Duration
		wantFrame              int
		wantChannels           uint16
		wantHeartbeat          time.Duration
		wantSecondChannelToUse bool
	}{
		{
			name: "the server's", frame: 1 << 20, channels: 5000, heartbeat: 10 * time.Minute,
			wantFrame: 131072, wantChannels: 2047, wantHeartbeat: time.Minute, wantSecondChannelToUse: true,
		},
		{
			name: "the client's", frame: 4096, channels: 1, heartbeat: 7 * time.Second,
			wantFrame: 4096, wantChannels: 1, wantHeartbeat: 7 * time.Second,
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			conn := dial(t, frameMax(tt.frame), channelMax(tt.channels), heartbeat(tt.heartbeat))
			equal(t, "frame-max", conn.Config.FrameSize, tt.wantFrame)
			equal(t, "channel-max", conn.Config.ChannelMax, tt.wantChannels)
			equal(t, "heartbeat", conn.Config.Heartbeat, tt.wantHeartbeat)

			ch := publisher(t, conn)
			q := private(t, ch)
			put(t, ch, "", q, "hello")
			equal(t, "body", string(get(t, ch, q).Body), "hello")
			_, err := conn.Channel()
			equal(t, "a second channel opens", err == nil, tt.wantSecondChannelToUse)
		})
	}
}

// CONN-06
func TestAMQPlainLogsIn(t *testing.T) {
	conn := dial(t, func(c *amqp.Config) {
		c.SASL = []amqp.Authentication{&amqp.AMQPlainAuth{Username: "guest", Password: "guest"}}
	})
	open(t, conn)
}

// CONN-11, CONN-12: the Go client lacks authentication_failure_close, so the
// server says nothing and closes the socket after a while.
func TestWrongCredentialsAreRefused(t *testing.T) {
	if testing.Short() {
		t.Skip("the refusal takes three seconds")
	}
	for _, tt := range []struct {
		name string
		auth amqp.Authentication
	}{
		{"PLAIN, wrong password", &amqp.PlainAuth{Username: "guest", Password: "wrong"}},
		{"PLAIN, no such user", &amqp.PlainAuth{Username: "nobody", Password: "guest"}},
		{"AMQPLAIN, wrong password", &amqp.AMQPlainAuth{Username: "guest", Password: "wrong"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			began := time.Now()
			_, err := amqp.DialConfig(brokerURL, amqp.Config{SASL: []amqp.Authentication{tt.auth}})
			if !errors.Is(err, amqp.ErrCredentials) {
				t.Errorf("got %v, want %v", err, amqp.ErrCredentials)
			}
			if took := time.Since(began); took < 2*time.Second {
				t.Errorf("refused after %v, want 3 s", took)
			}
		})
	}
}

// CONN-25
func TestUnknownVhostIsNamed(t *testing.T) {
	for _, vhost := range []string{"nope", "/nope", "a b"} {
		u, err := url.Parse(brokerURL)
		must(t, err)
		_, err = amqp.DialConfig(u.String(), amqp.Config{Vhost: vhost})
		wantError(t, err, 530, "NOT_ALLOWED - vhost "+vhost+" not found")
	}
}

// CTL-14
func TestUpdateSecretIsAnswered(t *testing.T) {
	conn := dial(t)
	must(t, conn.UpdateSecret("anything", "renewal"))
	open(t, conn)
}

// CTL-01, CTL-17
func TestExclusiveQueueIsFreeWhenCloseReturns(t *testing.T) {
	name := unique()
	for range 20 {
		conn := dial(t)
		ch := publisher(t, conn)
		q, err := ch.QueueDeclare(name, false, false, true, false, nil)
		must(t, err)
		equal(t, "messages", q.Messages, 0)
		put(t, ch, "", name, "of this connection")
		must(t, conn.Close())
	}
}

// CTL-05: the socket goes without a word, and the client comes back at once.
func TestExclusiveQueueIsFreeAfterACut(t *testing.T) {
	name := unique()
	for range 20 {
		l := &line{}
		conn := dialLine(t, l)
		declareAgain(t, conn, name)
		ch := publisher(t, conn)
		put(t, ch, "", name, "of this connection")
		l.cut(t, conn)
	}
}

// declareAgain declares an exclusive queue that a connection which was cut may
// still hold for a moment.
func declareAgain(t *testing.T, conn *amqp.Connection, name string) {
	t.Helper()
	eventually(t, func() error {
		q, err := open(t, conn).QueueDeclare(name, false, false, true, false, nil)
		if err == nil {
			equal(t, "messages", q.Messages, 0)
		}
		return err
	})
}

// HB-01, HB-05
func TestHeartbeatsKeepAnIdleConnection(t *testing.T) {
	if testing.Short() {
		t.Skip("takes four seconds")
	}
	beats := make(chan struct{}, 100)
	l := &line{heard: func(p []byte) {
		if bytes.Equal(p, []byte{8, 0, 0, 0, 0, 0, 0, 0xCE}) {
			beats <- struct{}{}
		}
	}}
	conn := dialLine(t, l, heartbeat(time.Second))
	began := time.Now()
	for range 8 {
		await(t, beats, "a heartbeat")
	}
	if took := time.Since(began); took < 2*time.Second || took > patience {
		t.Errorf("eight heartbeats took %v, want about 4 s", took)
	}
	open(t, conn)
}

// HB-03: a silent client is cut off between two and three intervals, and told nothing.
func TestSilentClientIsCutOff(t *testing.T) {
	if testing.Short() {
		t.Skip("takes three seconds")
	}
	l := &line{}
	conn := dialLine(t, l, heartbeat(time.Second))
	closed := conn.NotifyClose(make(chan *amqp.Error, 1))
	l.mute.Store(true)
	began := time.Now()
	err := await(t, closed, "the server to drop the connection")
	if took := time.Since(began); took < time.Second || took > patience {
		t.Errorf("cut after %v, want 2 to 3 s", took)
	}
	if err.Server {
		t.Errorf("the server said %v, want no connection.close", err)
	}
}
