package main

import (
	"bufio"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/rabbitmq/amqp091-go"
)

// spoil changes a byte in the header of the group that the journal of a
// directory has a message in, and returns the file.
func spoil(t *testing.T, dir, body string) (damaged string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "journal", "*.segment"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		before, _, found := strings.Cut(string(b), body)
		if !found {
			continue
		}
		b[strings.LastIndex(before, "LVGP")+24] ^= 1
		if err := os.WriteFile(path, b, 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	t.Fatalf("%q is not in the journal", body)
	return ""
}

func TestLossIsAcceptedOnceAndCounted(t *testing.T) {
	dir := killedStore(t, func(ch *amqp091.Channel) {
		declare(t, ch, "q")
		for i := range 10 {
			store(t, ch, "q", amqp091.Publishing{Body: fmt.Appendf(nil, "message %d", i)})
		}
	})
	damaged := spoil(t, dir, "message 5")
	before := tree(t, dir)
	for range 2 {
		status, out, errs := leveret(t, "serve", "--listen=127.0.0.1:0", "--data-dir="+dir)
		for _, want := range []string{"leveret: --data-dir: storage: " + damaged + " is damaged at ", "see leveret check " + dir, "--accept-loss"} {
			if status != 1 || !strings.Contains(errs, want) || strings.Contains(out, "listener") {
				t.Errorf("ended with %d, printed %s%s, want %q", status, out, errs, want)
			}
		}
	}
	after := tree(t, dir)
	for path, content := range before {
		// What was being made when the broker was killed is removed, and that changes its directory.
		if info, err := os.Stat(path); after[path] != content && !strings.HasSuffix(path, ".new") && (err != nil || !info.IsDir()) {
			t.Errorf("%s has changed", path)
		}
	}
	lost := []string{"accepted a loss: storage: " + damaged + " is damaged at ", `"level":"error","messages":1,"groups":1,`}
	for start, args := range [][]string{{"--accept-loss"}, {"--accept-loss"}, {}} {
		cmd := command(t, append([]string{"serve", "--listen=127.0.0.1:0", "--data-dir=" + dir, "--log-format=json"}, args...)...)
		out := startCommand(t, cmd)
		said, addr := linesBefore(t, out, "started TCP listener on ")
		for _, want := range lost {
			if strings.Contains(said, want) != (start == 0) {
				t.Errorf("start %d: said %s", start, said)
			}
		}
		ch := dialChannel(t, addr)
		q, err := ch.QueueDeclarePassive("q", true, false, false, false, nil)
		if err != nil || q.Messages != 9 {
			t.Errorf("start %d: there are %d messages, %v", start, q.Messages, err)
		}
		if err := cmd.Process.Signal(os.Interrupt); err != nil {
			t.Fatal(err)
		}
		awaitLine(t, out, "stopped")
		if err := cmd.Wait(); err != nil {
			t.Errorf("start %d: ended with %v", start, err)
		}
	}
}

// linesBefore reads output up to a line that contains text, and returns the
// lines before it, and what follows the text up to a quote.
func linesBefore(t *testing.T, out *bufio.Scanner, text string) (before, after string) {
	t.Helper()
	for out.Scan() {
		if _, after, found := strings.Cut(out.Text(), text); found {
			after, _, _ = strings.Cut(after, `"`)
			return before, after
		}
		before += out.Text() + "\n"
	}
	t.Fatalf("the output ended before %q: %s", text, before)
	return "", ""
}
