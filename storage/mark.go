package storage

import (
	"encoding/binary"
	"hash/crc32"
	"hash/fnv"
	"io"
	"os"
	"path/filepath"
	"time"
)

// mark says what is known to be durable: less than that is damage. It is
// written in turn to two slots, so that one is always whole.
type mark struct {
	turn       uint64 // counts the writes
	salt       uint64 // of the directory
	group      uint64 // the last that was committed
	synced     uint64 // the last that is known to be on disk
	messages   uint64 // ever journaled
	boot       uint64 // of the machine, when it was written
	chain      uint32
	durability Durability
	clean      bool // the store was closed; nothing has happened since
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
	b[64] = byte(m.durability)
	if m.clean {
		b[65] = 1
	}
	le.PutUint32(b[markLen-4:], crc32.Checksum(b[:markLen-4], castagnoli))
}

func (m *mark) parse(b []byte) bool {
	le := binary.LittleEndian
	if le.Uint64(b) != markMagic || le.Uint32(b[markLen-4:]) != crc32.Checksum(b[:markLen-4], castagnoli) {
		return false
	}
	*m = mark{
		turn: le.Uint64(b[16:]), salt: le.Uint64(b[24:]), group: le.Uint64(b[32:]),
		synced: le.Uint64(b[40:]), messages: le.Uint64(b[48:]), boot: le.Uint64(b[56:]),
		chain: le.Uint32(b[12:]), durability: Durability(b[64]), clean: b[65] == 1,
	}
	return true
}

// required is the group below which everything has to be there. What was only
// handed to the kernel is lost when the machine stops.
func (m *mark) required() uint64 {
	if m.durability == OS && m.boot != bootID() {
		return m.synced
	}
	return m.group
}

// markFile is the file with the mark.
type markFile struct {
	mark
	f     file
	buf   [markSize]byte
	since time.Time // when it was last synced, or that was asked for
}

// readMark returns the newest whole slot; false if there is none.
func readMark(f io.ReaderAt) (newest mark, ok bool) {
	b := make([]byte, markSize)
	for slot := range int64(2) {
		var m mark
		if _, err := f.ReadAt(b, slot*markSlot); err == nil && m.parse(b) && (!ok || m.turn > newest.turn) {
			newest, ok = m, true
		}
	}
	return newest, ok
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
	path := filepath.Join(dir, "mark")
	f, err := fs.open(path+".new", true)
	if err != nil {
		return nil, err
	}
	made := &markFile{mark: m, f: f}
	if err = made.settle(m.clean); err == nil {
		if err = fs.rename(path+".new", path); err == nil {
			err = fs.syncDir(dir)
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return made, nil
}

// bootID tells one run of the machine from another; 0 if that is not known.
func bootID() uint64 {
	b, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return 0
	}
	h := fnv.New64a()
	_, _ = h.Write(b)
	return h.Sum64()
}
