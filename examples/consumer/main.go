// Command consumer prints the greetings that it gets from the broker at AMQP_URL, and
// acknowledges them, until it is told to stop.
//
//	consumer [-n COUNT]
package main

import (
	"context"
	"errors"
	"flag"
	"log"
	"os"
	"os/signal"
	"syscall"

	amqp "github.com/rabbitmq/amqp091-go"
)

func main() {
	n := flag.Int("n", 0, "stop after `COUNT` greetings; 0 goes on")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := consume(ctx, os.Getenv("AMQP_URL"), *n); err != nil {
		log.Fatal(err)
	}
}

// consume takes n greetings, or goes on until ctx is done.
func consume(ctx context.Context, url string, n int) error {
	conn, err := amqp.Dial(url)
	if err != nil {
		return err
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	q, err := ch.QueueDeclare("greetings", true, false, false, false, nil)
	if err != nil {
		return err
	}
	if err := ch.Qos(10, 0, false); err != nil {
		return err
	}
	deliveries, err := ch.Consume(q.Name, "", false, false, false, false, nil)
	if err != nil {
		return err
	}
	for i := 1; n == 0 || i <= n; i++ {
		select {
		case d, open := <-deliveries:
			if !open {
				return errors.New("the broker has closed the channel")
			}
			log.Printf("got: %s", d.Body)
			if err := d.Ack(false); err != nil {
				return err
			}
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}
