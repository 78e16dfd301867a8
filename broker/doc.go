// Package broker is what AMQP 0-9-1 means: vhosts, exchanges, queues,
// consumers, confirms, transactions. The public part is [Broker].
//
// # How a message goes
//
//	publish  Conn (frames) -> channel.Publish -> route -> session.gather
//	         -> at the end of the read, session.flushRun -> queue.publish
//	         -> queue.deal -> consumer.take -> Outbox of the consumer
//	store    session.store, queue.enter: a unit around all that the queues do
//	         -> settling.go, notes.go: what the store is to know of it
//	deliver  the outbox's writer takes all that has gathered in one write
//	delay    queue.delay, instead of queue.publish -> the timer -> undertaker
//	         -> burial.dueTurn -> burial.move
//	die      queue.discard -> dying -> undertaker -> burial.bury -> burial.move
//	move     burial.move, of what is due, dead or redriven: queue.unstow
//	         -> forwarding -> queue.publish; then queue.depart
//	settle   channel.Ack (channel_settle.go) -> unacked -> queue.settle
//	         -> queue.deal, as above
//	expire   the timer of the queue, or whoever deals -> queue.expire, and after
//	         each push queue.limit -> queue.cull, at the head -> discarding
//	confirm  session.Flush, the committer of the store, or who settles
//	         -> confirms -> window: cumulative, in order
//	commit   channel.txCommit: what the transaction holds, publishes first
//	         -> session.hand -> queue.publish; then settles, as above
//
// All of it runs on the reader goroutine of the connection that caused it; the
// only hand-over is the outbox. Publishes that go the same way are gathered
// into a run, acknowledgements into a range, so that locks are taken once for
// many of them.
//
// # Where a method is
//
//	basic.publish               channel_publish.go, properties.go, route.go
//	basic.ack, nack, reject     channel_settle.go
//	other methods of basic      channel_basic.go
//	exchange.*, queue.*         channel_exchange.go, channel_queue.go, queue_declare.go, bindings.go
//	direct replies              reply_to.go
//	tx.*                        channel_tx.go
//	confirm.select              channel_confirm.go
//	channel.flow                channel_flow.go
//	what is durable of them     durable.go, entities*.go, recover*.go
//	who may do it               permissions.go, topic_permissions.go, limits.go
//	who has come                login.go, users.go, passwords.go
//
// The switch over all of them is [channel.Method]; connection.* and the opening
// and closing of channels are in package amqp.
//
// # Who owns what
//
//	state                                   owner
//	vhosts                                  vhosts.mu, held alone
//	names, bindings, exclusive queues,
//	sessions                                vhost.mu
//	names for direct replies                replies.mu, held alone
//	users, permissions                      access.mu, below vhost.mu
//	what an exchange remembers              history.mu, below vhost.mu
//	what exchanges and queues know of
//	messages, to drop duplicates            dedup.mu, held alone or below queue.mu
//	who moves messages of a queue elsewhere queue.moving, above vhost.mu
//	ready messages, consumers, credit       queue.mu
//	delivery tags, unacked, consumer tags   channel.mu
//	which channels a session has            session.mu, held alone
//	runs, routes, prefetch, tx              reader goroutine of the connection
//	what waits to be confirmed              confirms.mu
//	pending output                          Outbox (package amqp)
//	message                                 nobody: it never changes
//
// Locks are taken in the order vhost, queue, channel, confirms, outbox; never
// upwards.
// What has to go upwards, such as deleting an auto-delete queue that has lost
// its last consumer, is returned and done after unlocking, and its condition
// checked again. Nobody waits for anything else while holding a lock but
// queue.moving, with which the disk may be read and room waited for.
//
// # Units
//
// With a store, what changes at once survives a crash at once: it is a unit of
// the store. Who takes the first lock of an operation opens the unit right
// before it, and closes it right after the last lock is released, both with
// defer: a panic costs its connection alone, while a unit that stays open stops
// the committer, and with it everybody. The committer waits for open units to
// end, and new ones wait for the committer; so
//
//   - no unit is opened with a lock held but queue.moving, nor with another unit
//     open: what is called with v.mu or q.mu held finds the unit of its caller,
//   - a channel or a connection that closes opens one unit after the other: for
//     each queue that gets something back, for each queue that is deleted,
//   - nobody waits for anything with a unit open.
//
// A vhost that is deleted is one unit with all that is in it.
//
// The answers to methods that change the topology wait for the group of the
// last such change in the vhost ([vhost.awaitTopology]), with no lock held and
// no unit open. So does the answer that a durable queue is there already, since
// who has declared it first may still be waiting.
//
// When the store fails, nobody is told anything more: who waits gets an error,
// all connections are closed, and [Broker.Failed] says that the end has come.
//
// # Where a message is
//
// A small message lies in the read buffer of its publisher until the end of
// the read. A consumer without acknowledgement gets it from there. One that is
// queued, unacknowledged or held by a transaction is kept: copied once, and
// shared by all queues that have it.
package broker
