package storage

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
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

// markFile is the file with the mark.
type markFile struct {
	mark
	f     file
	buf   [markSize]byte
	since time.Time // when it was last synced, or that was asked for
}

// readMark returns the newest whole slot; errInvalid if there is none.
func readMark(f io.ReaderAt) (mark, error) {
	b := make([]byte, markSize)
	newest, ok := mark{}, false
	for slot := range int64(2) {
		_, err := f.ReadAt(b, slot*markSlot)
		if err != nil && !errors.Is(err, io.EOF) {
			return mark{}, err
		}
		var m mark
		if err != nil || !m.parse(b) {
			continue
		}
		if version := binary.LittleEndian.Uint32(b[8:]); version != formatVersion {
			return mark{}, fmt.Errorf("storage: the directory has format %d, and this program knows %d", version, formatVersion)
		}
		if !ok || m.turn > newest.turn {
			newest, ok = m, true
		}
	}
	if !ok {
		return mark{}, errInvalid
	}
	return newest, nil
}

// write writes the mark to the slot whose turn it is.
func (m *markFile) write() error {
	m.turn++
	m.seal(m.buf[:])
	_, err := m.f.WriteAt(m.buf[:], int64(m.turn%2)*markSlot)
	return err
}

// settle writes the mark to both slots and syncs it.
func (m *markFile) settle(clean bool) error {
	m.clean = clean
	for range 2 {
		if err := m.write(); err != nil {
			return err
		}
	}
	return m.f.sync()
}

// makeMark makes the file; it is there whole or not at all.
func makeMark(fs files, dir string, m mark) (*markFile, error) {
	b := make([]byte, 2*markSlot)
	m.seal(b)
	path := filepath.Join(dir, "mark")
	if err := writeWhole(fs, path, b); err != nil {
		return nil, err
	}
	f, err := fs.open(path, false)
	return &markFile{mark: m, f: f}, err
}

// findSalt takes the salt of the directory from the header of a segment.
func findSalt(o Options) (salt uint64, err error) {
	dir := filepath.Join(o.Dir, "journal")
	names, err := o.files.list(dir)
	for _, name := range names {
		f, err := o.files.open(filepath.Join(dir, name), false)
		if err != nil {
			return 0, err
		}
		b := make([]byte, segmentHeadLen)
		_, err = f.ReadAt(b, 0)
		f.Close()
		var h segmentHeader
		if s := binary.LittleEndian.Uint64(b[16:]); err == nil && h.parse(b, s) {
			salt = s
		}
	}
	return salt, err
}

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
