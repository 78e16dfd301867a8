package interop

import (
	"fmt"
	"sync"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Whoever comes and goes, each group is worked off in its order and by one
// worker at a time, and everything is.
func TestWorkersShareGroups(t *testing.T) {
	if external() {
		t.Skip("RabbitMQ has no message groups")
	}
	const groups, each, workers = 50, 40, 4
	admin := publisher(t, dial(t))
	queue, err := admin.QueueDeclare(unique(), true, false, false, false, amqp.Table{"x-message-groups": true})
	must(t, err)
	t.Cleanup(func() { janitor.deleteQueue(t, queue.Name) })
	log := groupLog{next: map[string]int{}, all: make(chan struct{}), left: groups * each}
	var running sync.WaitGroup
	for range workers {
		running.Go(func() { log.work(t, dial(t), queue.Name) })
	}
	for i := range each {
		for g := range groups {
			m := text(fmt.Sprint(i))
			m.Headers, m.DeliveryMode = amqp.Table{"x-group-id": fmt.Sprint("g", g)}, amqp.Persistent
			send(t, admin, "", queue.Name, m)
		}
	}
	await(t, log.all, "all to be done")
	running.Wait()
	wantReady(t, admin, queue.Name, 0)
}

// groupLog is what has been done of each group.
type groupLog struct {
	mu    sync.Mutex
	next  map[string]int
	count int
	left  int
	all   chan struct{} // closed when nothing is left
}

// work has one worker after the other take messages, until all is done: each
// gives some back and goes after a while without having settled what it has.
func (l *groupLog) work(t *testing.T, conn *amqp.Connection, queue string) {
	for {
		ch, err := conn.Channel()
		if err != nil {
			t.Error(err)
			return
		}
		if err := ch.Qos(5, 0, false); err != nil {
			t.Error(err)
			return
		}
		deliveries, err := ch.Consume(queue, "", false, false, false, false, nil)
		if err != nil {
			t.Error(err)
			return
		}
		for n := 0; n < 100; n++ {
			select {
			case d := <-deliveries:
				l.do(t, &d)
			case <-l.all:
				return
			}
		}
		if err := ch.Close(); err != nil {
			t.Error(err)
			return
		}
	}
}

// do works off one message, or gives it back.
func (l *groupLog) do(t *testing.T, d *amqp.Delivery) {
	g, _ := d.Headers["x-group-id"].(string)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.count++; l.count%17 == 0 {
		_ = d.Nack(false, true)
		return
	}
	var n int
	_, _ = fmt.Sscan(string(d.Body), &n)
	switch {
	case n > l.next[g]: // one before it was given back, and will come again
		_ = d.Nack(false, true)
	case n < l.next[g]:
		t.Errorf("message %d of %s comes after %d", n, g, l.next[g]-1)
		_ = d.Ack(false)
	default:
		l.next[g]++
		_ = d.Ack(false)
		if l.left--; l.left == 0 {
			close(l.all)
		}
	}
}
