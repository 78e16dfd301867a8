package brokertest_test

import (
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/leveretmq/leveret/broker/brokertest"
)

// BenchmarkStart is the time until a broker accepts connections, and that until it
// has ended.
func BenchmarkStart(b *testing.B) {
	for b.Loop() {
		k, err := brokertest.New()
		must(b, err)
		must(b, k.Close())
	}
}

// BenchmarkStartToConfirm is the time from Start until the first message that a
// client has published over TCP is confirmed.
func BenchmarkStartToConfirm(b *testing.B) {
	for b.Loop() {
		k, err := brokertest.New()
		must(b, err)
		conn, err := amqp.Dial(k.URL())
		must(b, err)
		ch := channel(b, conn)
		must(b, ch.Confirm(false))
		_, err = ch.QueueDeclare("q", false, false, false, false, nil)
		must(b, err)
		if !acked(b, publish(b, ch, "q", "m")) {
			b.Fatal("the message is not confirmed")
		}
		b.StopTimer()
		must(b, conn.Close())
		must(b, k.Close())
		b.StartTimer()
	}
}
