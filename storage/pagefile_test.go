package storage

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// bodyText is a message that need not survive.
type bodyText struct{ bytes []byte }

func (m *bodyText) AppendTo(dst []byte) []byte { return append(dst, m.bytes...) }
func (m *bodyText) Size() int                  { return len(m.bytes) }
func (m *bodyText) Stored() *Stored            { return nil }

// pagedOut writes n messages of a size to a page file.
func pagedOut(t *testing.T, p *pages, n, size int) (items []Item) {
	t.Helper()
	for from := 0; from < n; from += 100 {
		var messages []Message
		for i := from; i < min(from+100, n); i++ {
			messages = append(messages, &bodyText{bytes: bytes.Repeat([]byte{byte(i)}, size)})
		}
		places, err := p.write(messages)
		if err != nil {
			t.Fatal(err)
		}
		for _, place := range places {
			items = append(items, Item{Seq: uint64(len(items)), Place: place, Size: uint32(size)})
		}
	}
	return items
}

func all(items []Item) (order []int) {
	for i := range items {
		order = append(order, i)
	}
	return order
}

func TestPagedMessagesAreReadBackUntilTheyAreForgotten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "pages")
	p, err := openPages(osFiles{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	items := pagedOut(t, p, 1000, 100<<10) // several pieces
	read := 0
	err = p.load(items, all(items), func(i int, b []byte) {
		read++
		if !bytes.Equal(b, bytes.Repeat([]byte{byte(i)}, 100<<10)) {
			t.Errorf("message %d is another one", i)
		}
	})
	if err != nil || read != len(items) {
		t.Errorf("%d messages were read (%v), want %d", read, err, len(items))
	}
	p.forget(items)
	if names, _ := os.ReadDir(dir); len(names) != 1 {
		t.Errorf("%d pieces are left without a message in them, want the last one", len(names))
	}
	p.close()
	if names, _ := os.ReadDir(dir); len(names) != 0 {
		t.Errorf("%d pieces are left at the end", len(names))
	}
}

func TestWhatIsLeftOfAPageFileGoesAtTheNextStart(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "00000007"), []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := openPages(osFiles{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	if names, _ := os.ReadDir(dir); len(names) != 0 {
		t.Errorf("%d pieces of the last page file are left", len(names))
	}
}

func TestADamagedPageFileIsNoticed(t *testing.T) {
	dir := t.TempDir()
	p, err := openPages(osFiles{}, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.close()
	items := pagedOut(t, p, 10, 1000)
	f, err := os.OpenFile(filepath.Join(dir, "00000001"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteAt([]byte{1}, 5000); err != nil {
		t.Fatal(err)
	}
	var damaged *CorruptError
	if err := p.load(items, all(items), func(int, []byte) {}); !errors.As(err, &damaged) {
		t.Errorf("read with %v, want a CorruptError", err)
	}
}
