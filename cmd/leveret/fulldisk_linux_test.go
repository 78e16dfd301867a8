package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// Whoever waits for room on a full disk does not hold up a stop for longer than
// that may take, and what was confirmed is there at the next start.
func TestAFullDiskDoesNotHoldUpAStop(t *testing.T) {
	disk := smallDisk(t, "size=64m")
	data := filepath.Join(disk, "data")
	cmd, out, url := serveProcess(t, "--data-dir="+data, "--disk-free-limit=0")
	_, ch := openChannel(t, url)
	declare(t, ch, "q")
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	store(t, ch, "q", amqp091.Publishing{}) // for which the first segment stays in the journal
	confirms := ch.NotifyPublish(make(chan amqp091.Confirmation, 100))
	go func() { // until the connection is closed
		for ch.Publish("", "q", false, false, amqp091.Publishing{DeliveryMode: amqp091.Persistent, Body: make([]byte, 1<<20)}) == nil {
		}
	}()
	awaitLine(t, out, "disk resource limit alarm set")
	for range 10 { // which wait for their answers
		_, ch := openChannel(t, url)
		go func() { _, _ = ch.QueueDeclare("", true, false, false, false, nil) }()
	}
	began := time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, out, "no space left")
	for out.Scan() { // to its end
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("ended with %v, want 1", err)
	}
	if took := time.Since(began); took > shutdownLimit+patience/2 {
		t.Errorf("it took %v", took)
	}
	confirmed := 0
	for c := range confirms {
		if c.Ack {
			confirmed++
		}
	}
	if err := syscall.Mount("tmpfs", disk, "tmpfs", syscall.MS_REMOUNT, "size=100m"); err != nil {
		t.Fatal(err)
	}
	_, _, again := serveProcess(t, "--data-dir="+data) // who publishes still has url and ch
	_, reader := openChannel(t, again)
	if q, err := reader.QueueDeclarePassive("q", true, false, false, false, nil); err != nil || confirmed == 0 || q.Messages < confirmed {
		t.Errorf("there are %d messages of %d that were confirmed, %v", q.Messages, confirmed, err)
	}
}

// A broker starts where there is no room for its first segment, and can be
// stopped.
func TestAStartOnAFullDiskCanBeStopped(t *testing.T) {
	disk := smallDisk(t, "size=512k")
	cmd, out, _ := serveProcess(t, "--data-dir="+filepath.Join(disk, "data"))
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	awaitLine(t, out, "no space left")
	for out.Scan() { // to its end
	}
	var exit *exec.ExitError
	if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("ended with %v, want 1", err)
	}
}
