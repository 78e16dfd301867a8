package control

import (
	"time"

	"github.com/leveretmq/leveret/broker"
)

// columns are what can be listed of something, by RabbitMQ's names.
type columns[T any] map[string]func(*request, *T) any

// Rows are the answer to a list: for each thing the columns that were asked for.
type Rows [][]any

// list is the operation that lists things. Its argument column is there for each
// column that is asked for.
func list[T any](all func(*request) ([]T, error), c columns[T]) operation {
	return func(q *request) (any, error) {
		things, err := all(q)
		if err != nil {
			return nil, err
		}
		rows := make(Rows, len(things))
		for i := range things {
			for _, name := range q.arguments["column"] {
				value := c[name]
				if value == nil {
					return nil, &Error{Unsupported, "there is no column " + name}
				}
				rows[i] = append(rows[i], value(q, &things[i]))
			}
		}
		return rows, nil
	}
}

var listOperations = map[string]operation{
	"list_queues":            list(inVhost((*broker.Broker).QueueInfos), queueColumns),
	"list_consumers":         list(inVhost((*broker.Broker).ConsumerInfos), consumerColumns),
	"list_exchanges":         list(inVhost((*broker.Broker).ExchangeInfos), exchangeColumns),
	"list_bindings":          list(allBindings, bindingColumns),
	"list_connections":       list(func(q *request) ([]broker.ConnectionInfo, error) { return q.Broker.ConnectionInfos(), nil }, connectionColumns),
	"list_channels":          list(func(q *request) ([]broker.ChannelInfo, error) { return q.Broker.ChannelInfos(), nil }, channelColumns),
	"list_vhosts":            list(func(q *request) ([]string, error) { return q.Broker.Vhosts(), nil }, vhostColumns),
	"list_policies":          list(inVhost((*broker.Broker).Policies), policyColumns),
	"list_operator_policies": list(inVhost((*broker.Broker).OperatorPolicies), policyColumns),
}

// inVhost is what is listed of the vhost that an argument names.
func inVhost[T any](all func(*broker.Broker, string) ([]T, error)) func(*request) ([]T, error) {
	return func(q *request) ([]T, error) {
		if q.get("offline") != "" {
			return nil, nil // what a vhost has is online
		}
		return all(q.Broker, q.get("vhost"))
	}
}

var queueColumns = columns[broker.QueueInfo]{
	"name":                        func(_ *request, i *broker.QueueInfo) any { return i.Name },
	"vhost":                       func(_ *request, i *broker.QueueInfo) any { return i.Vhost },
	"type":                        func(_ *request, i *broker.QueueInfo) any { return i.Type },
	"state":                       func(*request, *broker.QueueInfo) any { return "running" },
	"durable":                     func(_ *request, i *broker.QueueInfo) any { return i.Durable },
	"auto_delete":                 func(_ *request, i *broker.QueueInfo) any { return i.AutoDelete },
	"exclusive":                   func(_ *request, i *broker.QueueInfo) any { return i.Owner != 0 },
	"arguments":                   func(_ *request, i *broker.QueueInfo) any { return typedTable(i.Arguments) },
	"policy":                      func(_ *request, i *broker.QueueInfo) any { return i.Policy },
	"operator_policy":             func(_ *request, i *broker.QueueInfo) any { return i.OperatorPolicy },
	"effective_policy_definition": func(_ *request, i *broker.QueueInfo) any { return jsonText(i.EffectivePolicy) },
	"owner_pid":                   func(q *request, i *broker.QueueInfo) any { return q.pid(i.Owner, 0) },

	"messages_unacknowledged_ram":  func(_ *request, i *broker.QueueInfo) any { return i.Unacknowledged },
	"messages_ready_ram":           func(_ *request, i *broker.QueueInfo) any { return inMemory(i, i.Ready) },
	"messages_ram":                 func(_ *request, i *broker.QueueInfo) any { return inMemory(i, i.Ready+i.Unacknowledged) },
	"messages":                     func(_ *request, i *broker.QueueInfo) any { return i.Ready + i.Unacknowledged },
	"messages_ready":               func(_ *request, i *broker.QueueInfo) any { return i.Ready },
	"messages_unacknowledged":      func(_ *request, i *broker.QueueInfo) any { return i.Unacknowledged },
	"message_bytes":                func(_ *request, i *broker.QueueInfo) any { return i.ReadyBytes + i.UnacknowledgedBytes },
	"message_bytes_ready":          func(_ *request, i *broker.QueueInfo) any { return i.ReadyBytes },
	"message_bytes_unacknowledged": func(_ *request, i *broker.QueueInfo) any { return i.UnacknowledgedBytes },
	"message_bytes_ram": func(_ *request, i *broker.QueueInfo) any {
		return max(0, i.ReadyBytes-i.ReadyPaged) + i.UnacknowledgedBytes
	},
	"message_bytes_paged_out": func(_ *request, i *broker.QueueInfo) any { return i.ReadyPaged },
	"memory":                  func(_ *request, i *broker.QueueInfo) any { return i.ReadyStored + i.UnacknowledgedBytes },
	"head_message_timestamp":  func(_ *request, i *broker.QueueInfo) any { return seconds(i.HeadTimestamp) },

	"consumers":                  func(_ *request, i *broker.QueueInfo) any { return i.Consumers },
	"active_consumers":           func(_ *request, i *broker.QueueInfo) any { return i.Active },
	"exclusive_consumer_tag":     func(_ *request, i *broker.QueueInfo) any { return i.Exclusive },
	"single_active_consumer_tag": func(_ *request, i *broker.QueueInfo) any { return i.SingleActive },

	// Nobody counts these, or there is no process that they could be of.
	"pid": blank, "exclusive_consumer_pid": blank, "consumer_utilisation": blank, "consumer_capacity": blank,
	"messages_persistent": blank, "message_bytes_persistent": blank, "disk_reads": blank, "disk_writes": blank,

	// One node has no replicas.
	"slave_pids":              func(*request, *broker.QueueInfo) any { return "" },
	"synchronised_slave_pids": func(*request, *broker.QueueInfo) any { return "" },
	"leader":                  func(q *request, _ *broker.QueueInfo) any { return q.Name },
	"members":                 func(q *request, _ *broker.QueueInfo) any { return []string{q.Name} },
	"online":                  func(q *request, _ *broker.QueueInfo) any { return []string{q.Name} },
}

// inMemory is a number of messages, unless some are on disk only: how many those
// are nobody counts.
func inMemory(i *broker.QueueInfo, n int) any {
	if i.ReadyPaged > 0 {
		return ""
	}
	return n
}

// blank is a column that is there, and empty.
func blank(*request, *broker.QueueInfo) any { return "" }

var consumerColumns = columns[broker.ConsumerInfo]{
	"queue_name":      func(_ *request, i *broker.ConsumerInfo) any { return i.Queue },
	"channel_pid":     func(q *request, i *broker.ConsumerInfo) any { return q.pid(i.Connection, i.Channel) },
	"consumer_tag":    func(_ *request, i *broker.ConsumerInfo) any { return i.Tag },
	"ack_required":    func(_ *request, i *broker.ConsumerInfo) any { return i.AckRequired },
	"exclusive":       func(_ *request, i *broker.ConsumerInfo) any { return i.Exclusive },
	"prefetch_count":  func(_ *request, i *broker.ConsumerInfo) any { return i.Prefetch },
	"active":          func(_ *request, i *broker.ConsumerInfo) any { return i.Active },
	"activity_status": func(_ *request, i *broker.ConsumerInfo) any { return activity(i) },
	"arguments":       func(_ *request, i *broker.ConsumerInfo) any { return typedTable(i.Arguments) },
}

func activity(i *broker.ConsumerInfo) string {
	if i.Active {
		return "up"
	}
	return "waiting"
}

var exchangeColumns = columns[broker.ExchangeInfo]{
	"name":        func(_ *request, i *broker.ExchangeInfo) any { return i.Name },
	"type":        func(_ *request, i *broker.ExchangeInfo) any { return i.Type },
	"durable":     func(_ *request, i *broker.ExchangeInfo) any { return i.Durable },
	"auto_delete": func(_ *request, i *broker.ExchangeInfo) any { return i.AutoDelete },
	"internal":    func(_ *request, i *broker.ExchangeInfo) any { return i.Internal },
	"arguments":   func(_ *request, i *broker.ExchangeInfo) any { return typedTable(i.Arguments) },
	"policy":      func(_ *request, i *broker.ExchangeInfo) any { return i.Policy },
	"delayed":     func(_ *request, i *broker.ExchangeInfo) any { return i.Delayed },
}

var bindingColumns = columns[broker.Binding]{
	"source_name":      func(_ *request, i *broker.Binding) any { return i.Source },
	"source_kind":      func(*request, *broker.Binding) any { return "exchange" },
	"destination_name": func(_ *request, i *broker.Binding) any { return i.Destination },
	"destination_kind": func(_ *request, i *broker.Binding) any { return destinationKind(i) },
	"routing_key":      func(_ *request, i *broker.Binding) any { return i.RoutingKey },
	"arguments":        func(_ *request, i *broker.Binding) any { return typedMap(i.Arguments) },
}

func destinationKind(d *broker.Binding) string {
	if d.ToExchange {
		return "exchange"
	}
	return "queue"
}

// allBindings are those of a vhost, with those that the default exchange has to
// each queue.
func allBindings(q *request) ([]broker.Binding, error) {
	queues, err := q.Broker.Queues(q.get("vhost"))
	if err != nil {
		return nil, err
	}
	var all []broker.Binding
	for _, d := range queues {
		all = append(all, broker.Binding{Destination: d.Name, RoutingKey: d.Name})
	}
	rest, err := q.Broker.Bindings(q.get("vhost"))
	return append(all, rest...), err
}

var vhostColumns = columns[string]{
	"name":               func(_ *request, name *string) any { return *name },
	"tracing":            func(*request, *string) any { return false },
	"description":        func(q *request, name *string) any { return q.metadata(*name).Description },
	"tags":               func(q *request, name *string) any { return orNone(q.metadata(*name).Tags) },
	"default_queue_type": func(q *request, name *string) any { return q.metadata(*name).DefaultQueueType },
	"cluster_state":      func(q *request, _ *string) any { return "[{" + q.Name + ", running}]" },
}

// metadata of a vhost, none if it is deleted meanwhile.
func (q *request) metadata(vhost string) broker.VhostMetadata {
	m, _ := q.Broker.VhostMetadata(vhost)
	return m
}

var policyColumns = columns[broker.Policy]{
	"vhost":      func(q *request, _ *broker.Policy) any { return q.get("vhost") },
	"name":       func(_ *request, p *broker.Policy) any { return p.Name },
	"pattern":    func(_ *request, p *broker.Policy) any { return p.Pattern },
	"apply-to":   func(_ *request, p *broker.Policy) any { return p.ApplyTo },
	"definition": func(_ *request, p *broker.Policy) any { return jsonText(p.Definition) },
	"priority":   func(_ *request, p *broker.Policy) any { return p.Priority },
}

// seconds since 1970, empty for no time.
func seconds(t time.Time) any {
	if t.IsZero() {
		return ""
	}
	return t.Unix()
}
