package storage

import (
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"
)

// markFile is the file with the mark.
type markFile struct {
	mark
	f     file
	buf   [markSize]byte
	since time.Time // when it was last synced, or that was asked for
}

// openMark opens the mark, or makes one for a fresh directory.
func openMark(o Options) (*markFile, Loss, error) {
	f, err := o.files.open(filepath.Join(o.Dir, "mark"), false)
	if errors.Is(err, os.ErrNotExist) {
		return withoutMark(o)
	}
	if err != nil {
		return nil, Loss{}, err
	}
	m, err := readMark(f)
	if err == nil {
		return &markFile{mark: m, f: f}, Loss{}, nil
	}
	f.Close()
	if errors.Is(err, errInvalid) {
		return replaceMark(o, "neither of its halves is whole")
	}
	return nil, Loss{}, err
}

// withoutMark makes a mark where there is none.
func withoutMark(o Options) (*markFile, Loss, error) {
	fresh, err := isFresh(o)
	if err != nil {
		return nil, Loss{}, err
	}
	if !fresh {
		return replaceMark(o, "it is missing")
	}
	var salt [8]byte
	_, _ = rand.Read(salt[:])
	m, err := makeMark(o.files, o.Dir, mark{salt: binary.LittleEndian.Uint64(salt[:]), clean: true})
	return m, Loss{}, err
}

// replaceMark makes another mark for one that was lost, if that is accepted.
func replaceMark(o Options, reason string) (*markFile, Loss, error) {
	damage := &CorruptError{File: filepath.Join(o.Dir, "mark"), Offset: -1, Reason: reason}
	if !o.AcceptLoss {
		return nil, Loss{}, damage
	}
	salt, err := findSalt(o)
	if err != nil {
		return nil, Loss{}, err
	}
	m, err := makeMark(o.files, o.Dir, mark{salt: salt})
	return m, Loss{Damages: []string{damage.Error()}}, err
}

// isFresh tells whether nothing was ever kept in a directory.
func isFresh(o Options) (bool, error) {
	for _, name := range [...]string{"journal", "index", "fragments"} {
		names, err := o.files.list(filepath.Join(o.Dir, name))
		if err != nil || len(names) > 0 {
			return false, err
		}
	}
	return true, nil
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
