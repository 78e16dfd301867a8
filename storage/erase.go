package storage

import (
	"errors"
	"os"
	"path/filepath"
)

// kept are the names of all that a store keeps in its directory.
var kept = [...]string{"journal", "index", "fragments", "pages", "mark"}

// erasing is the name of the file that is there while the rest is erased.
const erasing = "erasing"

// Erase removes what a store has kept in a directory, and nothing else that is
// there. No store may be open in it. If the process ends meanwhile, the next Open
// erases the rest.
func Erase(dir string) error {
	held, err := lock(dir, false)
	if err != nil {
		return err
	}
	defer held.Close()
	if err := os.WriteFile(filepath.Join(dir, erasing), nil, 0o600); err != nil {
		return err
	}
	return finishErasing(dir)
}

// finishErasing erases what is left of a store, if that was begun.
func finishErasing(dir string) error {
	path := filepath.Join(dir, erasing)
	if _, err := os.Lstat(path); err != nil {
		if errors.Is(err, os.ErrNotExist) {
			return nil
		}
		return err
	}
	files := osFiles{}
	if err := files.syncDir(dir); err != nil {
		return err
	}
	for _, name := range kept {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	if err := files.syncDir(dir); err != nil {
		return err
	}
	if err := os.Remove(path); err != nil {
		return err
	}
	return files.mkdir(filepath.Join(dir, "journal")) // as Open wants it
}
