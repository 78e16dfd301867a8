package interop

import (
	"errors"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// janitor removes what outlives the connection that declared it.
var janitor cleaner

type cleaner struct {
	mu struct {
		sync.Mutex
		conn *amqp.Connection
	}
}

func (c *cleaner) deleteQueue(t testing.TB, name string) {
	c.use(t, func(ch *amqp.Channel) error {
		_, err := ch.QueueDelete(name, false, false, false)
		return err
	})
}

func (c *cleaner) deleteExchange(t testing.TB, name string) {
	c.use(t, func(ch *amqp.Channel) error { return ch.ExchangeDelete(name, false, false) })
}

func (c *cleaner) use(t testing.TB, do func(*amqp.Channel) error) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.conn == nil || c.mu.conn.IsClosed() {
		conn, err := amqp.Dial(brokerURL)
		if err != nil {
			t.Errorf("connect to clean up: %v", err)
			return
		}
		c.mu.conn = conn
	}
	ch, err := c.mu.conn.Channel()
	if err == nil {
		err = errors.Join(do(ch), ch.Close())
	}
	if err != nil {
		t.Errorf("clean up: %v", err)
	}
}

func (c *cleaner) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.mu.conn != nil {
		_ = c.mu.conn.Close()
		c.mu.conn = nil
	}
}
