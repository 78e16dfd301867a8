// Package oracle shows, letter for letter, that leveret answers a client as
// RabbitMQ does. Short scenarios of frames are played to a real RabbitMQ 3.10.8
// once and what it answers is committed beside them; every run of the tests plays
// them to leveret and compares.
//
//	go test ./interop_test/oracle                                  plays them to leveret in this process
//	go test ./interop_test/oracle -addr 127.0.0.1:5672             compares a RabbitMQ with what is recorded
//	go test ./interop_test/oracle -addr 127.0.0.1:5672 -record     records anew
//	    -restarter CMD                                             the scenarios that restart it, too:
//	                                                               by "CMD stop" and "CMD kill"
//	    -ctl CMD                                                   those that set policies or permissions,
//	                                                               too: CMD is its rabbitmqctl
//
// With -run 'TheBroker/CHAN' only the scenarios of one file are played, or
// recorded. With -short those that wait for seconds are left out. The RabbitMQ must
// have its defaults, no plugins but those of consistent hash, random and recent
// history exchanges and of sharding, and the user guest on the virtual host /. What a
// scenario declares has names of its own and is deleted at its end.
//
// testdata/rows.txt accounts for all compatibility rows of the areas in scope:
// those that a scenario shows, and the reason for each of the others.
// testdata/deviations.txt has the scenarios that leveret answers in another way on
// purpose, with the reason and what it says instead. testdata/own has scripts about
// what RabbitMQ 3.10.8 has not: what stands there was answered by leveret.
//
// # Scripts
//
// A file holds the scenarios of one area, or of one subject. A scenario begins with
// a line that names the rows that it shows, and says in words what that is; the
// steps follow, one to a line, in the order in which they are taken. What came in
// answer to a step stands under it behind "<" and is written by -record. Lines with
// # are comments, and a line "slow" says that the scenario waits for seconds.
//
//	=== CHAN-02 a second channel.open is an error of the connection
//	a open 1
//	a 1 channel.open
//	    < 0 connection.close reply-code=504 reply-text="CHANNEL_ERROR - ..." class-id=20 method-id=10
//
// A step names a connection (any word), the channel if there is one, and what to do.
//
// The beginning and end of a connection:
//
//	a dial                     connects the socket and no more
//	a start                    goes on until connection.start has come,
//	a login                    until connection.tune has come,
//	a tune                     sends tune-ok,
//	a open 1 2                 opens the connection and these channels; shows nothing if all goes
//	                           well. All four take user= pass= vhost= caps=a,b (client capabilities)
//	                           channel-max= frame-max= heartbeat= (0 if it is not set)
//	a 1 reopen                 answers the server's channel.close and opens the channel again
//	a close                    ends the connection by connection.close
//	a drop, a drop reset       ends the stream, without or with a TCP reset
//
// At the end of a scenario all connections that are open are closed. What comes
// then, and was not asked for, is shown as "left on a".
//
// Methods and frames:
//
//	a 1 queue.declare queue=%q durable=1 arguments={x=I:5}
//	                           sends a method. Fields that are not named are zero. If the method is
//	                           answered, all that comes up to the answer is shown: the answer, or a
//	                           close of the channel or connection. After no-wait=1, or with & at the
//	                           end of the line, nothing is waited for
//	a 1 basic.publish routing-key=k priority=5 headers={a="b"} body=abc
//	                           sends a method with its content. properties= sets the octets of the
//	                           flags and the list; pieces= the length of the body's frames
//	a 1 method NAME FIELDS     sends a method frame alone
//	a 1 header size=3 class=60 weight=0 PROPERTIES
//	a 1 body abc times=2       sends a header or body frame alone
//	a 1 frame 1 0014000a 00    sends a frame of any type and payload; end= and size= falsify it
//	a bytes "AMQP" 00000901    sends octets
//	a hold, a flush            keeps back what is sent in between, to send it in one piece
//
// Waiting:
//
//	a wait, a wait 3           shows the next events: a method with its content is one
//	a closed 2s..4s            shows what comes until the end of the stream, which must come within
//	                           this time after the connection's last octet. Heartbeats are not shown.
//	                           wait takes a span too
//	a silence 200ms            shows what comes within a time, or "silence"
//	a skip 200ms               the same, but heartbeats and silence are not shown
//	a 1 confirm 3              shows the next events until so many publishes of the channel are settled
//	a 1 until F=V CALL         repeats a call until a field of its answer has this value, and shows
//	                           the last answer: for what RabbitMQ does a moment later
//	a 1 drain queue=%q         empties a queue with basic.get and shows the bodies in one line
//	a raw, a raw off           shows frames as they are from now on
//	a verbose                  shows server-properties, which are hidden otherwise
//
// The broker as a whole:
//
//	restart                    ends it in good order and begins it again; shows what the connections
//	                           that are open are told of that, which end with it
//	restart kill               the same, but it is given no time, and nothing is shown
//	policy %p ^%q {"max-length":1} apply-to=queues priority=1
//	                           sets a policy: its name, pattern and definition. If it is refused,
//	                           the reason is shown
//	clear policy %p            takes it away; all that a scenario sets is taken away at its end
//	operator-policy, clear operator-policy
//	                           the same for operator policies
//	ctl add_user %u pw         gives an order in the words of rabbitmqctl; that it is refused is shown.
//	                           Users and virtual hosts that were added are deleted at the end
//
// In all steps % stands for a prefix that the scenario shares with no other, $queue
// for the name in the last queue.declare-ok, $ctag for the consumer tag that came
// last, $reply1 for the first reply name (amq.rabbitmq.reply-to.OPAQUE) that stood in a
// message's reply-to, $reply2 for the next one and so on. Texts are bare, "quoted" as in Go, hex:0aff, N*text, or several of these
// joined with +. The octets of frames are hexadecimal, "text", s"text" for a short
// string, or N*octets. The values of tables are "text", true, void, {k=v}, [v v] or
// have the tag of their type before them: I:5 d:1.5 x:"ab" D:2/314 T:1700000000.
//
// # What is normalised
//
// All is shown as it came but for the following.
//
//   - The prefix of names is %, generated names are amq.gen-*, amq.ctag-* and, counted
//     in the order in which they came, amq.rabbitmq.reply-to.*1.
//   - In server-properties only the product and the capabilities are shown; the
//     mechanisms are sorted.
//   - A death that was within the last hour was "now"; the time of one that a client made
//     up stays.
//   - The order of a channel's events is kept. Channels, whose order among each other
//     RabbitMQ leaves open, are sorted within a step, with channel 0 last.
//   - An ack or nack for publishes is shown as the set of publishes that it covers
//     ("confirmed 1-3", "refused 4"), since how many it covers is left open, too.
//   - Long bodies are shown as length and checksum, and with the lengths of their
//     frames if they have several.
//   - Properties are shown decoded if that is all there is to them, and as octets if not.
package oracle
