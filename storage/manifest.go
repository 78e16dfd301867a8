package storage

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"os"
	"path/filepath"
	"slices"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/table"
)

// manifest is the file in which a closed Badger names its tables.
type manifest struct {
	path    string
	bytes   []byte   // without what was not written whole
	tables  []uint64 // that are there
	missing []uint64 // that are not
}

// readManifest reads it; what it returns is empty if there is none.
func readManifest(dir string) (m manifest, err error) {
	m.path = filepath.Join(dir, badger.ManifestFilename)
	f, err := os.Open(m.path)
	if errors.Is(err, os.ErrNotExist) {
		return m, nil
	} else if err != nil {
		return m, err
	}
	defer f.Close()
	named, size, err := badger.ReplayManifestFile(f, 0, badgerOptions(dir, readOnly, nil))
	if err != nil {
		return m, corrupt(m.path, "%v", err)
	}
	for id := range named.Tables {
		if _, err := os.Stat(table.NewFilename(id, dir)); errors.Is(err, os.ErrNotExist) {
			m.missing = append(m.missing, id)
		} else {
			m.tables = append(m.tables, id)
		}
	}
	slices.Sort(m.missing)
	m.bytes = make([]byte, size)
	_, err = f.ReadAt(m.bytes, 0)
	return m, err
}

// without is the file that does not name what is missing.
func (m *manifest) without() []byte {
	b := slices.Clone(m.bytes)
	for _, id := range m.missing {
		b = appendTableGone(b, id)
	}
	return b
}

// appendTableGone appends a record of the MANIFEST, a ManifestChangeSet as
// protobuf behind its length and CRC-32C: there is no table with this number.
func appendTableGone(b []byte, id uint64) []byte {
	change := append(binary.AppendUvarint([]byte{1 << 3}, id), 2<<3, 1)
	set := append([]byte{1<<3 | 2, byte(len(change))}, change...)
	b = binary.BigEndian.AppendUint32(b, uint32(len(set)))
	b = binary.BigEndian.AppendUint32(b, crc32.Checksum(set, castagnoli))
	return append(b, set...)
}

// forgetTables has a Badger forget the tables that are not there, if nothing is
// missing without them. When the MANIFEST cannot be synced that names a new
// table, Badger removes the table, and the name stays; what was to be in it is
// still in its log. That nothing is missing is for whole to say, of a copy: as
// long as it is not known, nothing is changed, and a table may be brought back.
func (r *recovering) forgetTables(dir string, how opening, whole func(*badger.DB) error) error {
	m, err := readManifest(dir)
	if err != nil || len(m.missing) == 0 {
		return err
	}
	if err := r.try(&m, how, whole); isCorrupt(err) {
		return corrupt(table.NewFilename(m.missing[0], dir), "it is missing: %v", err)
	} else if err != nil {
		return err
	}
	return writeWhole(r.files, m.path, m.without())
}

// try asks whole about a copy of a Badger without what is missing.
func (r *recovering) try(m *manifest, how opening, whole func(*badger.DB) error) error {
	dir := filepath.Dir(m.path)
	s := shadow{of: filepath.Dir(dir), dir: r.trial()}
	if err := os.Mkdir(s.dir, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(s.dir)
	if err := s.take(filepath.Base(dir), false); err != nil {
		return err
	}
	dir = filepath.Join(s.dir, filepath.Base(dir))
	if err := os.WriteFile(filepath.Join(dir, badger.ManifestFilename), m.without(), 0o600); err != nil {
		return err
	}
	db, err := openWhole(dir, how, nil)
	if err == nil {
		err = guarded(dir, func() error { return whole(db) })
		err = errors.Join(err, guarded(dir, db.Close))
	}
	return s.named(err)
}

// trial is where a Badger is tried out.
func (b *archive) trial() string { return filepath.Join(b.Dir, "trial.new") }
