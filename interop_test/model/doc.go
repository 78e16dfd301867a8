// Package model tells what RabbitMQ answers to any sequence of methods, as
// plainly as it can be told: lists, linear search, no locks, no caches, one
// thing after the other. Its test draws random sequences of methods from small
// pools of names, on a few connections with a few channels each, sends them to
// leveret as frames, and holds every frame that comes back on any of the
// connections against the model.
//
//	go test ./interop_test/model                          1,000 sequences, the same each time
//	go test ./interop_test/model -rapid.seed=0            others
//	go test ./interop_test/model -rapid.checks=100000     more of them
//	go test ./interop_test/model -addr 127.0.0.1:5672     asks whether the model tells what RabbitMQ 3.10.8 does,
//	    -restarter 'rabbitmqctl stop_app && ...start_app' also when it is restarted
//
// A sequence that fails is made as short as possible and printed: one line for
// each method, in the words of the scripts of package oracle.
//
// # What is predicted
//
// Every method with all its arguments, properties and bodies, octet by octet
// and in its order, on every channel. Sequences are played in a bubble of
// testing/synctest: when all goroutines wait, nothing is left to come. After each
// batch of one to four methods, which go out in one write, all that came is
// compared.
//
// In half of the sequences methods come one by one, and queues do more than to
// keep messages: they have priorities, limits, dead letters, limits of deliveries,
// single active consumers, times to live, and times without use after which they
// go; what waits rises. Some are quorum queues, or keep groups of messages together; queues and
// exchanges drop duplicates, exchanges delay what they get, and what has died is
// brought back. Now and then time passes, which in the bubble takes none.
//
// Among the methods are restarts. In memory nothing outlives them. In further
// sequences the broker has a data directory. Then the broker is shut down, with one
// connection that looks on, and opened again: all of what is durable is there, and
// which messages come back as redelivered is known for each. Or another broker is
// opened on a copy of what the first one has written without being asked to end:
// that may mark too many.
//
// What was given back to the front of a quorum queue (QQ-13) comes in the order of
// its publishing after a restart.
//
// # What is left open
//
// The order of frames on different channels means nothing. On one channel, some
// choices are the broker's, and then the model asks the frames: of all that may
// happen now it does what the next frame of a channel shows (see
// [world.dispatch]). Other choices show later, in which message comes first or is
// dropped: then there are several worlds, one for each choice, and those stay that
// agree with what comes (see [world.choose]). Open are:
//
//   - names that the broker generates: learned from the reply;
//   - how many publishes are confirmed by one basic.ack or basic.nack: see
//     [channel.confirm];
//   - which of several queues goes first: of one publish, one nack, one recover,
//     the end of a channel, or of a limit of the channel that has room again;
//   - which of several queues hands on its dead first, and how far it has got when
//     the method goes on that they died of;
//   - of what is due at the same millisecond, what happens first;
//   - in which order the channels of a connection end with it: see [world.disorder];
//   - to which consumer a message group goes that nobody has, and in which order the
//     consumers of a channel give theirs back;
//   - the order of basic.cancel for several consumers of a channel;
//   - within one batch, whether an acknowledgement takes effect before or after a
//     publish beside it, and so whose turn it was: see [queue.order].
package model
