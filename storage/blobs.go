package storage

// ignore is a visitor that wants to know nothing.
type ignore struct{}

func (ignore) put(Entity)                    {}
func (ignore) drop(EntityKind, uint64)       {}
func (ignore) message(uint64, Item)          {}
func (ignore) settle(uint64, Range)          {}
func (ignore) requeue(_, _ uint64, _ uint16) {}
func (ignore) deleted(uint64)                {}

// blobs notes where the bytes of messages are.
type blobs struct {
	ignore
	items []Item
}

func (b *blobs) message(_ uint64, it Item) { b.items = append(b.items, it) }

// checkBlobs returns errInvalid if the bytes of a message of the group are not
// what they were.
func checkBlobs(w *window, h *groupHeader, meta []byte, base Place) error {
	var found blobs
	if err := decode(h, meta, base, &found); err != nil {
		return err
	}
	for _, it := range found.items {
		b, err := w.bytes(it.Place.offset(), blobHead+int64(it.Size))
		if err != nil {
			return invalidAtEnd(err)
		}
		if _, ok := openBlob(it.Place, b); !ok {
			return errInvalid
		}
	}
	return nil
}
