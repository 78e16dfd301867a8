package storage

import "github.com/dgraph-io/badger/v4"

// badgerOptions are those of every Badger that is opened: small, with each
// transaction synced, and no value log, whose values would have to be larger
// than any of ours.
func badgerOptions(dir string) badger.Options {
	return badger.DefaultOptions(dir).
		WithLogger(nil).
		WithMetricsEnabled(false).
		WithSyncWrites(true).
		WithDetectConflicts(false). // there is one writer
		WithNumVersionsToKeep(1).
		WithCompression(0).
		WithBlockCacheSize(0).
		WithValueThreshold(1 << 20).
		WithValueLogFileSize(1 << 20)
}
