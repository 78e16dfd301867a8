// Package interop shows leveret to the official Go client, amqp091-go, and
// asks for what RabbitMQ would do.
//
// The tests start a broker in this process on a free port of 127.0.0.1. With
// AMQP_URL set they talk to that broker instead, and skip what only makes sense
// in process: running them against RabbitMQ 3.10 shows that every expectation
// here is RabbitMQ's and not our own.
//
// Comments and subtest names carry the ids of the behaviours they show, such as
// CONS-14, by area: CONN handshake, HB heartbeats, FRM frames, WIRE tables and
// properties, CHAN channels, CTL connection control, EXCH exchanges, XTYP
// exchange types, QDEC declaring queues, QOP binding, purging and deleting them,
// QOS prefetch, CONS consumers, GET, PUB, ACK and CONF confirms.
package interop
