package broker

import "github.com/leveretmq/leveret/amqp"

// groupHeaders are the headers that name the group of a message: the first that
// does counts. The other one is that of JMS.
var groupHeaders = []string{"x-group-id", "JMSXGroupID"}

// groupID is the id of the group of a message, as text; empty if it belongs to
// none. Numbers, timestamps and booleans name the group that their text does;
// what has no such text names none.
func groupID(p amqp.Properties) string {
	for _, key := range groupHeaders {
		switch v, _ := p.Header(key); v.(type) {
		case nil, amqp.Table, amqp.Array, amqp.Decimal:
		default:
			if id := amqp.FormatValue(v); id != "" {
				return id
			}
		}
	}
	return ""
}
