package storage

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/dgraph-io/badger/v4"
	"github.com/dgraph-io/badger/v4/options"
	"github.com/dgraph-io/badger/v4/table"
	"github.com/dgraph-io/ristretto/v2/z"
)

const (
	memTableSize = 2 << 20
	noLimit      = 1 << 20
)

// opening says how a Badger is opened.
type opening int

const (
	readOnly opening = iota
	// inTables is to write to it what need not be durable before it is closed:
	// all of it is in tables then, which Badger syncs. Its log is not synced,
	// and of no use.
	inTables
	// eachSynced is to have each transaction durable.
	eachSynced
)

// badgerOptions are those of every Badger that is opened: small, and without a
// value log, whose values would have to be larger than any of ours. Nothing is
// compacted: what has little left of it is rewritten by us, or deleted whole.
// The directory has a lock of our own.
func badgerOptions(dir string, how opening, log complaints) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(log).
		WithReadOnly(how == readOnly).
		WithMetricsEnabled(false).
		WithBypassLockGuard(true).
		WithSyncWrites(how == eachSynced).
		WithDetectConflicts(false). // there is one writer
		WithNumVersionsToKeep(1).
		WithCompression(options.None).
		WithBlockCacheSize(0).
		WithMemTableSize(memTableSize).
		WithBaseTableSize(memTableSize). // half of what a table is built in
		WithNumMemtables(1).
		WithNumCompactors(0).
		WithNumLevelZeroTables(noLimit).
		WithNumLevelZeroTablesStall(noLimit + 1).
		WithValueThreshold(300 << 10).
		WithValueLogFileSize(1 << 20)
}

// complaints is told of errors that Badger meets in the background. A table that
// cannot be written it tries again, for ever, once it has been told of that.
type complaints func(err error, table bool)

// Errorf implements badger.Logger, as the others do.
func (c complaints) Errorf(format string, a ...any) {
	if c == nil {
		return
	}
	err := fmt.Errorf("storage: Badger: %s", strings.TrimSpace(fmt.Sprintf(format, a...)))
	c(err, strings.HasPrefix(format, "error flushing memtable"))
}
func (complaints) Warningf(string, ...any) {}
func (complaints) Infof(string, ...any)    {}
func (complaints) Debugf(string, ...any)   {}

// openBadger opens a Badger whose tables are known to be whole.
func openBadger(dir string, how opening, log complaints) (db *badger.DB, err error) {
	err = guarded(dir, func() error {
		if how != readOnly {
			if err := removeUseless(dir, how); err != nil {
				return err
			}
		}
		db, err = badger.Open(badgerOptions(dir, how, log))
		return err
	})
	return db, err
}

// openWhole opens a Badger to write to as it was found at the start, once its
// tables were read. What is wrong with it is damage, unless the system is to
// blame.
func openWhole(dir string, how opening, log complaints) (*badger.DB, error) {
	if err := guarded(dir, func() error { return checkTables(dir) }); err != nil {
		return nil, err
	}
	db, err := openBadger(dir, how, log)
	if err != nil && !isCorrupt(err) && !ofSystem(err) {
		err = corrupt(dir, "%v", err)
	}
	return db, err
}

// harm is an error that somebody had with a file: the file is damaged unless the
// system would not have it opened. What it cannot read is.
func harm(file string, err error) error {
	if ofSystem(err) && !errors.Is(err, syscall.EIO) {
		return err
	}
	return corrupt(file, "%v", err)
}

// ofSystem tells whether an error is one that says nothing of what files have.
// Badger makes text of those it passes on.
func ofSystem(err error) bool {
	return err != nil && slices.ContainsFunc([]syscall.Errno{
		syscall.EIO, syscall.ENOSPC, syscall.EDQUOT, syscall.EMFILE, syscall.ENFILE,
		syscall.ENOMEM, syscall.EACCES, syscall.EPERM, syscall.EROFS,
	}, func(e syscall.Errno) bool { return strings.Contains(err.Error(), e.Error()) })
}

// guarded turns a panic into an error: that is what Badger does with damaged
// files, and the system with a mapped file that it cannot read. Errors name the
// directory, which those of Badger do not.
func guarded(dir string, f func() error) (err error) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() {
		if p := recover(); p != nil {
			err = corrupt(dir, "%v", p)
		}
	}()
	if err = f(); err != nil && !errors.As(err, new(*CorruptError)) {
		err = fmt.Errorf("storage: %s: %w", dir, err)
	}
	return err
}

// corrupt is the error for damage in a file or directory.
func corrupt(file, format string, args ...any) error {
	return &CorruptError{File: file, Offset: -1, Reason: fmt.Sprintf(format, args...)}
}

// removeUseless removes files of a closed Badger that have nothing of ours. That
// includes logs that a crash has left empty, which Badger would not open.
func removeUseless(dir string, how opening) error {
	entries, err := os.ReadDir(dir)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	for _, e := range entries {
		info, err := e.Info()
		if err != nil {
			return err
		}
		log := filepath.Ext(e.Name()) == ".mem" && how == eachSynced
		if essential(e.Name()) || log && info.Size() > 0 {
			continue
		}
		if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
			return err
		}
	}
	return nil
}

// essential tells whether a file of a closed Badger has anything of ours; the
// others are made when it is opened, and changed by that.
func essential(name string) bool {
	return filepath.Ext(name) == ".sst" || name == badger.ManifestFilename || name == badger.KeyRegistryFileName
}

// checkTables reads the tables of a Badger. Badger itself would do that in
// goroutines of its own, whose panics nobody can catch.
func checkTables(dir string) error {
	m, err := readManifest(dir)
	if err != nil {
		return err
	}
	for _, id := range slices.Concat(m.missing, m.tables) {
		name := table.NewFilename(id, dir)
		if err := guarded(name, func() error { return checkTable(name) }); err != nil {
			return err
		}
	}
	return nil
}

func checkTable(name string) error {
	f, err := z.OpenMmapFile(name, os.O_RDONLY, 0)
	if err != nil {
		return harm(name, err)
	}
	t, err := table.OpenTable(f, table.Options{ChkMode: options.OnTableAndBlockRead, BlockSize: 4096})
	if err != nil {
		return corrupt(name, "%v", err)
	}
	return t.Close(-1)
}
