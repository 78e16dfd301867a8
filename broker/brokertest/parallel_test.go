package brokertest_test

import (
	"fmt"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/broker/brokertest"
)

// All 500 are there at once, each with a client of its own. TestMain finds what
// any of them leaves behind.
func TestHundredsRunInParallel(t *testing.T) {
	const brokers = 500
	t.Parallel()
	all := make([]*brokertest.Broker, brokers)
	for i := range all {
		all[i] = brokertest.Start(t)
	}
	t.Run("clients", func(t *testing.T) {
		for i, b := range all {
			t.Run("", func(t *testing.T) {
				t.Parallel()
				dialer := b.Dial
				if i%2 == 0 {
					dialer = nil // TCP
				}
				conn, err := amqp.DialConfig(b.URL(), amqp.Config{Dial: dialer})
				must(t, err)
				defer conn.Close()
				ch := channel(t, conn)
				must(t, ch.Confirm(false))
				q := b.DeclareQueue(t, broker.Queue{Name: "q"})
				equal(t, "acked", acked(t, publish(t, ch, "q", fmt.Sprint(i))), true)
				equal(t, "messages", bodies(q.WaitMessages(t, 1)), []string{fmt.Sprint(i)})
			})
		}
	})
}
