package storage

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// files is the file system as the journal and what lies beside it see it. Tests
// put one in its place that fails, or that forgets what was not synced.
type files interface {
	// open opens a file for reading and writing; create makes it first.
	open(path string, create bool) (file, error)
	rename(from, to string) error
	remove(path string) error
	mkdir(path string) error
	// list returns the names in a directory; none if there is no such directory.
	list(path string) ([]string, error)
	// syncDir makes durable which names a directory has.
	syncDir(path string) error
}

// file is an open file. What is written is durable once sync has returned nil;
// after it has failed, nothing is known any more.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	sync() error
	size() (int64, error)
	// allocate makes the file so large, with room for it on the disk.
	allocate(size int64) error
}

// numbers returns those of the names in a directory that are numbers, ascending.
func numbers(fs files, dir string) ([]uint32, error) {
	names, err := fs.list(dir)
	if err != nil {
		return nil, err
	}
	var found []uint32
	for _, name := range names {
		if n, err := strconv.ParseUint(name, 10, 32); err == nil {
			found = append(found, uint32(n))
		}
	}
	slices.Sort(found)
	return found, nil
}

// osFiles are the files of the operating system.
type osFiles struct{}

func (osFiles) open(path string, create bool) (file, error) {
	flag := os.O_RDWR
	if create {
		flag |= os.O_CREATE | os.O_TRUNC
	}
	f, err := os.OpenFile(filepath.Clean(path), flag, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (osFiles) rename(from, to string) error { return os.Rename(from, to) }
func (osFiles) remove(path string) error     { return os.Remove(path) }
func (osFiles) mkdir(path string) error      { return os.MkdirAll(path, 0o700) }

func (osFiles) list(path string) ([]string, error) {
	entries, err := os.ReadDir(path)
	if os.IsNotExist(err) {
		return nil, nil
	}
	names := make([]string, 0, len(entries))
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names, err
}

func (osFiles) syncDir(path string) error {
	d, err := os.Open(filepath.Clean(path))
	if err != nil {
		return err
	}
	defer d.Close()
	return d.Sync()
}

type osFile struct{ *os.File }

// sync is fdatasync, again after a signal has interrupted it.
func (f osFile) sync() error {
	for {
		err := unix.Fdatasync(int(f.Fd()))
		if err != unix.EINTR {
			return f.failed("fdatasync", err)
		}
	}
}

func (f osFile) size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

func (f osFile) allocate(size int64) error {
	for {
		err := unix.Fallocate(int(f.Fd()), 0, 0, size)
		switch err {
		case unix.EINTR:
		case unix.EOPNOTSUPP:
			return f.Truncate(size)
		default:
			return f.failed("fallocate", err)
		}
	}
}

// failed is the error that there is with a file.
func (f osFile) failed(op string, err error) error {
	if err == nil {
		return nil
	}
	return &os.PathError{Op: op, Path: f.Name(), Err: err}
}
