// Package crash kills leveret and looks at what is left.
//
// It runs the real binary with a data directory, publishes with confirms and
// transactions, consumes, declares, binds, purges and deletes, kills the process
// at a random moment, most often within three milliseconds of something it has
// promised, starts it again on the same directory, and so on; in the end it
// drains every queue and holds what happened against what was promised.
//
//	go test ./interop_test/crash                       10 rounds
//	scripts/crash -rounds 500 -seed 1                  as many as asked
//	scripts/crash -rounds 100 -durability os -raced    of the class os, with the race detector
//
// Every round has a few lives, each with an end of its own: SIGKILL under load,
// SIGKILL while it starts, SIGKILL while it stops, SIGTERM, or, where strace works,
// SIGKILL at a certain write or sync, which finds what is durable in two steps and
// ought to be in one. A seed makes the same plan again; when exactly the process
// dies is left to the machine.
//
// Messages also go through courses: queues with times to live, dead letters (at
// least once, too), limits, priorities that age or do not, delivery limits, groups,
// and exchanges that delay or drop duplicates, where they die, wait, go round and
// are refused. To the checkers a course is one queue.
//
// # How it is judged
//
// Clients note what they are about to do before they do it, and what they have
// seen afterwards, in one [history]. The [checkers] are pure functions over it:
//
//   - what was confirmed and not settled is delivered in the end;
//   - what is delivered was published there, with this body and these properties;
//   - a repeated delivery is marked as redelivered;
//   - what was settled, in the same life or durably, does not come back;
//   - first deliveries of a life come in the order of publishing, per publisher,
//     queue and consumer;
//   - a publish to several queues, and a transaction with all that it publishes
//     and settles, survive whole or not at all;
//   - transient messages end with the broker;
//   - a message of a course is in one place at a time: it does not come back from
//     where it has gone on, and x-death says how it came to where it is;
//   - in a course nothing expires or is due before its time, what was refused is
//     not there, and what waits comes by priority, or by age;
//   - the messages of a group come in order to one consumer at a time;
//   - of duplicates the first stays, and no other;
//   - of exchanges, queues, their arguments, bindings and counts there is what
//     was acknowledged, and what was under way has happened whole or not at all.
//
// A round that fails leaves its data directory, the log and the history.
package crash
