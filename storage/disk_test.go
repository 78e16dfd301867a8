package storage

import (
	"bytes"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
)

// disk is a file system in memory that remembers all that was done to it, so
// that it can be had as it was at any moment, with or without what was not
// synced then. It can fail, and be full.
type disk struct {
	mu    sync.Mutex
	names map[string]*memory
	log   []op
	fail  func(kind string, path string) error // asked before everything
	room  int64                                // bytes; 0 is without bound
}

// op is something that was done to a disk.
type op struct {
	kind string // create, write, sync, rename, remove, syncdir, size; or note
	path string
	to   string
	at   int64
	data []byte
}

// memory is a file of a disk.
type memory struct {
	data    []byte
	pending []op // written and not synced
}

func newDisk() *disk { return &disk{names: make(map[string]*memory)} }

// do notes and does something.
func (d *disk) do(o op) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.doLocked(o)
}

func (d *disk) doLocked(o op) error {
	if d.fail != nil {
		if err := d.fail(o.kind, o.path); err != nil {
			return err
		}
	}
	if err := d.apply(o); err != nil {
		return err
	}
	d.log = append(d.log, o)
	return nil
}

func (d *disk) apply(o op) error {
	f := d.names[o.path]
	switch o.kind {
	case "create":
		d.names[o.path] = new(memory)
	case "write":
		if end := int(o.at) + len(o.data); end > len(f.data) {
			f.data = append(f.data, make([]byte, end-len(f.data))...)
		}
		copy(f.data[o.at:], o.data)
	case "size":
		if d.room > 0 && o.at-int64(len(f.data)) > d.room-d.used() {
			return syscall.ENOSPC
		}
		if n := int(o.at) - len(f.data); n > 0 {
			f.data = append(f.data, make([]byte, n)...)
		}
	case "rename":
		d.names[o.to] = f
		delete(d.names, o.path)
	case "remove":
		if f == nil {
			return os.ErrNotExist
		}
		delete(d.names, o.path)
	}
	return nil
}

func (d *disk) used() (n int64) {
	for _, f := range d.names {
		n += int64(len(f.data))
	}
	return n
}

// ops is how many operations there were.
func (d *disk) ops() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.log)
}

// note puts a remark into what is remembered.
func (d *disk) note(remark string) { _ = d.do(op{kind: "note", to: remark}) }

func (d *disk) open(path string, create bool) (file, error) {
	if create {
		if err := d.do(op{kind: "create", path: path}); err != nil {
			return nil, err
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	f := d.names[path]
	if f == nil {
		return nil, os.ErrNotExist
	}
	return &handle{d, f}, nil
}

func (d *disk) rename(from, to string) error { return d.do(op{kind: "rename", path: from, to: to}) }
func (d *disk) remove(path string) error     { return d.do(op{kind: "remove", path: path}) }
func (d *disk) syncDir(path string) error    { return d.do(op{kind: "syncdir", path: path}) }
func (d *disk) mkdir(path string) error      { return os.MkdirAll(path, 0o700) } // for the lock file

func (d *disk) list(path string) (names []string, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for name := range d.names {
		if filepath.Dir(name) == path {
			names = append(names, filepath.Base(name))
		}
	}
	slices.Sort(names)
	return names, nil
}

// segments returns the paths of the journal's files.
func (d *disk) segments() (paths []string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for path := range d.names {
		if strings.HasSuffix(path, ".segment") {
			paths = append(paths, path)
		}
	}
	slices.Sort(paths)
	return paths
}

// handle is an open file of a disk. It follows the file when that is renamed.
type handle struct {
	d *disk
	f *memory
}

func (h *handle) do(o op) error {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	for path, f := range h.d.names {
		if f == h.f {
			o.path = path
			return h.d.doLocked(o)
		}
	}
	return errors.New("the file was removed")
}

func (h *handle) WriteAt(b []byte, at int64) (int, error) {
	return len(b), h.do(op{kind: "write", at: at, data: bytes.Clone(b)})
}
func (h *handle) sync() error               { return h.do(op{kind: "sync"}) }
func (h *handle) allocate(size int64) error { return h.do(op{kind: "size", at: size}) }
func (h *handle) Close() error              { return nil }

func (h *handle) size() (int64, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	return int64(len(h.f.data)), nil
}

func (h *handle) ReadAt(b []byte, at int64) (int, error) {
	h.d.mu.Lock()
	defer h.d.mu.Unlock()
	if at >= int64(len(h.f.data)) {
		return 0, io.EOF
	}
	n := copy(b, h.f.data[at:])
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

// killed returns the disk as it was after some operations, and so many bytes of
// the next one if that is a write, when only the process has ended.
func (d *disk) killed(ops, written int) *disk {
	k := newDisk()
	for _, o := range d.log[:ops] {
		_ = k.apply(o)
	}
	if ops < len(d.log) && d.log[ops].kind == "write" {
		o := d.log[ops]
		o.data = o.data[:min(written, len(o.data))]
		_ = k.apply(o)
	}
	return k
}

const sector = 512

// lost returns the disk as it may be when the power was cut after some
// operations: of what was not synced every sector is there or not.
func (d *disk) lost(ops int, r *rand.Rand) *disk {
	k := newDisk()
	var names []op // not synced
	for _, o := range d.log[:ops] {
		switch o.kind {
		case "write":
			f := k.names[o.path]
			f.pending = append(f.pending, o)
		case "sync":
			f := k.names[o.path]
			f.flush(func(op) bool { return true })
		case "syncdir":
			names = nil
		case "rename", "remove", "create":
			names = append(names, o)
			_ = k.apply(o)
		default:
			_ = k.apply(o)
		}
	}
	if len(names) > 0 && names[len(names)-1].kind == "rename" && r.IntN(2) == 0 {
		last := names[len(names)-1] // it may not have happened
		k.names[last.path] = k.names[last.to]
		delete(k.names, last.to)
	}
	likely := r.Float64()
	for _, f := range k.names {
		f.flush(func(op) bool { return r.Float64() < likely })
	}
	return k
}

// flush writes those sectors of what is pending that are chosen.
func (f *memory) flush(choose func(op) bool) {
	for _, o := range f.pending {
		for from := 0; from < len(o.data); {
			to := min(len(o.data), from+sector-int(o.at+int64(from))%sector)
			if choose(o) {
				if end := int(o.at) + to; end > len(f.data) {
					f.data = append(f.data, make([]byte, end-len(f.data))...)
				}
				copy(f.data[int(o.at)+from:], o.data[from:to])
			}
			from = to
		}
	}
	f.pending = nil
}

// copied returns a disk with the same files.
func (d *disk) copied() *disk {
	c := newDisk()
	for path, f := range d.names {
		c.names[path] = &memory{data: bytes.Clone(f.data)}
	}
	return c
}
