package main

// scenario is a named load.
type scenario struct {
	name, about string
	load
}

// load says what one run does. Producers publish to an exchange with a key;
// queues, exchange and bindings are set up before and removed after.
type load struct {
	producers, consumers int
	size                 int // body bytes, at least 8: the first 8 carry the send time
	durable              bool
	persistent           bool
	window               int // unconfirmed messages a producer allows itself; 0: no confirms
	noAck                bool
	ackEvery             int // acknowledge with multiple=true every so many
	prefetch             uint16
	exchange             string // "": default exchange; else the type of an exchange to declare
	queues               int    // queues bound to the exchange, each with its own consumers
	bindings             int    // additional bindings that do not match
	args                 table
	priorities           int
	rate                 int // messages a second over all producers; 0: as fast as it goes
	backlog              int // publish this many first, then drain: two phases
}

var scenarios = []scenario{
	{
		"transient-16B", "1 producer, 1 consumer, auto ack, 16 B",
		load{producers: 1, consumers: 1, size: 16, noAck: true},
	},
	{
		"transient-1KiB", "1 producer, 1 consumer, auto ack, 1 KiB",
		load{producers: 1, consumers: 1, size: 1 << 10, noAck: true},
	},
	{
		"transient-16KiB", "1 producer, 1 consumer, auto ack, 16 KiB",
		load{producers: 1, consumers: 1, size: 16 << 10, noAck: true},
	},
	{
		"transient-1MiB", "1 producer, 1 consumer, auto ack, 1 MiB",
		load{producers: 1, consumers: 1, size: 1 << 20, noAck: true},
	},
	{
		"acked-100B", "1 producer, 1 consumer, acknowledged one by one, prefetch 500, 100 B",
		load{producers: 1, consumers: 1, size: 100, ackEvery: 1, prefetch: 500},
	},
	{
		"many-4p4c", "4 producers, 4 consumers on one queue, prefetch 200, ack every 20, 100 B",
		load{producers: 4, consumers: 4, size: 100, ackEvery: 20, prefetch: 200},
	},
	{
		"durable-confirm-w1", "1 producer waiting for each confirm, persistent, 1 consumer, 100 B",
		load{producers: 1, consumers: 1, size: 100, durable: true, persistent: true, window: 1, ackEvery: 1, prefetch: 100},
	},
	{
		"durable-confirm-w100", "1 producer, 100 unconfirmed, persistent, 1 consumer, 100 B",
		load{producers: 1, consumers: 1, size: 100, durable: true, persistent: true, window: 100, ackEvery: 10, prefetch: 200},
	},
	{
		"durable-confirm-w2000", "1 producer, 2000 unconfirmed, persistent, 1 consumer, 1 KiB",
		load{producers: 1, consumers: 1, size: 1 << 10, durable: true, persistent: true, window: 2000, ackEvery: 50, prefetch: 1000},
	},
	{
		"durable-10p-w50", "10 producers, 50 unconfirmed each, persistent, 10 consumers, 1 KiB",
		load{producers: 10, consumers: 10, size: 1 << 10, durable: true, persistent: true, window: 50, ackEvery: 10, prefetch: 100},
	},
	{
		"fanout-1to10", "1 producer, fanout exchange, 10 queues, auto ack, 100 B",
		load{producers: 1, consumers: 1, size: 100, noAck: true, exchange: "fanout", queues: 10},
	},
	{
		"topic-1k-bindings", "1 producer, topic exchange with 1000 other bindings, 1 queue, 100 B",
		load{producers: 1, consumers: 1, size: 100, noAck: true, exchange: "topic", queues: 1, bindings: 1000},
	},
	{
		"priority-10", "1 producer, 1 consumer, 10 priorities, prefetch 500, ack every 10, 100 B",
		load{producers: 1, consumers: 1, size: 100, ackEvery: 10, prefetch: 500, args: table{"x-max-priority": 10}, priorities: 10},
	},
	{
		"latency-5k", "5000 messages a second, auto ack, 100 B",
		load{producers: 1, consumers: 1, size: 100, noAck: true, rate: 5000},
	},
	{
		"latency-durable-2k", "2000 messages a second, persistent, confirms, acknowledged, 1 KiB",
		load{producers: 1, consumers: 1, size: 1 << 10, durable: true, persistent: true, window: 2000, ackEvery: 1, prefetch: 200, rate: 2000},
	},
	{
		"backlog-300k", "publish 300,000 persistent 1 KiB messages with confirms, then drain them",
		load{producers: 1, consumers: 1, size: 1 << 10, durable: true, persistent: true, window: 2000, ackEvery: 50, prefetch: 1000, backlog: 300_000},
	},
}
