package broker_test

import (
	"testing"
	"testing/synctest"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

// What a transaction has held is let go however it ends.
func TestNothingOfATransactionStays(t *testing.T) {
	const messages, most = 32 << 10, 4 << 20 // of 1 KiB
	for _, end := range []struct{ method, answer amqp.Method }{
		{&amqp.TxCommit{}, &amqp.TxCommitOk{}},
		{&amqp.TxRollback{}, &amqp.TxRollbackOk{}},
		{&amqp.ChannelClose{}, &amqp.ChannelCloseOk{}},
	} {
		t.Run(end.method.ID().String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newRig(t)
				c := amqptest.New(t, r.connect())
				c.Open(amqptest.Login{})
				c.OpenChannel(1, 2)
				c.SendMethods(1, &amqp.TxSelect{})
				c.Expect(1, &amqp.TxSelectOk{})
				c.SendMethods(2, &amqp.QueueDeclare{Queue: "q", Exclusive: true})
				c.Expect(2, &amqp.QueueDeclareOk{Queue: "q"})
				before := heap()
				one := amqptest.Publish(1, &amqp.BasicPublish{RoutingKey: "q"}, amqp.BasicProperties{}, make([]byte, 1<<10), 4096)
				for range messages {
					c.Send(one)
				}
				synctest.Wait()
				if grown := heap() - before; grown < messages<<10 {
					t.Errorf("%d KiB are held", grown>>10)
				}
				c.SendMethods(1, end.method)
				c.Expect(1, end.answer)
				c.SendMethods(2, &amqp.QueuePurge{Queue: "q"})
				purged := c.Next()
				if grown := heap() - before; grown > most {
					t.Errorf("%d KiB are left after %v", grown>>10, purged)
				}
				c.Quit()
			})
		})
	}
}
