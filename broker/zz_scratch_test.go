package broker

import (
	"net"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/amqp/amqptest"
)

func TestScratchAck(t *testing.T) {
	b := New(Options{})
	a, s := net.Pipe()
	go b.ServeConn(s)
	c := amqptest.New(t, a)
	c.Open(amqptest.Login{})
	c.OpenChannel(1)
	c.SendMethods(1, &amqp.BasicAck{DeliveryTag: 9})
	t.Log(c.Next())
	c.Quit()
}
