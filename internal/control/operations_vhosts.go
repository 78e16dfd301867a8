package control

import (
	"errors"
	"strings"

	"github.com/leveretmq/leveret/broker"
)

var vhostOperations = map[string]operation{
	"add_vhost":      addVhost,
	"delete_vhost":   func(q *request) (any, error) { return nil, q.Broker.DeleteVhost(q.get("vhost")) },
	"set_vhost_tags": setVhostTags,
	"set_vhost_limits": func(q *request) (any, error) {
		if _, err := q.Broker.VhostLimits(q.get("vhost")); err != nil {
			return nil, err
		}
		l, err := limitsIn(q.get("definition"), "limits", "max-connections", "max-queues")
		var invalid *Error
		if errors.As(err, &invalid) && !strings.HasPrefix(invalid.Text, "JSON") {
			invalid.Text = "Validation failed\n\n" + invalid.Text + "\n"
		}
		if err != nil {
			return nil, err
		}
		return nil, q.Broker.SetVhostLimits(q.get("vhost"), l) // in place of all that there were
	},
	"clear_vhost_limits": func(q *request) (any, error) {
		return nil, q.Broker.ClearVhostLimits(q.get("vhost"), "max-connections", "max-queues")
	},
	"list_vhost_limits": list(vhostLimits, limitColumns),
}

func addVhost(q *request) (any, error) {
	m := broker.VhostMetadata{Description: q.get("description"), DefaultQueueType: q.get("default-queue-type")}
	if tags := q.get("tags"); tags != "" {
		m.Tags = strings.Split(tags, ",")
	}
	switch m.DefaultQueueType {
	case "", "classic", "quorum", "stream":
	default:
		return nil, &Error{Invalid, "invalid_queue_type"}
	}
	err := q.Broker.CreateVhost(q.get("vhost"))
	if errors.Is(err, broker.ErrVhostExists) {
		return nil, nil
	}
	if err == nil && (m.Description != "" || m.Tags != nil || m.DefaultQueueType != "") {
		err = q.Broker.SetVhostMetadata(q.get("vhost"), m)
	}
	return nil, err
}

func setVhostTags(q *request) (any, error) {
	m, err := q.Broker.VhostMetadata(q.get("vhost"))
	if err != nil {
		return nil, err
	}
	m.Tags = q.arguments["tag"]
	return nil, q.Broker.SetVhostMetadata(q.get("vhost"), m)
}
