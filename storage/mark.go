package storage

import (
	"encoding/binary"
	"hash/fnv"
	"os"
	"sync"
	"time"
)

// mark says what is known to be durable: less than that is damage. It is
// written in turn to two slots, so that one is always whole.
type mark struct {
	turn        uint64 // counts the writes
	salt        uint64 // of the directory
	group       uint64 // the last that was committed
	synced      uint64 // the last that is known to be on disk
	messages    uint64 // ever journaled
	boot        uint64 // of the machine, when it was written
	redelivered Place  // messages before it may have been delivered
	chain       uint32
	durability  Durability
	clean       bool // the store was closed; nothing has happened since
}

const (
	markMagic = 0x4b52414d4c56454c // LEVLMARK
	markSlot  = 4096               // distance of the slots
	markSize  = 512                // of what is written
	markLen   = 80

	// markInterval is how far the mark on disk may be behind.
	markInterval = 100 * time.Millisecond
)

func (m *mark) seal(b []byte) {
	le := binary.LittleEndian
	clear(b[:markSize])
	le.PutUint64(b[0:], markMagic)
	le.PutUint32(b[8:], formatVersion)
	le.PutUint32(b[12:], m.chain)
	le.PutUint64(b[16:], m.turn)
	le.PutUint64(b[24:], m.salt)
	le.PutUint64(b[32:], m.group)
	le.PutUint64(b[40:], m.synced)
	le.PutUint64(b[48:], m.messages)
	le.PutUint64(b[56:], m.boot)
	le.PutUint64(b[64:], uint64(m.redelivered))
	b[72] = byte(m.durability)
	if m.clean {
		b[73] = 1
	}
	sealSum(b[:markLen])
}

func (m *mark) parse(b []byte) bool {
	le := binary.LittleEndian
	if le.Uint64(b) != markMagic || !hasSum(b[:markLen]) {
		return false
	}
	*m = mark{
		turn: le.Uint64(b[16:]), salt: le.Uint64(b[24:]), group: le.Uint64(b[32:]),
		synced: le.Uint64(b[40:]), messages: le.Uint64(b[48:]), boot: le.Uint64(b[56:]),
		redelivered: Place(le.Uint64(b[64:])),
		chain:       le.Uint32(b[12:]), durability: Durability(b[72]), clean: b[73] == 1,
	}
	return true
}

// required is the group up to which everything has to be there.
func (m *mark) required() uint64 {
	if m.forgotten() {
		return m.synced
	}
	return m.group
}

// forgotten tells whether the machine has stopped since, and with it all that
// was only handed to the kernel.
func (m *mark) forgotten() bool { return m.durability == OS && m.boot != thisBoot() }

// thisBoot tells one run of the machine from another; 0 if that is not known.
var thisBoot = sync.OnceValue(func() uint64 {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write(b)
	return h.Sum64()
})
