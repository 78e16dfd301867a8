package main

import (
	"fmt"
	"strconv"

	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/amqp"
)

// perfFlags are named as PerfTest's; where lavinmqperf has another letter for
// the same, PerfTest's counts.
func perfFlags() []cli.Flag {
	number := func(name, letter, usage string, value int) cli.Flag {
		return &cli.IntFlag{Name: name, Aliases: []string{letter}, Usage: usage, Value: value}
	}
	amount := func(name, letter, usage string) cli.Flag {
		return &cli.Float64Flag{Name: name, Aliases: []string{letter}, Usage: usage}
	}
	text := func(name, letter, usage string) cli.Flag {
		return &cli.StringFlag{Name: name, Aliases: []string{letter}, Usage: usage}
	}
	truth := func(name, letter, usage string) cli.Flag {
		return &cli.BoolFlag{Name: name, Aliases: []string{letter}, Usage: usage, DisableDefaultText: true}
	}
	return []cli.Flag{
		uriFlag(),
		text("id", "d", "`NAME` of the test, at the front of each line"),
		number("producers", "x", "`N` producers", 1),
		number("consumers", "y", "`N` consumers", 1),
		number("producer-channel-count", "X", "each producer's connection has `N` channels that publish", 1),
		number("consumer-channel-count", "Y", "each consumer's connection has `N` channels that consume", 1),
		text("queue", "u", "`NAME` of the queue, or of several, separated by commas (default: that of the test)"),
		text("queue-pattern", "qp", "name of many queues, such as perf-%d: `PATTERN`"),
		number("queue-pattern-from", "qpf", "first number `N` of the pattern", 0),
		number("queue-pattern-to", "qpt", "last number `N` of the pattern", 0),
		text("queue-args", "qa", "arguments of the queues, `K=V,...`"),
		&cli.BoolFlag{Name: "auto-delete", Aliases: []string{"ad"}, Usage: "queues go with their last consumer", Value: true},
		truth("predeclared", "p", "use queues as they are, and declare only what is not there"),
		text("exchange", "e", "publish to the exchange `NAME` (default: the default exchange, or the one named as --type)"),
		text("type", "t", "`TYPE` of the exchange, if it is to be declared"),
		text("routing-key", "k", "publish with `KEY`, and bind by it (default: the name of each queue)"),
		number("size", "s", "`BYTES` of a message, at least 8; with --verify 28", 0),
		&cli.StringSliceFlag{Name: "flag", Aliases: []string{"f"}, Usage: "persistent or mandatory; repeat it, or separate by commas"},
		text("message-properties", "mp", "properties of messages, `K=V,...`; what AMQP has no property for is a header"),
		number("confirm", "c", "use confirms, with at most `N` messages unconfirmed", 0),
		number("ptxsize", "m", "producers commit `N` messages at once, in transactions", 0),
		number("ctxsize", "n", "consumers commit acknowledgements of `N` messages at once, in transactions", 0),
		truth("autoack", "a", "consumers do not acknowledge"),
		number("multi-ack-every", "A", "acknowledge `N` messages at once", 1),
		number("qos", "q", "prefetch `N` messages (default: no limit)", 0),
		text("consumer-args", "ca", "arguments of consumers, `K=V,...`"),
		amount("rate", "r", "each producer publishes at most `N` messages a second"),
		amount("consumer-rate", "R", "each consumer takes at most `N` messages a second"),
		amount("time", "z", "end after so many `SECONDS`"),
		number("pmessages", "C", "each producer publishes `N` messages", 0),
		number("cmessages", "D", "each consumer takes `N` messages", 0),
		&cli.BoolFlag{Name: "backlog", Usage: "consumers begin when the producers are done", DisableDefaultText: true},
		amount("connection-recovery-interval", "cri", "open a connection that is lost again after so many `SECONDS` (default: it ends the test)"),
		truth("verify", "V", "look for messages that are lost, doubled, reordered or changed: exit status 1"),
		&cli.Float64Flag{Name: "patience", Usage: "what did not come for so many `SECONDS` is lost", Value: 10},
		&cli.Float64Flag{Name: "interval", Aliases: []string{"i"}, Usage: "`SECONDS` between lines", Value: 1},
		truth("json", "j", "print the result as JSON, and the lines to standard error"),
		&cli.BoolFlag{Name: "quiet", Usage: "print nothing but the result", DisableDefaultText: true},
		perfHelpFlag(),
	}
}

func uriFlag() cli.Flag {
	return &cli.StringFlag{Name: "uri", Aliases: []string{"h", "uris", "H"}, Usage: "`URI` of the broker, or of several, separated by commas", Value: "amqp://guest:guest@localhost:5672"}
}

func perfHelpFlag() cli.Flag {
	return &cli.BoolFlag{Name: "help", Aliases: []string{"?"}, Usage: "show this", DisableDefaultText: true}
}

// messageProperties are those of basic.publish, by PerfTest's names of them or
// AMQP's. All else is a header.
func messageProperties(s string) (p amqp.BasicProperties, err error) {
	texts, err := pairs(s)
	if err != nil {
		return p, err
	}
	headers := map[string]any{}
	number := func(key, v string, bits int) (n uint64) {
		n, e := strconv.ParseUint(v, 10, bits)
		if e != nil {
			err = fmt.Errorf("message property %s is %q, want a number below 2^%d", key, v, bits)
		}
		return n
	}
	for k, v := range texts {
		if field := textProperty(&p, k); field != nil {
			*field = v
			continue
		}
		switch k {
		case "deliveryMode", "delivery-mode":
			p.DeliveryMode = uint8(number(k, v, 8))
		case "priority":
			p.Priority = uint8(number(k, v, 8))
		case "timestamp":
			p.Timestamp = number(k, v, 64)
		default:
			headers[k] = argument(v)
		}
	}
	if err == nil && len(headers) > 0 {
		p.Headers, err = amqp.TableOf(headers)
	}
	return p, err
}

// textProperty is the property of a name, if it is one of those that are text.
func textProperty(p *amqp.BasicProperties, name string) *string {
	switch name {
	case "contentType", "content-type":
		return &p.ContentType
	case "contentEncoding", "content-encoding":
		return &p.ContentEncoding
	case "correlationId", "correlation-id":
		return &p.CorrelationID
	case "replyTo", "reply-to":
		return &p.ReplyTo
	case "expiration":
		return &p.Expiration
	case "messageId", "message-id":
		return &p.MessageID
	case "type":
		return &p.Type
	case "userId", "user-id":
		return &p.UserID
	case "appId", "app-id":
		return &p.AppID
	case "clusterId", "cluster-id":
		return &p.ClusterID
	}
	return nil
}
