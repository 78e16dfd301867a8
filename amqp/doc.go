// Package amqp is the wire and the connection of AMQP 0-9-1, as RabbitMQ
// speaks it: codec, state machine, sending and receiving. It knows no queue;
// whoever does implements [Backend], [Session] and [Channel].
//
// # Frames
//
//	 0      1         3            7              7+size
//	+------+---------+------------+----- ... -----+-----+
//	| type | channel | size (u32) |    payload    | 0xCE|
//	+------+---------+------------+----- ... -----+-----+
//
//	type 1  method     class u16, method u16, arguments
//	type 2  header     class u16, weight u16, body size u64, properties
//	type 3  body       up to frame_max - 8 bytes of it
//	type 8  heartbeat  nothing
//
// # A connection
//
//	header -> start/start-ok -> tune/tune-ok -> open/open-ok -> running
//	running -> closing (connection.close sent) -> closed (close-ok, or time)
//
// The handshake is straight-line code (handshake.go). Once running, frames are
// parsed in place (frames.go) and methods go to the channel they name
// (channel.go): a number is free, open, or closing until the client's
// close-ok. While an alarm is on, a connection that publishes is blocked: its
// reader waits at the content header (alarm.go). An error of any kind becomes a
// close in one place, [Conn.Fail], and every connection ends in one way,
// Conn.teardown.
//
// # Who owns what
//
//   - The reader goroutine of a connection owns its input buffer, handshake,
//     channel states and the content that is being received. It calls the
//     session, and runs the teardown.
//   - [Outbox] is the sending side, open to everybody: appending a sequence of
//     frames is atomic and never waits. Its writer goroutine exists only while
//     there is something to send.
//   - Heartbeats are one runtime timer a connection (heartbeat.go).
//
// # How long slices live
//
// A payload given to a decoder is not referred to afterwards. A [Content] may
// lie in the input buffer and then is valid until the next [Session.Flush];
// [Content.Keep] makes one that stays. Bodies that are sent by reference must
// never change.
package amqp
