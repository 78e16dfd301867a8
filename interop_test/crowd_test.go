package interop

import (
	"fmt"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"

	amqp "github.com/rabbitmq/amqp091-go"
)

// Many connections come, each with a channel and a consumer, stay a while, and
// go, half of them without a word: no goroutine and no descriptor remains.
func TestCrowdComesAndLeaves(t *testing.T) {
	if testing.Short() {
		t.Skip("opens thousands of connections")
	}
	n := 5000
	if raced {
		n = 1000
	}
	s := ownServer(t, serverOptions{})
	needDescriptors(t, 2*n+500) // both ends are here
	pub := publisher(t, dialURL(t, s.url()))
	x := unique()
	must(t, pub.ExchangeDeclare(x, "fanout", false, false, false, false, nil))
	goroutines, descriptors := runtime.NumGoroutine(), openDescriptors(t)

	crowd := make([]*guest, n)
	parallel(t, n, func(i int) (err error) {
		crowd[i], err = arrive(s.url(), x)
		return err
	})
	for _, body := range []string{"hello", "goodbye"} {
		put(t, pub, x, "", body)
		for _, g := range crowd {
			equal(t, "body", string(receive(t, g.deliveries).Body), body)
		}
	}
	parallel(t, n, func(i int) error {
		if i%2 == 0 {
			return crowd[i].conn.Close()
		}
		return crowd[i].line.Close()
	})
	eventually(t, func() error {
		if now := runtime.NumGoroutine(); now > goroutines {
			return fmt.Errorf("%d goroutines, %d before", now, goroutines)
		}
		if now := openDescriptors(t); now > descriptors {
			return fmt.Errorf("%d descriptors, %d before", now, descriptors)
		}
		return nil
	})
	must(t, pub.ExchangeDelete(x, true, false)) // no queue is left
}

// guest is one connection with a channel, a queue and a consumer.
type guest struct {
	line       *line
	conn       *amqp.Connection
	deliveries <-chan amqp.Delivery
}

func arrive(url, x string) (*guest, error) {
	g := &guest{line: &line{}}
	var err error
	if g.conn, err = amqp.DialConfig(url, amqp.Config{Dial: g.line.dial}); err != nil {
		return nil, fmt.Errorf("dial: %w", err)
	}
	ch, err := g.conn.Channel()
	if err != nil {
		return nil, fmt.Errorf("open: %w", err)
	}
	q, err := ch.QueueDeclare("", false, false, true, false, nil)
	if err != nil {
		return nil, fmt.Errorf("declare: %w", err)
	}
	if err := ch.QueueBind(q.Name, "", x, false, nil); err != nil {
		return nil, fmt.Errorf("bind: %w", err)
	}
	g.deliveries, err = ch.Consume(q.Name, "", true, false, false, false, nil)
	return g, err
}

// parallel does n things, 50 at a time.
func parallel(t *testing.T, n int, do func(i int) error) {
	t.Helper()
	next := make(chan int)
	var workers sync.WaitGroup
	for range 50 {
		workers.Go(func() {
			for i := range next {
				if err := do(i); err != nil {
					t.Errorf("%d: %v", i, err)
				}
			}
		})
	}
	for i := range n {
		next <- i
	}
	close(next)
	workers.Wait()
	if t.Failed() {
		t.FailNow()
	}
}

// needDescriptors skips the test where a process may not have that many.
func needDescriptors(t *testing.T, n int) {
	t.Helper()
	var limit syscall.Rlimit
	must(t, syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit))
	if limit.Cur < uint64(n) {
		t.Skipf("needs %d descriptors, the limit is %d", n, limit.Cur)
	}
}

// openDescriptors counts this process's descriptors; 0 where that cannot be known.
func openDescriptors(t *testing.T) int {
	t.Helper()
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return 0
	}
	return len(files)
}
