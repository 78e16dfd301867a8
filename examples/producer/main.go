// Command producer publishes greetings to the broker at AMQP_URL, each after the one
// before it is confirmed, until it is told to stop.
//
//	producer [-n COUNT] [-every TIME]
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

func main() {
	n := flag.Int("n", 0, "stop after `COUNT` greetings; 0 goes on")
	every := flag.Duration("every", time.Second, "`TIME` from one to the next")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := produce(ctx, os.Getenv("AMQP_URL"), *n, *every); err != nil && !errors.Is(err, context.Canceled) {
		log.Fatal(err)
	}
}

// produce publishes n greetings, or goes on until ctx is done.
func produce(ctx context.Context, url string, n int, every time.Duration) error {
	conn, err := amqp.Dial(url)
	if err != nil {
		return err
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	if err := ch.Confirm(false); err != nil {
		return err
	}
	q, err := ch.QueueDeclare("greetings", true, false, false, false, nil)
	if err != nil {
		return err
	}
	for i := 1; n == 0 || i <= n; i++ {
		greeting := fmt.Sprint("hello ", i)
		m := amqp.Publishing{DeliveryMode: amqp.Persistent, ContentType: "text/plain", Body: []byte(greeting)}
		confirm, err := ch.PublishWithDeferredConfirmWithContext(ctx, "", q.Name, true, false, m)
		if err != nil {
			return err
		}
		if acked, err := confirm.WaitContext(ctx); err != nil || !acked {
			return errors.Join(err, fmt.Errorf("%q was confirmed: %v", greeting, acked))
		}
		log.Print("confirmed: ", greeting)
		select {
		case <-time.After(every):
		case <-ctx.Done():
			return nil
		}
	}
	return nil
}
