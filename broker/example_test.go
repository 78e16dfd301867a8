package broker_test

import (
	"context"
	"fmt"
	"net"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/leveretmq/leveret/broker"
)

// A program with a broker of its own: it listens, a client publishes and
// consumes, and everybody leaves in order.
func ExampleBroker_Serve() {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		fmt.Println(err)
		return
	}
	b := broker.New(broker.Options{})
	served := make(chan error)
	go func() { served <- b.Serve(listener) }()

	client, err := amqp.Dial("amqp://guest:guest@" + listener.Addr().String() + "/")
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(greet(client))
	client.Close()

	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	fmt.Println("shutdown:", b.Shutdown(ctx))
	fmt.Println("serve:", <-served)
	// Output:
	// hello <nil>
	// shutdown: <nil>
	// serve: <nil>
}

// greet publishes one message and consumes it.
func greet(client *amqp.Connection) (string, error) {
	ch, err := client.Channel()
	if err != nil {
		return "", err
	}
	q, err := ch.QueueDeclare("greetings", false, false, false, false, nil)
	if err != nil {
		return "", err
	}
	deliveries, err := ch.Consume(q.Name, "", false, false, false, false, nil)
	if err != nil {
		return "", err
	}
	err = ch.PublishWithContext(context.Background(), "", q.Name, false, false, amqp.Publishing{Body: []byte("hello")})
	if err != nil {
		return "", err
	}
	d := <-deliveries
	return string(d.Body), d.Ack(false)
}

// Without a listener: a client in the same process, on one end of a pipe.
func ExampleBroker_ServeConn() {
	b := broker.New(broker.Options{DefaultUser: "me", DefaultPass: "secret"})
	near, far := net.Pipe()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		b.ServeConn(far)
	}()

	client, err := amqp.Open(near, amqp.Config{
		Vhost: "/",
		SASL:  []amqp.Authentication{&amqp.PlainAuth{Username: "me", Password: "secret"}},
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(greet(client))
	client.Close()
	<-ended
	// Output:
	// hello <nil>
}

// What consumers could not deal with lies in a queue for dead letters. When the
// fault is mended, it goes back: here by an exchange, by default to where each
// message died.
func ExampleBroker_Redrive() {
	b := broker.New(broker.Options{})
	client, server := net.Pipe()
	go b.ServeConn(server)
	connection, err := amqp.Open(client, amqp.Config{
		SASL: []amqp.Authentication{&amqp.PlainAuth{Username: "guest", Password: "guest"}}, Vhost: "/",
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer connection.Close()
	ch, err := bury(connection, "dead", "first", "second")
	if err != nil {
		fmt.Println(err)
		return
	}

	exchange := "amq.fanout"
	moved, err := b.Redrive(context.Background(), "/", "dead", broker.RedriveOptions{Exchange: &exchange, Count: 1})
	fmt.Println("moved:", moved, err)
	message, _, err := ch.Get("work", true)
	fmt.Printf("work: %s %v\n", message.Body, err)
	// Output:
	// moved: 1 <nil>
	// work: first <nil>
}

// bury declares a queue for dead letters with some of them, and a queue work.
func bury(connection *amqp.Connection, dead string, bodies ...string) (*amqp.Channel, error) {
	ch, err := connection.Channel()
	if err != nil {
		return nil, err
	}
	for _, name := range []string{dead, "work"} {
		if _, err := ch.QueueDeclare(name, false, false, false, false, nil); err != nil {
			return nil, err
		}
	}
	for _, body := range bodies {
		err := ch.PublishWithContext(context.Background(), "", dead, false, false, amqp.Publishing{Body: []byte(body)})
		if err != nil {
			return nil, err
		}
	}
	return ch, ch.QueueBind("work", "", "amq.fanout", false, nil) // is answered when they are there
}
