package amqptest

import "github.com/leveretmq/leveret/amqp"

// Publish is a basic.publish with its content in the fewest frames of at most
// frameMax bytes.
func Publish(channel uint16, p *amqp.BasicPublish, properties amqp.BasicProperties, body []byte, frameMax int) []byte {
	b := amqp.AppendMethod(nil, channel, p)
	b = amqp.AppendContentHeader(b, channel, uint64(len(body)), properties.Append(nil))
	for len(body) > 0 {
		n := min(len(body), frameMax-amqp.FrameOverhead)
		b = amqp.AppendFrame(b, amqp.FrameBody, channel, body[:n])
		body = body[n:]
	}
	return b
}
