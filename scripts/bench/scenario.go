package main

import (
	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/internal/perf"
)

// scenario is a named load.
type scenario struct {
	name, about string
	queues      int // each with its own consumers
	load        perf.Load
}

var scenarios = []scenario{
	{
		"transient-16B", "1 producer, 1 consumer, auto ack, 16 B",
		1,
		perf.Load{Producers: 1, Consumers: 1, Size: 16, AutoAck: true},
	},
	{
		"transient-1KiB", "1 producer, 1 consumer, auto ack, 1 KiB",
		1,
		perf.Load{Producers: 1, Consumers: 1, Size: 1 << 10, AutoAck: true},
	},
	{
		"transient-16KiB", "1 producer, 1 consumer, auto ack, 16 KiB",
		1,
		perf.Load{Producers: 1, Consumers: 1, Size: 16 << 10, AutoAck: true},
	},
	{
		"transient-1MiB", "1 producer, 1 consumer, auto ack, 1 MiB",
		1,
		perf.Load{Producers: 1, Consumers: 1, Size: 1 << 20, AutoAck: true},
	},
	{
		"acked-100B", "1 producer, 1 consumer, acknowledged one by one, prefetch 500, 100 B",
		1,
		perf.Load{Producers: 1, Consumers: 1, Size: 100, AckEvery: 1, Prefetch: 500},
	},
	{
		"many-4p4c", "4 producers, 4 consumers on one queue, prefetch 200, ack every 20, 100 B",
		1,
		perf.Load{Producers: 4, Consumers: 4, Size: 100, AckEvery: 20, Prefetch: 200},
	},
	{
		"durable-confirm-w1", "1 producer waiting for each confirm, persistent, 1 consumer, 100 B",
		1,
		perf.Load{Producers: 1, Consumers: 1, Size: 100, Persistent: true, Confirm: 1, AckEvery: 1, Prefetch: 100, Topology: perf.Topology{Durable: true}},
	},
	{
		"durable-confirm-w100", "1 producer, 100 unconfirmed, persistent, 1 consumer, 100 B",
		1,
		perf.Load{Producers: 1, Consumers: 1, Size: 100, Persistent: true, Confirm: 100, AckEvery: 10, Prefetch: 200, Topology: perf.Topology{Durable: true}},
	},
	{
		"durable-confirm-w2000", "1 producer, 2000 unconfirmed, persistent, 1 consumer, 1 KiB",
		1,
		perf.Load{Producers: 1, Consumers: 1, Size: 1 << 10, Persistent: true, Confirm: 2000, AckEvery: 50, Prefetch: 1000, Topology: perf.Topology{Durable: true}},
	},
	{
		"durable-10p-w50", "10 producers, 50 unconfirmed each, persistent, 10 consumers, 1 KiB",
		1,
		perf.Load{Producers: 10, Consumers: 10, Size: 1 << 10, Persistent: true, Confirm: 50, AckEvery: 10, Prefetch: 100, Topology: perf.Topology{Durable: true}},
	},
	{
		"fanout-1to10", "1 producer, fanout exchange, 10 queues, auto ack, 100 B",
		10,
		perf.Load{Producers: 1, Consumers: 10, Size: 100, AutoAck: true, Topology: perf.Topology{Type: "fanout"}},
	},
	{
		"topic-1k-bindings", "1 producer, topic exchange with 1000 other bindings, 1 queue, 100 B",
		1,
		perf.Load{Producers: 1, Consumers: 1, Size: 100, AutoAck: true, Topology: perf.Topology{Type: "topic", Bindings: 1000}},
	},
	{
		"priority-10", "1 producer, 1 consumer, 10 priorities, prefetch 500, ack every 10, 100 B",
		1,
		perf.Load{Producers: 1, Consumers: 1, Size: 100, AckEvery: 10, Prefetch: 500, Priorities: 10, Topology: perf.Topology{QueueArguments: amqp.Table{{Key: "x-max-priority", Value: int32(10)}}}},
	},
	{
		"latency-5k", "5000 messages a second, auto ack, 100 B",
		1,
		perf.Load{Producers: 1, Consumers: 1, Size: 100, AutoAck: true, Rate: 5000},
	},
	{
		"latency-durable-2k", "2000 messages a second, persistent, confirms, acknowledged, 1 KiB",
		1,
		perf.Load{Producers: 1, Consumers: 1, Size: 1 << 10, Persistent: true, Confirm: 2000, AckEvery: 1, Prefetch: 200, Rate: 2000, Topology: perf.Topology{Durable: true}},
	},
	{
		"backlog-300k", "publish 300,000 persistent 1 KiB messages with confirms, then drain them",
		1,
		perf.Load{Producers: 1, Consumers: 1, Size: 1 << 10, Persistent: true, Confirm: 2000, AckEvery: 50, Prefetch: 1000, Backlog: true, Publish: 300_000, Topology: perf.Topology{Durable: true}},
	},
}
