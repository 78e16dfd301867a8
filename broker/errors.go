package broker

import "github.com/leveretmq/leveret/amqp"

// Conditions that several methods raise, in RabbitMQ's words.

// queueText and exchangeText name a queue or an exchange as texts do.
func queueText(name string, v *vhost) string { return "queue '" + name + "' in vhost '" + v.name + "'" }

func exchangeText(name string, v *vhost) string {
	return "exchange '" + name + "' in vhost '" + v.name + "'"
}

func (q *queue) text() string { return queueText(q.name, q.vhost) }

func noQueue(name string, v *vhost) error { return amqp.NotFound.Errorf("no %s", queueText(name, v)) }

func noExchange(name string, v *vhost) error {
	return amqp.NotFound.Errorf("no %s", exchangeText(name, v))
}

// lockedQueue is for the exclusive queue of another connection (QDEC-14), and
// for an exclusive flag that is not as it was declared (QDEC-17).
func lockedQueue(q *queue) error {
	return amqp.ResourceLocked.Errorf("cannot obtain exclusive access to locked %s. "+
		"It could be originally declared on another connection or the exclusive property value does not match "+
		"that of the original declaration.", q.text())
}

// lockedFor is the error for a session that may not use the queue, since it is
// another one's (QDEC-14). No session is the operator, who may.
func (q *queue) lockedFor(s *session) error {
	if s != nil && q.owner != nil && q.owner != s {
		return lockedQueue(q)
	}
	return nil
}

// defaultExchange is for whatever may not be done to it (EXCH-03 to EXCH-05).
func defaultExchange() error {
	return amqp.AccessRefused.Errorf("operation not permitted on the default exchange")
}

// unknownTag is for a delivery tag that is not outstanding (ACK-01).
func unknownTag(tag uint64) error {
	return amqp.PreconditionFailed.Errorf("unknown delivery tag %d", tag)
}
