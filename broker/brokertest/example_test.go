package brokertest_test

import (
	"context"
	"fmt"
	"log"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/broker/brokertest"
)

// t is the test that the examples are, where there is none.
var t = new(exampleT)

// exampleT ends the program where a test would end.
type exampleT struct{ testing.TB }

func (*exampleT) Helper()                           {}
func (*exampleT) Cleanup(func())                    {}
func (*exampleT) Fatal(args ...any)                 { log.Panic(args...) }
func (*exampleT) Fatalf(format string, args ...any) { log.Panicf(format, args...) }

// send publishes a message as an application does, and reports whether the broker
// has taken it.
func send(ch *amqp.Channel, queue, body string) bool {
	d, err := ch.PublishWithDeferredConfirm("", queue, false, false, amqp.Publishing{Body: []byte(body)})
	if err != nil {
		log.Panic(err)
	}
	ok, err := d.WaitContext(context.Background())
	return ok && err == nil
}

// open connects an application.
func open(url string) (*amqp.Connection, *amqp.Channel) {
	conn, err := amqp.Dial(url)
	if err != nil {
		log.Panic(err)
	}
	ch, err := conn.Channel()
	if err == nil {
		err = ch.Confirm(false)
	}
	if err != nil {
		log.Panic(err)
	}
	return conn, ch
}

// In a test it is brokertest.Start(t), and there is nothing to close.
func Example() {
	b, err := brokertest.New()
	if err != nil {
		log.Panic(err)
	}
	defer b.Close()
	orders := b.DeclareQueue(t, broker.Queue{Name: "orders"})

	conn, ch := open(b.URL())
	defer conn.Close()
	send(ch, "orders", "one tea")

	for _, m := range orders.WaitMessages(t, 1) {
		fmt.Printf("%s, redelivered: %v\n", m.Body, m.Redelivered)
	}
	// Output: one tea, redelivered: false
}

func ExampleBroker_Advance() {
	b, err := brokertest.New()
	if err != nil {
		log.Panic(err)
	}
	defer b.Close()
	b.DeclareQueue(t, broker.Queue{Name: "reminders", Arguments: map[string]any{
		"x-message-ttl": 24 * time.Hour.Milliseconds(), "x-dead-letter-exchange": "", "x-dead-letter-routing-key": "due",
	}})
	due := b.DeclareQueue(t, broker.Queue{Name: "due"})
	b.Queue("reminders").Publish(t, brokertest.Message{Body: []byte("call home")})

	b.Advance(24 * time.Hour)
	fmt.Printf("%s\n", due.Messages(t)[0].Body)
	// Output: call home
}

func ExampleBroker_Inject() {
	b, err := brokertest.New()
	if err != nil {
		log.Panic(err)
	}
	defer b.Close()
	orders := b.DeclareQueue(t, broker.Queue{Name: "orders"})
	conn, ch := open(b.URL())
	defer conn.Close()

	b.Inject(brokertest.AtPublish, brokertest.Nack, brokertest.Next(1))
	for try := 1; !send(ch, "orders", "one tea"); try++ {
		fmt.Println("nack at try", try)
	}
	fmt.Println(orders.Len(), "message")
	// Output:
	// nack at try 1
	// 1 message
}

func ExampleConnection_Drop() {
	b, err := brokertest.New()
	if err != nil {
		log.Panic(err)
	}
	defer b.Close()
	b.DeclareQueue(t, broker.Queue{Name: "orders"}).Publish(t, brokertest.Message{Body: []byte("one tea")})

	_, ch := open(b.URL())
	if _, err := ch.Consume("orders", "waiter", false, false, false, false, nil); err != nil {
		log.Panic(err)
	}
	b.Queue("orders").WaitUnacknowledged(t, 1)
	b.Connections()[0].Drop()
	b.Queue("orders").WaitReady(t, 1)
	fmt.Println("redelivered:", b.Queue("orders").Messages(t)[0].Redelivered)
	// Output: redelivered: true
}
