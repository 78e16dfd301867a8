// Package brokertest runs brokers in tests.
//
//	func TestOrders(t *testing.T) {
//		b := brokertest.Start(t)
//		app := orders.New(b.URL()) // as in production
//		...
//		b.Queue("orders").WaitMessages(t, 1)
//	}
//
// A broker is the real one, leveret, within the process of the test: it is there
// in less than a millisecond, listens on a port of its own, and ends with the test.
// Hundreds may run at once.
//
// # Look inside
//
// [Queue.Messages] shows what is in a queue, ready or unacknowledged, and neither
// takes nor marks it; [Exchange.Published] shows what was published;
// [Queue.Consumers] and [Queue.Bindings] show who is there. What the test needs can
// be put in: [Vhost.DeclareQueue], [Vhost.Bind], [Vhost.Publish],
// [Broker.Import].
//
// # Wait
//
// Methods that begin with Wait wait for what is to come, and look again whenever
// something has changed: no sleep, no polling. After [Patience] they end the test
// and say what there is instead.
//
// # Time
//
// The clock of the broker is that of the machine, until [Broker.Advance] moves it:
// messages expire, delays end, heartbeats are missed and consumers are late at
// once. With [Frozen] nothing else moves it.
//
// # Faults
//
// [Broker.Inject] has things go wrong at a point, once, a number of times, or now
// and then by a seed:
//
//	b.Inject(brokertest.AtPublish, brokertest.Nack, brokertest.Next(1))
//	b.Inject(brokertest.AtConfirm, brokertest.Drop, brokertest.Odds(0.1))
//	b.Inject(brokertest.AtTune, brokertest.Delay(3*time.Second))
//	b.Inject("queue.declare", brokertest.Refuse(406, "no"))
//
// [Connection.Drop], [Connection.Close] and [Connection.Unplug] break connections,
// [Broker.Block] blocks publishers, [Queue.CancelConsumers] cancels consumers.
// [Broker.Stop], [Broker.Kill] and [Broker.Restart] do it with the whole broker;
// with [OnDisk] it comes back with what was durable.
package brokertest
