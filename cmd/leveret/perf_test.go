package main

import (
	"encoding/json"
	"errors"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/broker/brokertest"
	"github.com/leveretmq/leveret/internal/perf"
)

// loadOf is what options of leveret perf ask for.
func loadOf(t *testing.T, options ...string) (l perf.Load, err error) {
	t.Helper()
	command := perfCommand()
	command.Subcommands = nil
	command.Action = func(c *cli.Context) error {
		l, err = perfLoad(c)
		return err
	}
	app := newApp(t.Output())
	app.Commands = []*cli.Command{command}
	return l, app.RunContext(t.Context(), append([]string{"leveret", "perf"}, options...))
}

func TestPerfTakesTheOptionsOfPerfTest(t *testing.T) {
	for options, want := range map[string]func(*perf.Load){
		"":                     func(*perf.Load) {},
		"-x 2 -y 3 -s 1000 -a": func(l *perf.Load) { l.Producers, l.Consumers, l.Size, l.AutoAck = 2, 3, 1000, true },
		"--producers 2 --consumers 3 --size 1000 --autoack": func(l *perf.Load) {
			l.Producers, l.Consumers, l.Size, l.AutoAck = 2, 3, 1000, true
		},
		"-X 2 -Y 3 -m 4 -n 5": func(l *perf.Load) {
			l.ProducerChannels, l.ConsumerChannels, l.CommitPublishes, l.CommitDeliveries = 2, 3, 4, 5
		},
		"-cri 0.5":                              func(l *perf.Load) { l.Recover = 500 * time.Millisecond },
		"-h amqp://a,amqp://b":                  func(l *perf.Load) { l.URIs = []string{"amqp://a", "amqp://b"} },
		"-f persistent -f mandatory -c 10":      func(l *perf.Load) { l.Persistent, l.Durable, l.Mandatory, l.Confirm = true, true, true, 10 },
		"-f persistent,mandatory --confirm 10":  func(l *perf.Load) { l.Persistent, l.Durable, l.Mandatory, l.Confirm = true, true, true, 10 },
		"-q 100 -A 10 -r 1.5 -R 2":              func(l *perf.Load) { l.Prefetch, l.AckEvery, l.Rate, l.ConsumeRate = 100, 10, 1.5, 2 },
		"-z 30 -i 5 -C 7 -D 8":                  func(l *perf.Load) { l.Time, l.Interval, l.Publish, l.Consume = 30*time.Second, 5*time.Second, 7, 8 },
		"-u a,b -p -ad=false":                   func(l *perf.Load) { l.Queues, l.Predeclared, l.AutoDelete = []string{"a", "b"}, true, false },
		"-t fanout -u a":                        func(l *perf.Load) { l.Exchange, l.Type, l.Queues = "fanout", "fanout", []string{"a"} },
		"-e e -t topic -u a -k k":               func(l *perf.Load) { l.Exchange, l.Type, l.RoutingKey, l.Queues = "e", "topic", "k", []string{"a"} },
		"-e e -u a,b":                           func(l *perf.Load) { l.Exchange, l.RoutingKey, l.Queues = "e", "T", []string{"a", "b"} },
		"-e amq.default -u a":                   func(l *perf.Load) { l.Queues = []string{"a"} },
		"-k a":                                  func(l *perf.Load) { l.RoutingKey, l.Queues = "a", []string{"a"} },
		"-qp q-%02d -qpf 9 -qpt 10":             func(l *perf.Load) { l.Queues = []string{"q-09", "q-10"} },
		"-qa x-max-length=10,x-queue-mode=lazy": func(l *perf.Load) { l.QueueArguments = table("x-max-length", int64(10), "x-queue-mode", "lazy") },
		"-ca x-priority=5":                      func(l *perf.Load) { l.ConsumerArguments = table("x-priority", int64(5)) },
		"-mp priority=5,contentType=text/plain": func(l *perf.Load) { l.Properties = amqp.BasicProperties{Priority: 5, ContentType: "text/plain"} },
		"-mp expiration=60000,delivery-mode=2":  func(l *perf.Load) { l.Properties = amqp.BasicProperties{Expiration: "60000", DeliveryMode: 2} },
		"-mp a=1,b=x":                           func(l *perf.Load) { l.Properties.Headers = table("a", int64(1), "b", "x") },
		"--verify --backlog --patience 2":       func(l *perf.Load) { l.Verify, l.Backlog, l.Patience = true, true, 2*time.Second },
	} {
		expected := perf.Load{
			ID: "T", URIs: []string{"amqp://guest:guest@localhost:5672"}, Producers: 1, Consumers: 1, ProducerChannels: 1, ConsumerChannels: 1,
			Topology: perf.Topology{Queues: []string{"T"}, AutoDelete: true},
			AckEvery: 1, Interval: time.Second, Patience: 10 * time.Second,
		}
		want(&expected)
		got, err := loadOf(t, append([]string{"-d", "T"}, strings.Fields(options)...)...)
		if err != nil || !reflect.DeepEqual(got, expected) {
			t.Errorf("%s:\ngot  %+v (%v)\nwant %+v", options, got, err, expected)
		}
	}
}

func table(pairs ...any) (t amqp.Table) {
	for pair := range slices.Chunk(pairs, 2) {
		t = append(t, amqp.Field{Key: pair[0].(string), Value: pair[1]})
	}
	return t
}

func TestPerfExitsWith64WhereItIsMisused(t *testing.T) {
	for _, options := range []string{
		"--nonsense", "-x two", "-x -1", "-x 0 -y 0", "extra", "-q 65536", "-f delayed", "-u a -k b", "-qp q-%d", "-qp q -qpf 1 -qpt 2",
		"-qp q-%d -qpf 2 -qpt 1", "-qa x", "-mp priority=high", "-h localhost:5672", "--verify -y 0", "-q 5 -A 10", "throughput -x two",
		"queue-churn -x two", "queue-churn -x 0", "queue-churn -z -1", "queue-churn extra",
	} {
		err := newApp(t.Output()).RunContext(t.Context(), append([]string{"leveret", "perf"}, strings.Fields(options)...))
		if err == nil || exitStatus(err) != 64 {
			t.Errorf("%s: %v", options, err)
		}
	}
}

func TestPerfMeasures(t *testing.T) {
	b := brokertest.Start(t)
	for _, command := range []string{"perf", "perf throughput"} {
		var out strings.Builder
		args := append([]string{"leveret"}, strings.Fields(command)...)
		args = append(args, "-h", b.URL(), "-C", "100", "-c", "10", "--verify", "--json", "--quiet")
		if err := newApp(&out).RunContext(t.Context(), args); err != nil {
			t.Fatal(err)
		}
		var r perf.Result
		if err := json.Unmarshal([]byte(out.String()), &r); err != nil || r.Delivered != 100 || r.Confirmed != 100 || !r.Verified.OK() {
			t.Errorf("got %s (%v)", out.String(), err)
		}
	}
}

func TestPerfFailsWhereMessagesAreLost(t *testing.T) {
	b := brokertest.Start(t)
	b.Inject(brokertest.AtPublish, brokertest.Lose, brokertest.Next(1))
	var out strings.Builder
	err := newApp(&out).RunContext(t.Context(), []string{"leveret", "perf", "-h", b.URL(), "-C", "100", "--verify", "--patience", "0.5"})
	if err == nil || exitStatus(err) != 1 || !strings.Contains(out.String(), "message 1 of producer 0 did not come from queue test-") {
		t.Errorf("printed %s, ended with %v", out.String(), err)
	}
}

func TestPerfTellsThatThereIsNoBroker(t *testing.T) {
	var out strings.Builder
	err := newApp(&out).RunContext(t.Context(), []string{"leveret", "perf", "-h", "amqp://127.0.0.1:1"})
	if err == nil || exitStatus(err) != 1 || errors.As(err, new(misused)) || out.String() != "" {
		t.Errorf("printed %s, ended with %v", out.String(), err)
	}
}

func TestPerfChurns(t *testing.T) {
	b := brokertest.Start(t)
	for _, k := range perf.Churns() {
		var out strings.Builder
		args := []string{"leveret", "perf", k.Name, "-h", b.URL(), "-x", "2", "-z", "0.02", "--json"}
		if err := newApp(&out).RunContext(t.Context(), args); err != nil {
			t.Fatal(err)
		}
		var r perf.ChurnResult
		if err := json.Unmarshal([]byte(out.String()), &r); err != nil || r.Name != k.Name || r.Rounds == 0 {
			t.Errorf("got %s (%v)", out.String(), err)
		}
	}
}
