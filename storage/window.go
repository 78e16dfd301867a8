package storage

import "io"

// window reads a file from front to back, in large pieces.
type window struct {
	f    file
	size int64
	at   int64
	buf  []byte // what is at at
}

const windowSize = 256 << 10

func newWindow(f file) (*window, error) {
	size, err := f.size()
	return &window{f: f, size: size}, err
}

// bytes returns n bytes, until it is called again; io.ErrUnexpectedEOF if the
// file has not so many.
func (w *window) bytes(at, n int64) ([]byte, error) {
	if at < 0 || n < 0 || n > w.size-at {
		return nil, io.ErrUnexpectedEOF
	}
	if at < w.at || at+n > w.at+int64(len(w.buf)) {
		want := min(max(n, windowSize), w.size-at)
		if int64(cap(w.buf)) < want {
			w.buf = make([]byte, want)
		}
		w.at, w.buf = at, w.buf[:want]
		if _, err := w.f.ReadAt(w.buf, at); err != nil {
			w.buf = w.buf[:0]
			return nil, err
		}
	}
	return w.buf[at-w.at:][:n], nil
}
