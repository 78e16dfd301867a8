package storage

import (
	"encoding/binary"
	"io"
	"path/filepath"
)

// indexMark tells which directory the index is in and which transaction it has
// at least. It is written after each one, in turn to two slots.
type indexMark struct {
	number uint32 // of the directory
	turn   uint64
	commit uint64
	live   uint64 // messages that the blocks have

	f file // nil while there is none
}

const (
	indexMarkMagic = 0x4b4d584449564c4c // LLVIDXMK
	indexMarkSlot  = 4096
	indexMarkSize  = 48
)

func (m *indexMark) seal() []byte {
	le := binary.LittleEndian
	b := le.AppendUint64(nil, indexMarkMagic)
	b = le.AppendUint32(b, formatVersion)
	b = le.AppendUint32(b, m.number)
	for _, v := range [...]uint64{m.turn, m.commit, m.live} {
		b = le.AppendUint64(b, v)
	}
	return appendSum(le.AppendUint32(b, 0))
}

func (m *indexMark) parse(b []byte) bool {
	le := binary.LittleEndian
	if len(b) != indexMarkSize || le.Uint64(b) != indexMarkMagic || !hasSum(b) {
		return false
	}
	m.number, m.turn, m.commit, m.live = le.Uint32(b[12:]), le.Uint64(b[16:]), le.Uint64(b[24:]), le.Uint64(b[32:])
	return true
}

// read reads the newer slot; false if none is whole.
func (m *indexMark) read(f io.ReaderAt) (ok bool) {
	b := make([]byte, indexMarkSize)
	for slot := range int64(2) {
		var found indexMark
		if _, err := f.ReadAt(b, slot*indexMarkSlot); err != nil || !found.parse(b) {
			continue
		}
		if !ok || found.turn > m.turn {
			m.number, m.turn, m.commit, m.live = found.number, found.turn, found.commit, found.live
			ok = true
		}
	}
	return ok
}

// make makes the file. It is there before the directory that it names.
func (m *indexMark) make(fs files, dir string) (err error) {
	path := filepath.Join(dir, "mark")
	if m.f, err = fs.open(path+".new", true); err != nil {
		return err
	}
	if err := m.settle(); err != nil {
		return err
	}
	if err := fs.rename(path+".new", path); err != nil {
		return err
	}
	if err := fs.syncDir(dir); err != nil {
		return err
	}
	return fs.syncDir(filepath.Dir(dir))
}

// write writes the mark and syncs it.
func (m *indexMark) write() error {
	m.turn++
	if _, err := m.f.WriteAt(m.seal(), int64(m.turn%2)*indexMarkSlot); err != nil {
		return err
	}
	return m.f.sync()
}

// settle writes the mark to both slots: nothing of an older one is left.
func (m *indexMark) settle() error {
	if err := m.write(); err != nil {
		return err
	}
	return m.write()
}

func (m *indexMark) close() error {
	if m.f == nil {
		return nil
	}
	return m.f.Close()
}
