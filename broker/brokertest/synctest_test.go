package brokertest_test

import (
	"testing"
	"testing/synctest"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/broker/brokertest"
)

// In a bubble client and broker have the same clock: both send heartbeats, and
// minutes are over at once.
func TestABubbleHasOneClockForAll(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		b := brokertest.Start(t, brokertest.InProcess())
		q := b.DeclareQueue(t, broker.Queue{Name: "q", Arguments: map[string]any{"x-message-ttl": 600_000}})
		conn, err := amqp.DialConfig(b.URL(), amqp.Config{Dial: b.Dial, Heartbeat: 10 * time.Second})
		must(t, err)
		ch := channel(t, conn)
		must(t, ch.Confirm(false))
		equal(t, "acked", acked(t, publish(t, ch, "q", "m")), true)

		<-time.After(10*time.Minute - time.Millisecond)
		synctest.Wait()
		equal(t, "messages", q.Len(), 1)
		<-time.After(time.Millisecond)
		synctest.Wait()
		equal(t, "messages", q.Len(), 0)
		equal(t, "connections", len(b.Connections()), 1)
		must(t, conn.Close())
	})
}
