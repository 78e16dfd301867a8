package broker

import (
	"errors"
	"fmt"
	"slices"

	"github.com/leveretmq/leveret/storage"
)

// stowed is a message of a queue where it waits: in memory or, if it is nil, on
// disk in the place that the item says.
type stowed struct {
	storage.Item
	message *message
}

// errMissing is why messages cannot be read that should be there.
var errMissing = errors.New("messages are missing in the store")

// unstow reads what messages of the queue have on disk. Those that were in the
// page file are not there any more. No lock is held.
func (q *queue) unstow(all []parting) error {
	var b block
	var which []int
	for i := range all {
		if all[i].message == nil {
			b.items, which = append(b.items, all[i].Item), append(which, i)
			b.size += int(all[i].Size)
		}
	}
	if len(which) == 0 {
		return nil
	}
	p := q.vhost.pager
	_, messages, err := p.read(q, &b)
	p.forget(b.items)
	if err == nil && slices.Contains(messages, nil) {
		err = fmt.Errorf("%w: of %s", errMissing, q.what())
	}
	if err != nil {
		return err
	}
	for n, i := range which {
		all[i].message = messages[n]
		if all[i].Place.Paged() {
			all[i].Place = 0
		}
	}
	return nil
}

// what is the queue in words, or the exchange whose delayed messages it has.
func (q *queue) what() string {
	if q.delays != nil {
		return exchangeText(q.delays.exchange.name, q.vhost)
	}
	return q.text()
}
