package storage

import (
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
)

// overlay are the files of the operating system as far as they are read; what
// is written is kept in memory, and forgotten with the overlay. So a directory
// can be opened as ever and stays as it is.
type overlay struct {
	mu    sync.Mutex
	files map[string]*overlayFile // opened, by path; nil if removed
}

func newOverlay() *overlay { return &overlay{files: make(map[string]*overlayFile)} }

func (o *overlay) open(path string, create bool) (file, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	path = filepath.Clean(path)
	f, known := o.files[path]
	switch {
	case create:
		f = &overlayFile{}
	case known && f == nil:
		return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
	case !known:
		below, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		size, err := osFile{below}.size()
		if err != nil {
			below.Close()
			return nil, err
		}
		f = &overlayFile{below: below, length: size, depth: size}
	}
	o.files[path] = f
	return f, nil
}

func (o *overlay) rename(from, to string) error {
	f, err := o.open(from, false)
	if err != nil {
		return err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	o.files[filepath.Clean(from)], o.files[filepath.Clean(to)] = nil, f.(*overlayFile)
	return nil
}

func (o *overlay) remove(path string) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.files[filepath.Clean(path)] = nil
	return nil
}

func (o *overlay) list(dir string) ([]string, error) {
	names, err := osFiles{}.list(dir)
	if err != nil {
		return nil, err
	}
	o.mu.Lock()
	defer o.mu.Unlock()
	for path, f := range o.files {
		if filepath.Dir(path) != filepath.Clean(dir) {
			continue
		}
		name := filepath.Base(path)
		names = slices.DeleteFunc(names, func(n string) bool { return n == name })
		if f != nil {
			names = append(names, name)
		}
	}
	slices.SortFunc(names, strings.Compare)
	return names, nil
}

func (o *overlay) mkdir(string) error   { return nil }
func (o *overlay) syncDir(string) error { return nil }

// close closes what is open of the operating system's files.
func (o *overlay) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, f := range o.files {
		if f != nil && f.below != nil {
			f.below.Close()
		}
	}
}

// overlayPage is how much of a file is replaced at once.
const overlayPage = 64 << 10

// overlayFile is a file with pages that replace those below. It stays usable
// after Close, for it may be opened again.
type overlayFile struct {
	below *os.File // nil if there is none
	depth int64    // how much of the file below counts

	mu     sync.Mutex
	length int64
	pages  map[int64]*[overlayPage]byte
}

func (f *overlayFile) Close() error { return nil }
func (f *overlayFile) sync() error  { return nil }

func (f *overlayFile) size() (int64, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.length, nil
}

func (f *overlayFile) allocate(size int64) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.length = max(f.length, size)
	return nil
}

// ReadAt implements io.ReaderAt.
func (f *overlayFile) ReadAt(p []byte, off int64) (n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n < len(p) {
		if off >= f.length {
			return n, io.EOF
		}
		part := p[n:min(int64(len(p)), int64(n)+f.length-off, int64(n)+overlayPage-off%overlayPage)]
		if page := f.pages[off/overlayPage]; page != nil {
			copy(part, page[off%overlayPage:])
		} else if err := f.readBelow(part, off); err != nil {
			return n, err
		}
		n, off = n+len(part), off+int64(len(part))
	}
	return n, nil
}

// readBelow reads what no page replaces: zeros where there is nothing below.
func (f *overlayFile) readBelow(p []byte, off int64) error {
	k := max(0, min(int64(len(p)), f.depth-off))
	clear(p[k:])
	if k == 0 {
		return nil
	}
	if n, err := f.below.ReadAt(p[:k], off); int64(n) < k {
		return err
	}
	return nil
}

// WriteAt implements io.WriterAt.
func (f *overlayFile) WriteAt(p []byte, off int64) (n int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for n < len(p) {
		number, in := off/overlayPage, off%overlayPage
		page := f.pages[number]
		if page == nil {
			page = new([overlayPage]byte)
			if err := f.readBelow(page[:], number*overlayPage); err != nil {
				return n, err
			}
			if f.pages == nil {
				f.pages = make(map[int64]*[overlayPage]byte)
			}
			f.pages[number] = page
		}
		k := copy(page[in:], p[n:])
		n, off = n+k, off+int64(k)
		f.length = max(f.length, off)
	}
	return n, nil
}
