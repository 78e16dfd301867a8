package storage

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
)

var (
	images     = flag.Int("images", 10, "how many images of a power cut to open")
	imagesSeed = flag.Uint64("images.seed", 0, "seed of the images; 0 draws one")
)

// powerCut is a store that is written to until the power fails, again and again.
type powerCut struct {
	t       *testing.T
	r       *rand.Rand
	dir     string // the store now
	world   world  // what it has
	last    uint64 // sequence number
	options Options
	forgets bool
	failing bool // a sync fails, instead of the power
}

// after runs a store until the power fails, and goes on with what is left.
func (p *powerCut) after(n int) error {
	lot := newLottery(rand.New(rand.NewPCG(p.r.Uint64(), 0)), n) // the committer draws
	d := newPlatter(p.t, p.dir)
	d.forgets = p.forgets
	var told atomic.Pointer[ledger]
	var left image
	var durable uint64
	at := 1 + p.r.IntN([]int{10, 100, 400}[p.r.IntN(3)])
	if p.failing {
		d.failing = 1 + p.r.IntN(60)
	}
	d.onChange = func() {
		if p.failing || d.changes < at || left != nil {
			return
		}
		if l := told.Load(); l != nil {
			durable = l.told.Load()
		}
		left = d.cut(p.t, lot)
	}
	l, err := p.run(d, func(l *ledger) { told.Store(l) })
	if err != nil {
		return err
	}
	if left == nil {
		d.mu.Lock()
		durable, left = l.told.Load(), d.cut(p.t, lot)
		d.mu.Unlock()
	}
	next := filepath.Join(filepath.Dir(p.dir), fmt.Sprint("image-", n))
	left.write(p.t, p.dir, next)
	_ = os.MkdirAll(next, 0o700)
	if err := p.open(l, next, durable); err != nil {
		return fmt.Errorf("%s of %d changes, pages of %d, failed sync of %q: %w", lot.way, d.changes, lot.page, d.what, err)
	}
	_ = os.RemoveAll(p.dir)
	p.dir = next
	return nil
}

// run opens the store, makes units, and closes it in order or not at all.
func (p *powerCut) run(d *platter, begun func(*ledger)) (*ledger, error) {
	o := p.options
	o.Dir, o.files, o.synced = p.dir, d, d.transacted
	var failures atomic.Int32
	o.OnError = func(error) { failures.Add(1) }
	l := newLedger(p.r, nil, p.world, p.last)
	db, state, err := Open(o)
	if err != nil {
		if errors.Is(err, errDisk) {
			return l, nil
		}
		return l, fmt.Errorf("open it once more: %w", err)
	}
	found, err := look(db, state)
	if err == nil {
		err = p.world.differs(found, false)
	}
	if err != nil {
		return l, errors.Join(err, db.Close())
	}
	l = newLedger(p.r, db, p.world, p.last)
	begun(l)
	err = l.run(p.r.IntN(200))
	closed := db.Close()
	p.last = l.last
	failed := errors.Is(errors.Join(err, closed), errDisk)
	if want := map[bool]int32{true: 1}[failed]; failures.Load() != want && !d.failedLast(closed) {
		return l, fmt.Errorf("%d failures were told of, after that of the sync of %q: %q", failures.Load(), d.what, fmt.Sprint(err, closed))
	}
	if failed {
		return l, nil
	}
	return l, errors.Join(err, closed)
}

// failedLast tells whether the sync that failed was one of closing, of which
// Close tells.
func (d *platter) failedLast(closed error) bool { return d.what != "" && errors.Is(closed, errDisk) }

// open opens what is left and compares it with what was told.
func (p *powerCut) open(l *ledger, dir string, durable uint64) error {
	o := p.options
	o.Dir = dir
	db, state, err := Open(o)
	if err != nil {
		return err
	}
	found, err := look(db, state)
	if err == nil {
		p.world, err = l.check(found, durable, !state.Clean)
	}
	if err != nil {
		return errors.Join(err, db.Close())
	}
	for _, q := range p.world.queues {
		for seq, s := range q {
			s.back = s.back || !state.Clean
			q[seq] = s
		}
	}
	return db.Close()
}

// newPowerCut starts with an empty directory.
func newPowerCut(t *testing.T, n uint64) *powerCut {
	t.Helper()
	seed := *imagesSeed
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Logf("seed %d", seed)
	p := &powerCut{t: t, r: rand.New(rand.NewPCG(seed, n)), dir: filepath.Join(t.TempDir(), "store"), world: newWorld()}
	p.options.JournalSize = minJournalSize
	if err := os.Mkdir(p.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	return p
}

// Of what was synced nothing is lost, whatever has become of the rest.
func TestWhatWasSyncedSurvivesPowerCuts(t *testing.T) {
	p := newPowerCut(t, 1)
	for n := range *images {
		if err := p.after(n); err != nil {
			t.Fatalf("image %d: %v", n, err)
		}
	}
}

// The lottery finds what a store loses that does not sync.
func TestTheLotteryFindsASyncThatIsMissing(t *testing.T) {
	p := newPowerCut(t, 2)
	p.forgets = true
	for n := range 50 {
		if err := p.after(n); err != nil {
			t.Log(err)
			return
		}
	}
	t.Error("50 images without a sync, and nothing was lost")
}

// After a failed sync nobody is told of anything, and what was told of before
// is there.
func TestNothingIsToldAfterAFailedSync(t *testing.T) {
	p := newPowerCut(t, 3)
	p.failing = true
	for n := range *images {
		if err := p.after(n); err != nil {
			t.Fatalf("image %d: %v", n, err)
		}
	}
}
