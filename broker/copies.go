package broker

import (
	"encoding/binary"

	"github.com/leveretmq/leveret/amqp"
)

// copies are where a message goes besides, by its headers CC and BCC (PUB-11).
type copies struct {
	keys   []string // of both, sorted, each once
	hidden string   // those of BCC, see hide
	blind  bool     // there is a header BCC, which consumers are not to see
}

// keysIn are the routing keys in a header, as they stand there.
func keysIn(headers amqp.Table, name string) (keys []string) {
	v, _ := headers.Get(name)
	array, _ := v.(amqp.Array)
	for _, v := range array {
		if key, ok := v.(string); ok {
			keys = append(keys, key)
		}
	}
	return keys
}

// hide makes routing keys one string, as a part of an origin: consumers never
// see the header BCC, but letters go by it (DLX-05, PUB-12).
func hide(keys []string) string {
	var b []byte
	for _, key := range keys {
		b = append(binary.AppendUvarint(b, uint64(len(key))), key...)
	}
	return string(b)
}

// hiddenKeys are the keys that hide has made a string of.
func hiddenKeys(hidden string) (keys []string) {
	for b := []byte(hidden); len(b) > 0; {
		n, size := binary.Uvarint(b)
		if size <= 0 || n > uint64(len(b)-size) {
			return keys
		}
		keys = append(keys, string(b[size:size+int(n)]))
		b = b[size+int(n):]
	}
	return keys
}

// hiddenMark begins what is stored of hidden keys: four octets with its length
// follow. No content begins with it.
const hiddenMark = 0

func hiddenSize(hidden string) int {
	if hidden == "" {
		return 0
	}
	return 1 + 4 + len(hidden)
}

func appendHidden(dst []byte, hidden string) []byte {
	if hidden == "" {
		return dst
	}
	dst = binary.BigEndian.AppendUint32(append(dst, hiddenMark), uint32(len(hidden)))
	return append(dst, hidden...)
}

// cutHidden cuts what appendHidden has appended off b; nothing if there is
// nothing of it.
func cutHidden(b []byte) (hidden, rest []byte, ok bool) {
	if len(b) == 0 || b[0] != hiddenMark {
		return nil, b, true
	}
	if len(b) < 5 || uint64(len(b)-5) < uint64(binary.BigEndian.Uint32(b[1:])) {
		return nil, nil, false
	}
	n := 5 + int(binary.BigEndian.Uint32(b[1:]))
	return b[5:n], b[n:], true
}
