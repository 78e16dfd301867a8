package model

import (
	"cmp"
	"context"
	"errors"
	"io/fs"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"time"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/storage"
)

// start starts a broker on the data that there are.
func (tb *table) start() (err error) {
	tb.began = time.Now()
	if tb.dir == "" {
		tb.broker = broker.New(broker.Options{})
		return nil
	}
	const roomy = 8 << 20
	tb.broker, err = broker.Open(broker.Options{DataDir: tb.data(), Durability: storage.OS, JournalSize: cmp.Or(tb.journal, roomy)})
	return err
}

func (tb *table) data() string { return filepath.Join(tb.dir, strconv.Itoa(tb.life)) }

// restart ends the broker, begins it anew and returns what differs.
func (tb *table) restart(s step) (difference string) {
	witness, end := tb.links[s.conn], tb.kill
	if s.restart == stopped {
		end = tb.stop
		for _, name := range slices.Sorted(maps.Keys(tb.links)) {
			if l := tb.links[name]; l == witness || l.ended {
				continue
			}
			if difference = tb.play(step{conn: name, batch: []command{{}}}); difference != "" {
				return difference
			}
		}
	}
	ended := time.Now()
	if err := end(witness); err != nil {
		return err.Error()
	}
	difference = tb.compare(func(came inbox) (worlds, string) {
		return tb.worlds.Restart(s.restart, s.conn, ended, tb.began, came)
	})
	tb.links = map[string]*link{}
	return difference
}

// stop has the broker end in good order, of which the witness is told, and
// starts another one.
func (tb *table) stop(witness *link) error {
	ended := make(chan error, 1)
	go func() {
		if tb.broker == nil {
			ended <- exec.Command("sh", "-c", *restarter).Run()
			return
		}
		ended <- tb.broker.Shutdown(context.Background())
	}()
	told := witness.barrier()
	if tb.broker == nil {
		return <-ended // it does not wait for an answer, which may fail
	}
	if err := errors.Join(told, <-ended); err != nil {
		return err
	}
	return tb.start()
}

// kill starts another broker on a copy of what this one has written, for which
// it was given no occasion.
func (tb *table) kill(*link) error {
	killed, old := tb.broker, tb.data()
	tb.life++
	if tb.dir != "" {
		if err := copyLive(tb.data(), old); err != nil {
			return err
		}
	}
	err := tb.start()
	for _, l := range tb.links {
		err = errors.Join(err, l.drop())
	}
	err = errors.Join(err, killed.Shutdown(context.Background()))
	if tb.dir != "" {
		err = errors.Join(err, os.RemoveAll(old))
	}
	return err
}

// copyLive copies a directory that is in use, in which names may come and go.
func copyLive(to, from string) error {
	for {
		err := os.CopyFS(to, os.DirFS(from))
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.RemoveAll(to); err != nil {
			return err
		}
	}
}
