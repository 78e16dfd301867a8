package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/internal/perf"
)

// misused is an error in how a command was called. The process ends with 64, as
// RabbitMQ's tools do.
type misused struct{ error }

func (m misused) Unwrap() error { return m.error }

// perfCommand is leveret perf, with the options of RabbitMQ's PerfTest.
func perfCommand() *cli.Command {
	misuse := func(_ *cli.Context, err error, _ bool) error { return misused{err} }
	throughput := &cli.Command{
		Name: "perf", Usage: "load a broker, leveret or another, and measure it; see docs/perf.md",
		// -h is the URI, as PerfTest has it.
		HideHelp: true, Flags: perfFlags(),
		OnUsageError: misuse,
		Action:       runPerf,
	}
	same := *throughput
	same.Name, same.Usage = "throughput", "the same"
	throughput.Subcommands = append([]*cli.Command{&same}, churnCommands(misuse)...)
	return throughput
}

func runPerf(c *cli.Context) error {
	if c.Bool("help") {
		return cli.ShowSubcommandHelp(c)
	}
	l, err := perfLoad(c)
	if err != nil {
		return misused{err}
	}
	if !c.Bool("quiet") {
		l.Report = func(s perf.Sample) { fmt.Fprintln(liveOutput(c), s) }
	}
	result, err := measure(c.Context, l)
	var refused perf.LoadError
	if errors.As(err, &refused) {
		return misused{err}
	}
	if err != nil && result.Published+result.Delivered == 0 {
		return err
	}
	if err != nil {
		result.Error = err.Error()
	}
	return errors.Join(writeResult(c, result), err, verdict(result))
}

// liveOutput is where lines go while a test runs.
func liveOutput(c *cli.Context) io.Writer {
	if c.Bool("json") {
		return os.Stderr
	}
	return c.App.Writer
}

func writeResult(c *cli.Context, r perf.Result) error {
	if c.Bool("json") {
		return r.WriteJSON(c.App.Writer)
	}
	return r.WriteText(c.App.Writer)
}

func verdict(r perf.Result) error {
	if r.Verified != nil && !r.Verified.OK() {
		return errors.New("what was published is not what came")
	}
	return nil
}

func measure(ctx context.Context, l perf.Load) (perf.Result, error) {
	test, err := perf.Prepare(ctx, l)
	if err != nil {
		return perf.Result{}, err
	}
	result, err := test.Run(ctx)
	return result, errors.Join(err, test.Close(context.WithoutCancel(ctx)))
}

// perfLoad is what the flags ask for.
func perfLoad(c *cli.Context) (perf.Load, error) {
	l := perf.Load{
		ID: c.String("id"), URIs: strings.Split(c.String("uri"), ","),
		Producers: c.Int("producers"), Consumers: c.Int("consumers"), Size: c.Int("size"),
		ProducerChannels: c.Int("producer-channel-count"), ConsumerChannels: c.Int("consumer-channel-count"),
		CommitPublishes: c.Int("ptxsize"), CommitDeliveries: c.Int("ctxsize"),
		Confirm: c.Int("confirm"), Rate: c.Float64("rate"), ConsumeRate: c.Float64("consumer-rate"),
		Publish: c.Int("pmessages"), Consume: c.Int("cmessages"),
		AutoAck: c.Bool("autoack"), AckEvery: c.Int("multi-ack-every"),
		Backlog: c.Bool("backlog"), Verify: c.Bool("verify"),
		Recover: seconds(c.Float64("connection-recovery-interval")),
		Time:    seconds(c.Float64("time")), Interval: seconds(c.Float64("interval")), Patience: seconds(c.Float64("patience")),
	}
	if c.Args().Present() {
		return l, fmt.Errorf("unexpected argument %q", c.Args().First())
	}
	if l.ID == "" {
		now := time.Now()
		l.ID = fmt.Sprintf("test-%s-%03d", now.Format("150405"), now.Nanosecond()/1e6)
	}
	if n := c.Int("qos"); n < 0 || n > 65535 {
		return l, fmt.Errorf("qos is %d, want 0 to 65535", n)
	}
	l.Prefetch = uint16(c.Int("qos"))
	for _, f := range c.StringSlice("flag") {
		switch f {
		case "persistent":
			l.Persistent = true
		case "mandatory":
			l.Mandatory = true
		default:
			return l, fmt.Errorf("unknown flag %q, want persistent or mandatory", f)
		}
	}
	var err error
	if l.Topology, err = perfTopology(c, l.ID); err != nil {
		return l, err
	}
	l.Durable = l.Persistent
	if l.ConsumerArguments, err = arguments091(c.String("consumer-args")); err != nil {
		return l, err
	}
	l.Properties, err = messageProperties(c.String("message-properties"))
	return l, err
}

func seconds(n float64) time.Duration { return time.Duration(n * float64(time.Second)) }

// perfTopology is what the flags say of queues and of the exchange.
func perfTopology(c *cli.Context, id string) (t perf.Topology, err error) {
	t = perf.Topology{
		Type: c.String("type"), Exchange: c.String("exchange"), RoutingKey: c.String("routing-key"),
		AutoDelete: c.Bool("auto-delete"), Predeclared: c.Bool("predeclared"),
	}
	if t.Exchange == "" && !c.IsSet("exchange") {
		t.Exchange = t.Type
	}
	if t.Exchange == "amq.default" {
		t.Exchange = ""
	}
	if t.Exchange == "" && t.RoutingKey != "" {
		if c.IsSet("queue") && c.String("queue") != t.RoutingKey {
			return t, errors.New("the default exchange routes by the name of the queue: --routing-key takes --exchange or --type")
		}
		t.Queues = []string{t.RoutingKey}
	}
	if t.QueueArguments, err = arguments091(c.String("queue-args")); err != nil {
		return t, err
	}
	pattern := c.IsSet("queue-pattern")
	if pattern != c.IsSet("queue-pattern-from") || pattern != c.IsSet("queue-pattern-to") {
		return t, errors.New("--queue-pattern, --queue-pattern-from and --queue-pattern-to go together")
	}
	switch {
	case pattern:
		t.Queues, err = patternQueues(c.String("queue-pattern"), c.Int("queue-pattern-from"), c.Int("queue-pattern-to"))
	case c.IsSet("queue"):
		t.Queues = strings.Split(c.String("queue"), ",")
		if t.Exchange != "" && t.RoutingKey == "" && len(t.Queues) > 1 {
			t.RoutingKey = id // all queues have it, as with PerfTest
		}
	case t.Queues == nil:
		t.Queues = []string{id}
	}
	return t, err
}

// patternQueues are names with numbers in the place of %d and the like.
func patternQueues(pattern string, from, to int) (all []string, err error) {
	if from > to || from < 0 {
		return nil, fmt.Errorf("queues from %d to %d", from, to)
	}
	for i := from; i <= to; i++ {
		name := fmt.Sprintf(pattern, i)
		if strings.Contains(name, "%!") {
			return nil, fmt.Errorf("%q is no pattern for one number: want perf-%%d or perf-%%03d", pattern)
		}
		all = append(all, name)
	}
	return all, nil
}

// pairs are k=v,k=v.
func pairs(s string) (all map[string]string, err error) {
	all = map[string]string{}
	for pair := range strings.SplitSeq(s, ",") {
		if pair == "" {
			continue
		}
		k, v, ok := strings.Cut(pair, "=")
		if !ok || k == "" {
			return nil, fmt.Errorf("%q is not KEY=VALUE", pair)
		}
		all[k] = v
	}
	return all, nil
}

// arguments091 are the arguments of a method: numbers and truth values are such,
// all else is text.
func arguments091(s string) (amqp.Table, error) {
	texts, err := pairs(s)
	if err != nil {
		return nil, err
	}
	values := make(map[string]any, len(texts))
	for k, text := range texts {
		values[k] = argument(text)
	}
	return amqp.TableOf(values)
}

func argument(text string) any {
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n
	}
	if b, err := strconv.ParseBool(text); err == nil {
		return b
	}
	return text
}
