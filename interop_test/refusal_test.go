package interop

import (
	"errors"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// refusal is one thing the broker does not do, and what it says.
type refusal struct {
	name string // ids of the behaviours and a few words
	do   func(ch *amqp.Channel) error
	code int
	text string
}

// refusesOnChannel shows that each costs the channel and nothing else.
// CHAN-14, FRM-32, FRM-33
func refusesOnChannel(t *testing.T, conn *amqp.Connection, refusals []refusal) {
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			ch, beside := open(t, conn), open(t, conn)
			closed := ch.NotifyClose(make(chan *amqp.Error, 1))
			if err := r.do(ch); err != nil {
				wantError(t, err, r.code, r.text)
			}
			wantError(t, closing(t, closed), r.code, r.text)

			must(t, beside.Qos(1, 0, false))
			must(t, beside.Close())
			must(t, open(t, conn).Close())
		})
	}
}

// refusesOnConnection shows that each costs the whole connection.
func refusesOnConnection(t *testing.T, refusals []refusal) {
	for _, r := range refusals {
		t.Run(r.name, func(t *testing.T) {
			conn := dial(t)
			closed := conn.NotifyClose(make(chan *amqp.Error, 1))
			if err := r.do(open(t, conn)); err != nil {
				wantError(t, err, r.code, r.text)
			}
			wantError(t, closing(t, closed), r.code, r.text)
		})
	}
}

// closing waits for the reason of a close.
func closing(t testing.TB, closed <-chan *amqp.Error) error {
	t.Helper()
	err := await(t, closed, "the close")
	if err == nil {
		t.Fatal("closed without a reason")
	}
	return err
}

// wantError compares the broker's reply code and text.
func wantError(t testing.TB, err error, code int, text string) {
	t.Helper()
	var e *amqp.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want %d %s", err, code, text)
	}
	if e.Code != code || e.Reason != text {
		t.Errorf("got %d %q\nwant %d %q", e.Code, e.Reason, code, text)
	}
}
