package main

import (
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"
)

// started is leveret serve as a process, with the address where it listens.
func started(t *testing.T, cmd *exec.Cmd) (addr string) {
	t.Helper()
	return awaitAddress(t, startCommand(t, cmd))
}

func dialChannel(t *testing.T, addr string) *amqp091.Channel {
	t.Helper()
	conn, err := amqp091.Dial("amqp://" + addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	ch, err := conn.Channel()
	if err != nil {
		t.Fatal(err)
	}
	return ch
}

func TestDurableQueuesSurviveAKill(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "data")
	serve := func() *exec.Cmd { return command(t, "serve", "--listen=127.0.0.1:0", "--data-dir="+dir) }
	cmd := serve()
	ch := dialChannel(t, started(t, cmd))
	for _, name := range []string{"one", "two"} {
		if _, err := ch.QueueDeclare(name, true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := ch.QueueDelete("two", false, false, false); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()

	cmd = serve()
	ch = dialChannel(t, started(t, cmd))
	if _, err := ch.QueueDeclarePassive("one", true, false, false, false, nil); err != nil {
		t.Error(err)
	}
	if _, err := ch.QueueDeclarePassive("two", true, false, false, false, nil); err == nil {
		t.Error("a deleted queue is there again")
	}
	info, err := os.Stat(dir)
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the directory has the mode %v, %v", info.Mode(), err)
	}
	second, err := serve().CombinedOutput()
	if err == nil || !strings.Contains(string(second), "leveret: --data-dir: storage: in use by another process: "+dir) {
		t.Errorf("a second broker printed %q and ended with %v", second, err)
	}
}

func TestADirectoryThatCannotBeUsedIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	damaged := t.TempDir()
	if err := startServe(t, "--listen=127.0.0.1:0", "--data-dir="+damaged).ended(t); err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(damaged, "mark")
	if err := os.WriteFile(mark, make([]byte, 8192), 0o600); err != nil {
		t.Fatal(err)
	}
	for dir, want := range map[string]string{
		file:    "--data-dir: ",
		damaged: "see leveret check " + damaged + ", or go on without what is lost: --accept-loss",
	} {
		err := <-startServe(t, "--listen=127.0.0.1:0", "--data-dir="+dir).done
		if err == nil || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), dir) {
			t.Errorf("%s: got %v, want %q", dir, err, want)
		}
	}
}

// What cannot be written, here because no file may grow so large, ends the
// process at once, and nothing is said to be done that is not.
func TestAFailingWriteEndsTheProcess(t *testing.T) {
	dir := t.TempDir()
	shell := command(t, "serve", "--listen=127.0.0.1:0", "--data-dir="+dir, "--log-format=json",
		"--journal-size=1MiB") // small segments: one that grows larger is that of a large message
	shell.Args = append([]string{"sh", "-c", `ulimit -f 4096 && exec "$0" "$@"`}, shell.Args...)
	sh, err := exec.LookPath("sh")
	if err != nil {
		t.Skip(err)
	}
	shell.Path = sh
	out := startCommand(t, shell)
	ch := dialChannel(t, awaitAddress(t, out))
	if _, err := ch.QueueDeclare("q", true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	large := amqp091.Publishing{DeliveryMode: amqp091.Persistent, Body: make([]byte, 5<<20)}
	confirm, err := ch.PublishWithDeferredConfirm("", "q", false, false, large)
	if err != nil {
		t.Fatal(err)
	}
	if confirm.Wait() {
		t.Error("a message is confirmed that was not written")
	}
	failed := time.Now()
	line := awaitLine(t, out, "the store has failed")
	if !strings.Contains(line, `"level":"error"`) ||
		!strings.Contains(line, "fallocate "+filepath.Join(dir, "journal")) || !strings.Contains(line, "file too large") {
		t.Errorf("logged %s", line)
	}
	for out.Scan() { // to its end
	}
	var exit *exec.ExitError
	if err := shell.Wait(); !errors.As(err, &exit) || exit.ExitCode() != 1 {
		t.Errorf("ended with %v, want 1", err)
	}
	if took := time.Since(failed); took >= shutdownLimit { // that of who waits for somebody
		t.Errorf("it took %v", took)
	}
	cmd := command(t, "serve", "--listen=127.0.0.1:0", "--data-dir="+dir)
	cmd.Stderr = io.Discard
	started(t, cmd)
}
