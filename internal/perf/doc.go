// Package perf loads an AMQP 0-9-1 broker, whichever it is, and measures what
// it does with the load.
//
//	test, err := perf.Prepare(ctx, perf.Load{URIs: []string{uri}, Producers: 1, Consumers: 1, Time: 10 * time.Second})
//	...
//	result, err := test.Run(ctx)
//
// It speaks frames itself, so that the broker is what saturates: a message is
// encoded once and many are written in one system call; of what comes, nothing
// is decoded but what is counted. Each producer and each consumer has a
// connection of its own, with one channel or several.
//
// The words and the defaults are those of RabbitMQ's PerfTest, where nothing
// else is said.
package perf
