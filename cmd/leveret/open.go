package main

import (
	"errors"
	"fmt"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/storage"
)

// headroomFor is how much garbage the broker may have.
func headroomFor(o broker.Options) headroom {
	if o.DataDir == "" {
		return memoryHeadroom
	}
	return storeHeadroom
}

// openBroker opens the broker with what it has kept.
func openBroker(o broker.Options) (*broker.Broker, error) {
	b, err := broker.Open(o)
	var corrupt *storage.CorruptError
	switch {
	case errors.As(err, &corrupt):
		return nil, fmt.Errorf("--data-dir: %w; see leveret check %s, or go on without what is lost: --accept-loss", err, o.DataDir)
	case err != nil:
		return nil, fmt.Errorf("--data-dir: %w", err)
	}
	return b, nil
}
