package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rabbitmq/amqp091-go"

	"github.com/leveretmq/leveret/broker"
)

// killedStore returns the data directory of a broker that was killed after
// fill had published to it.
func killedStore(t *testing.T, fill func(ch *amqp091.Channel)) string {
	t.Helper()
	dir := t.TempDir()
	cmd, _, url := serveProcess(t, "--data-dir="+dir)
	_, ch := openChannel(t, url)
	if err := ch.Confirm(false); err != nil {
		t.Fatal(err)
	}
	fill(ch)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // it was killed
	return dir
}

func declare(t *testing.T, ch *amqp091.Channel, queue string) {
	t.Helper()
	if _, err := ch.QueueDeclare(queue, true, false, false, false, nil); err != nil {
		t.Fatal(err)
	}
}

// store publishes a persistent message and waits until it is stored.
func store(t *testing.T, ch *amqp091.Channel, queue string, p amqp091.Publishing) {
	t.Helper()
	p.DeliveryMode = amqp091.Persistent
	c, err := ch.PublishWithDeferredConfirm("", queue, true, false, p)
	if err != nil {
		t.Fatal(err)
	}
	if !c.Wait() {
		t.Fatal("refused")
	}
}

// leveret runs a command that ends by itself, and returns its exit status and
// what it printed.
func leveret(t *testing.T, args ...string) (status int, out, errs string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := command(t, args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()
}

// tree returns what is in a directory.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[path] = fmt.Sprint(info.Mode(), info.ModTime(), info.Size())
		if d.Type().IsRegular() { // the socket of a broker that was killed is not
			b, err := os.ReadFile(path)
			all[path] += string(b)
			return err
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestCheckCountsWhatAKilledBrokerHasStored(t *testing.T) {
	dir := killedStore(t, func(ch *amqp091.Channel) {
		declare(t, ch, "a")
		declare(t, ch, "b c")
		if err := ch.ExchangeDeclare("x", "fanout", true, false, false, false, nil); err != nil {
			t.Fatal(err)
		}
		if err := ch.QueueBind("a", "", "x", false, nil); err != nil {
			t.Fatal(err)
		}
		for range 10 {
			store(t, ch, "a", amqp091.Publishing{Body: make([]byte, 1000)})
		}
		store(t, ch, "b c", amqp091.Publishing{})
	})
	before := tree(t, dir)
	status, out, errs := leveret(t, "check", dir)
	const want = `vhost "/": 2 queues, 1 exchanges, 1 bindings
  queue "a": 10 messages, 10000 bytes
  queue "b c": 1 messages, 0 bytes
1 vhosts, 2 queues, 11 messages with 10000 bytes; not stopped in order: messages may have been delivered already
no damage found
`
	if status != 0 || out != want || errs != "" {
		t.Errorf("ended with %d, printed %s%s", status, out, errs)
	}
	if !maps.Equal(before, tree(t, dir)) {
		t.Error("the directory has changed")
	}
}

func TestCheckNamesMessagesThatAreDamaged(t *testing.T) {
	dir := killedStore(t, func(ch *amqp091.Channel) {
		declare(t, ch, "q")
		for i := range 10 {
			store(t, ch, "q", amqp091.Publishing{Body: fmt.Appendf(nil, "message %d", i)})
		}
	})
	damaged := ""
	for path, content := range tree(t, dir) {
		b, err := os.ReadFile(path)
		if i := bytes.Index(b, []byte("message 5")); err == nil && i >= 0 && content != "" {
			damaged, b[i] = path, 'M'
			if err := os.WriteFile(path, b, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	before := tree(t, dir)
	status, out, errs := leveret(t, "check", dir)
	if status != 1 || !strings.Contains(out, damaged) || !strings.Contains(out, "damage: ") ||
		!strings.Contains(out, `queue "q": 9 messages, 81 bytes; 1 more are lost`) || !strings.Contains(errs, "is damaged in 1 places") {
		t.Errorf("ended with %d, printed %s%s", status, out, errs)
	}
	status, out, errs = leveret(t, "dump", dir, "q")
	if status != 1 || strings.Count(out, "\n") != 9 || strings.Contains(out, "essage 5") || !strings.Contains(errs, "damaged") {
		t.Errorf("ended with %d, printed %s%s", status, out, errs)
	}
	if !maps.Equal(before, tree(t, dir)) {
		t.Error("the directory has changed")
	}
}

func TestCheckRefusesWhatItCannotRead(t *testing.T) {
	used := t.TempDir()
	_, out, _ := serveProcess(t, "--data-dir="+used)
	awaitLine(t, out, "Server startup complete")
	empty := t.TempDir()
	for name, tt := range map[string]struct {
		args []string
		want string
	}{
		"in use":        {[]string{"check", used}, "a broker uses " + used + ": stop it first"},
		"dump in use":   {[]string{"dump", used, "q"}, "a broker uses " + used},
		"no store":      {[]string{"check", empty}, empty + " is not a data directory"},
		"not there":     {[]string{"check", empty + "/none"}, "none is not a data directory"},
		"no argument":   {[]string{"check"}, "want one argument"},
		"two arguments": {[]string{"check", "a", "b"}, "want one argument"},
		"unknown flag":  {[]string{"check", "--fix", "a"}, "flag provided but not defined"},
		"no queue":      {[]string{"dump", empty}, "want two arguments"},
		"too many":      {[]string{"dump", empty, "a", "b"}, `unexpected argument "b"`},
	} {
		t.Run(name, func(t *testing.T) {
			if status, out, errs := leveret(t, tt.args...); status != 2 || !strings.Contains(errs, tt.want) || out != "" {
				t.Errorf("ended with %d, printed %s%s, want %q", status, out, errs, tt.want)
			}
		})
	}
	if len(tree(t, empty)) != 1 {
		t.Error("something was made in the empty directory")
	}
}

func TestDumpPrintsMessagesAsJSONLines(t *testing.T) {
	dir := killedStore(t, func(ch *amqp091.Channel) {
		declare(t, ch, "q")
		store(t, ch, "q", amqp091.Publishing{
			Body: []byte("h\u00e9llo <&>"), ContentType: "text/plain", ContentEncoding: "ce", Priority: 3, CorrelationId: "c",
			ReplyTo: "r", Expiration: "60000", MessageId: "m", Timestamp: time.Unix(1e9, 0), Type: "t", UserId: "guest", AppId: "a",
			Headers: amqp091.Table{"table": amqp091.Table{"list": []any{
				int32(1), "s", []byte{1, 2}, true, nil, 1.5, amqp091.Decimal{Scale: 2, Value: 314}, time.Unix(2e9, 0),
			}}},
		})
		store(t, ch, "q", amqp091.Publishing{Body: []byte{0xff, 0}})
		store(t, ch, "q", amqp091.Publishing{})
	})
	status, out, errs := leveret(t, "dump", dir, "q", "--vhost", "/")
	if status != 0 || errs != "" {
		t.Fatalf("ended with %d, printed %s", status, errs)
	}
	want := []string{
		`{"position":1,"exchange":"","routing_key":"q","redelivered":true,"properties":{"content_type":"text/plain","content_encoding":"ce",` +
			`"headers":{"table":{"list":[1,"s","AQI=",true,null,1.5,314e-2,2000000000]}},"delivery_mode":2,"priority":3,"correlation_id":"c",` +
			`"reply_to":"r","expiration":"60000","message_id":"m","timestamp":1000000000,"type":"t","user_id":"guest","app_id":"a"},` +
			`"payload_bytes":10,"payload_encoding":"string","payload":"h\u00e9llo <&>"}`,
		`{"position":2,"exchange":"","routing_key":"q","redelivered":true,"properties":{"delivery_mode":2},` +
			`"payload_bytes":2,"payload_encoding":"base64","payload":"/wA="}`,
		`{"position":3,"exchange":"","routing_key":"q","redelivered":true,"properties":{"delivery_mode":2},` +
			`"payload_bytes":0,"payload_encoding":"string","payload":""}`,
	}
	lines := strings.Split(strings.TrimSuffix(out, "\n"), "\n")
	if len(lines) != len(want) {
		t.Fatalf("printed %s", out)
	}
	for i, line := range lines {
		var got, wanted map[string]any
		if err := errors.Join(json.Unmarshal([]byte(line), &got), json.Unmarshal([]byte(want[i]), &wanted)); err != nil {
			t.Fatal(err)
		}
		expires, _ := time.Parse(time.RFC3339, fmt.Sprint(got["expires"]))
		if left := time.Until(expires); i == 0 && (left <= 0 || left > time.Minute) {
			t.Errorf("it expires in %s", left)
		}
		delete(got, "expires")
		if fmt.Sprint(got) != fmt.Sprint(wanted) {
			t.Errorf("got  %s\nwant %s", line, want[i])
		}
	}
	if status, _, errs := leveret(t, "dump", "--vhost=other", dir, "q"); status != 2 || !strings.Contains(errs, `no durable queue "q" in vhost "other"`) {
		t.Errorf("ended with %d, printed %s", status, errs)
	}
}

func TestDumpPrintsWhatIsDelayed(t *testing.T) {
	dir := killedStore(t, func(ch *amqp091.Channel) {
		err := ch.ExchangeDeclare("later", "x-delayed-message", true, false, false, false, amqp091.Table{"x-delayed-type": "direct"})
		if err != nil {
			t.Fatal(err)
		}
		c, err := ch.PublishWithDeferredConfirmWithContext(t.Context(), "later", "key", false, false, amqp091.Publishing{
			Body: []byte("body"), DeliveryMode: amqp091.Persistent, Headers: amqp091.Table{"x-delay": int32(3_600_000)},
		})
		if err != nil || !c.Wait() {
			t.Fatal("the message is not stored:", err)
		}
	})
	status, out, errs := leveret(t, "dump", dir, "later", "--delayed")
	var got struct {
		RoutingKey       string `json:"routing_key"`
		Expires, Payload string
	}
	if err := json.Unmarshal([]byte(out), &got); status != 0 || err != nil {
		t.Fatalf("ended with %d, printed %s%s: %v", status, out, errs, err)
	}
	due, err := time.Parse(time.RFC3339, got.Expires)
	if left := time.Until(due); err != nil || left < 50*time.Minute || left > time.Hour || got.Payload != "body" || got.RoutingKey != "key" {
		t.Errorf("printed %s", out)
	}
	if status, _, errs := leveret(t, "dump", dir, "other", "--delayed"); status != 2 || !strings.Contains(errs, `no durable exchange with delayed messages, "other"`) {
		t.Errorf("ended with %d, printed %s", status, errs)
	}
}

func TestMessagesThatAreGoneAreReportedTogether(t *testing.T) {
	reason, other := errors.New("reason"), errors.New("other")
	var g gone
	var got []string
	note := func(g gone) {
		if g.count > 0 {
			got = append(got, fmt.Sprint(g.from, g.to, g.count, g.err))
		}
	}
	for _, m := range []broker.StoredMessage{
		{Position: 1, Err: reason},
		{Position: 2, Err: reason},
		{Position: 3, Err: other},
		{Position: 5, Err: other},
		{Position: 6, Err: errors.New("other")},
	} {
		note(g.add(m))
	}
	note(g.end())
	note(g.end())
	if want := []string{"1 2 2 reason", "3 3 1 other", "5 6 2 other"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
