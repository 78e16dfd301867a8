package storage

import (
	"bytes"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// image is what a disk has when the power fails: nil for directories.
type image map[string][]byte

// lottery decides what of the things that were not synced is on the disk.
type lottery struct {
	*rand.Rand
	way  string
	page int
	keep float64 // of pages and names, at random
}

// ways are tried in turn.
var ways = []string{"random", "old", "random", "new", "prefix", "random", "suffix", "mixed"}

func newLottery(r *rand.Rand, n int) *lottery {
	l := &lottery{Rand: r, way: ways[n%len(ways)], page: 4096, keep: []float64{0.5, 0.1, 0.9}[r.IntN(3)]}
	if r.IntN(2) == 0 {
		l.page = 512
	}
	return l
}

// cut is what is left when the power fails now. It is to be called with d.mu
// held.
func (d *platter) cut(t *testing.T, l *lottery) image {
	t.Helper()
	names := map[string]*content{}
	for path, c := range d.durable {
		names[path] = c
	}
	for _, moves := range d.moves { // a journal of the file system keeps a first part of them
		for _, m := range moves[:l.part(len(moves))] {
			m.apply(names)
		}
	}
	im := image{}
	for path, c := range names {
		if c == nil {
			im[path] = nil
		} else {
			im[path] = l.draw(c.durable, c.live)
		}
	}
	d.cutBadger(t, l, im)
	im.prune(d.root)
	return im
}

// cutBadger adds the files of Badger. Tables and the manifest are synced by
// Badger before it counts on them: they are taken as they are.
func (d *platter) cutBadger(t *testing.T, l *lottery, im image) {
	t.Helper()
	live := tree(t, d.root)
	for path, b := range live {
		if _, ours := d.live[path]; b == nil && !ours { // a directory that Badger has made
			im[path] = nil
		}
		if badgers(path) {
			if im[path] = b; strings.HasSuffix(path, ".mem") {
				im[path] = l.draw(d.synced[path], b)
			}
		}
	}
	for path, b := range d.synced {
		if live[path] == nil && l.part(1) == 0 && strings.HasSuffix(path, ".mem") {
			im[path] = b // it was deleted, and is back
		}
	}
}

// prune removes what lies in directories that are not there.
func (im image) prune(root string) {
	for path := range im {
		for dir := filepath.Dir(path); len(dir) > len(root); dir = filepath.Dir(dir) {
			if _, ok := im[dir]; !ok {
				delete(im, path)
			}
		}
	}
}

// part is how many of n things have happened.
func (l *lottery) part(n int) int {
	switch l.way {
	case "old":
		return 0
	case "new":
		return n
	}
	return l.IntN(n + 1)
}

// draw mixes two states of a file.
func (l *lottery) draw(before, after []byte) []byte {
	way := l.way
	if way == "mixed" {
		way = ways[l.IntN(len(ways)-1)]
	}
	size := len(after)
	if len(before) != len(after) && (way == "old" || way != "new" && l.IntN(2) == 0) {
		size = len(before)
	}
	out := make([]byte, size)
	copy(out, before)
	pages := (size + l.page - 1) / l.page
	edge := l.IntN(pages + 1)
	for i := range pages {
		from, to := i*l.page, min((i+1)*l.page, size)
		if from >= len(after) {
			break
		}
		if way == "new" || way == "prefix" && i < edge || way == "suffix" && i >= edge || way == "random" && l.Float64() < l.keep {
			copy(out[from:to], after[from:min(to, len(after))])
		}
	}
	return out
}

// write makes an image the contents of a directory.
func (im image) write(t *testing.T, from, to string) {
	t.Helper()
	for path, b := range im {
		at := filepath.Join(to, strings.TrimPrefix(path, from))
		if b == nil {
			if err := os.MkdirAll(at, 0o700); err != nil {
				t.Fatal(err)
			}
			continue
		}
		if err := errors.Join(os.MkdirAll(filepath.Dir(at), 0o700), writeSparse(at, b)); err != nil {
			t.Fatal(err)
		}
	}
}

// writeSparse writes a file with holes where there are only zeroes.
func writeSparse(path string, b []byte) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, fs.FileMode(0o600))
	if err != nil {
		return err
	}
	defer f.Close()
	if err := f.Truncate(int64(len(b))); err != nil {
		return err
	}
	zeroes := make([]byte, 64<<10)
	for at := 0; at < len(b); at += len(zeroes) {
		piece := b[at:min(at+len(zeroes), len(b))]
		if bytes.Equal(piece, zeroes[:len(piece)]) {
			continue
		}
		if _, err := f.WriteAt(piece, int64(at)); err != nil {
			return err
		}
	}
	return nil
}
