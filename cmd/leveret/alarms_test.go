package main

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// publisher publishes to the queue q until it is blocked; the last message
// waits for the end of that.
type publisher struct {
	conn      *amqp091.Connection
	blockings chan amqp091.Blocking
	blocked   atomic.Bool // it was, once
	done      chan error
}

func startPublisher(t *testing.T, url string, body []byte) *publisher {
	t.Helper()
	p := &publisher{blockings: make(chan amqp091.Blocking, 10), done: make(chan error, 1)}
	var ch *amqp091.Channel
	p.conn, ch = openChannel(t, url)
	told := p.conn.NotifyBlocked(make(chan amqp091.Blocking, 10))
	go func() { // until the connection is closed
		for b := range told {
			p.blocked.Store(true)
			p.blockings <- b
		}
	}()
	go func() {
		for !p.blocked.Load() {
			if err := ch.PublishWithContext(context.Background(), "", "q", false, false, amqp091.Publishing{DeliveryMode: amqp091.Persistent, Body: body}); err != nil {
				p.done <- err
				return
			}
		}
		p.done <- nil
	}()
	return p
}

// await waits until the broker says whether it is blocked.
func (p *publisher) await(t *testing.T) amqp091.Blocking {
	t.Helper()
	select {
	case b := <-p.blockings:
		return b
	case <-time.After(3 * patience):
		t.Fatal("not told whether it is blocked")
	}
	return amqp091.Blocking{}
}

func openChannel(t *testing.T, url string) (*amqp091.Connection, *amqp091.Channel) {
	t.Helper()
	conn, err := amqp091.Dial(url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.CloseDeadline(time.Now().Add(time.Second)) }) // a blocked one is not heard
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return conn, ch
}

// serveProcess starts leveret serve as a process of its own, and returns its
// output and the URL for clients.
func serveProcess(t *testing.T, args ...string) (*exec.Cmd, *bufio.Scanner, string) {
	t.Helper()
	cmd := command(t, append([]string{"serve", "--listen=127.0.0.1:0"}, args...)...)
	out := startCommand(t, cmd)
	return cmd, out, "amqp://guest:guest@" + awaitAddress(t, out)
}

// anonymous returns how much memory of a process belongs to no file, 0 if the
// system does not tell.
func anonymous(t *testing.T, pid int) (kib int) {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Log(err)
		return 0
	}
	_, line, _ := strings.Cut(string(status), "RssAnon:")
	if _, err := fmt.Sscan(line, &kib); err != nil {
		t.Fatal(err)
	}
	return kib
}

// A broker with little memory is filled until it blocks the publisher; a
// consumer empties it meanwhile, and the publisher may go on.
func TestPublishersAreHeldUpWhileMemoryIsShort(t *testing.T) {
	cmd, out, url := serveProcess(t, "--memory", "--memory-high-watermark=128MiB")
	_, ch := openChannel(t, url)
	if _, err := ch.QueueDeclare("q", false, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	p := startPublisher(t, url, make([]byte, 64<<10))
	if b := p.await(t); !b.Active || b.Reason != "low on memory" {
		t.Fatalf("told %+v", b)
	}
	awaitLine(t, out, "vm_memory_high_watermark set. Memory used:")
	awaitLine(t, out, "memory resource limit alarm set")
	if used := anonymous(t, cmd.Process.Pid); used > 192<<10 {
		t.Errorf("%d KiB are in use", used)
	} else {
		t.Logf("%d KiB are in use", used)
	}

	if err := ch.Qos(100, 0, false); err != nil {
		t.Fatal(err)
	}
	deliveries, err := ch.Consume("q", "", false, false, false, false, nil)
	if err != nil {
		t.Fatal(err)
	}
	for {
		select {
		case d, ok := <-deliveries:
			if !ok || d.Ack(false) != nil {
				t.Fatal("the consumer was cut off")
			}
			continue
		case b := <-p.blockings:
			if b.Active {
				t.Fatalf("told %+v", b)
			}
		case <-time.After(3 * patience):
			t.Fatal("the alarm does not clear")
		}
		break
	}
	awaitLine(t, out, "vm_memory_high_watermark clear. Memory used:")
	awaitLine(t, out, "memory resource limit alarm cleared")
	if err := <-p.done; err != nil {
		t.Error(err)
	}
}

func TestAWatermarkOfZeroHoldsUpAllPublishers(t *testing.T) {
	_, _, url := serveProcess(t, "--memory", "--memory-high-watermark=0")
	if b := startPublisher(t, url, nil).await(t); !b.Active || b.Reason != "low on memory" {
		t.Errorf("told %+v", b)
	}
}
