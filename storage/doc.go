// Package storage keeps bytes so that they survive: a journal that every group
// of changes is appended to and synced with, and embedded Badger behind it for
// what outlives the journal. It knows nothing of AMQP.
//
// # What it keeps
//
// Entities, each a kind, an id and a value; and queues of messages, each
// message a sequence number, a few facts ([Item]) and its bytes. What they
// mean is the business of who uses the package.
//
// # How a change goes
//
//	unit     DB.Begin, then Put, Drop, Queue.Append, Queue.Settle..., DB.End
//	gather   what units change waits in memory while the group before is synced
//	group    the committer takes all that has gathered: never half of a unit
//	commit   the engine appends the group to the journal and syncs it, once
//	told     Confirmers of the group are told, those who Wait go on
//
// A message that is settled before its group is taken is never written.
//
// # Where things are
//
//	units, what gathers, the committer   unit.go, queue.go, db.go, committer.go
//	opening, the engine                  store.go, options.go, lock.go
//	what is durable at least             mark.go, markfile.go
//	a group as bytes                     record.go, encode.go, decode.go
//	appending groups                     journal.go, append.go
//	the ring of segments                 ring.go, segment.go, tend.go
//	reading them                         load.go, walk.go, window.go
//	replaying them at the start          replay.go, slot.go, accept.go, state.go
//	what is behind the journal           archive*.go, space.go
//	moving a segment there               checkpoint*.go
//	what was settled since               fold*.go, evacuate.go
//	bodies in Badger                     fragment*.go, generation*.go, badger.go
//	all but bodies in Badger             index*.go, block.go
//	reading both at the start            recover*.go, salvage.go
//	without keeping anything             shadow.go, overlay.go
//	bodies that need not survive         pagefile.go
//
// # Who owns what
//
//	state                                   owner
//	what a queue has gathered               the lock of the queue's owner, with a unit open
//	entities and confirmers gathered        DB.mu
//	the group being written                 committer goroutine
//
// DB.Begin may wait for the committer to take a group, which waits for open
// units: so no lock may be held that somebody wants while a unit of his is
// open. DB.mu is a leaf.
package storage
