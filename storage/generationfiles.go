package storage

import (
	"encoding/binary"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
)

// fileSum is what a file of a complete generation is like.
type fileSum struct {
	name string
	size int64
	sum  uint32
}

func sumFile(path string) (fileSum, error) {
	f, err := os.Open(filepath.Clean(path))
	if err != nil {
		return fileSum{}, err
	}
	defer f.Close()
	h := crc32.New(castagnoli)
	n, err := io.CopyBuffer(struct{ io.Writer }{h}, struct{ io.Reader }{f}, make([]byte, 256<<10))
	return fileSum{filepath.Base(path), n, h.Sum32()}, err
}

// appendFiles appends the value of the record of a complete generation.
func (g *generation) appendFiles(b []byte) []byte {
	for _, f := range g.files {
		b = append(binary.AppendUvarint(b, uint64(len(f.name))), f.name...)
		b = binary.AppendUvarint(b, uint64(f.size))
		b = binary.LittleEndian.AppendUint32(b, f.sum)
	}
	return b
}

func (g *generation) parseFiles(b []byte) bool {
	r := reader{b: b}
	for len(r.b) > 0 {
		f := fileSum{string(r.bytes(r.uvarint())), int64(r.uvarint()), r.uint32()}
		if r.bad {
			return false
		}
		g.files = append(g.files, f)
	}
	return g.complete()
}

// seal notes which files a closed generation has, and what is in them.
func (s *generations) seal(g *generation) (err error) {
	dir := s.path(g.number)
	if err := removeUseless(dir, inTables); err != nil {
		return err
	}
	names, err := s.files.list(dir)
	if err != nil {
		return err
	}
	for _, name := range names {
		sum, err := sumFile(filepath.Join(dir, name))
		if err != nil {
			return err
		}
		g.files = append(g.files, sum)
	}
	g.checked = true
	return s.files.syncDir(dir)
}

// checkSizes looks whether the files of a complete generation are there and as
// long as they were.
func (s *generations) checkSizes(g *generation) error {
	for _, f := range g.files {
		path := filepath.Join(s.path(g.number), f.name)
		switch info, err := os.Stat(path); {
		case err != nil:
			return harm(path, err)
		case info.Size() != f.size:
			return corrupt(path, "%d bytes long instead of %d", info.Size(), f.size)
		}
	}
	return nil
}

// check reads the files of a complete generation: Badger may end the process
// when it meets damage.
func (s *generations) check(g *generation) error {
	for _, f := range g.files {
		path := filepath.Join(s.path(g.number), f.name)
		switch found, err := sumFile(path); {
		case err != nil:
			return harm(path, err)
		case found != f:
			return corrupt(path, "its checksum is wrong")
		}
	}
	return nil
}
