//go:build linux || darwin || freebsd

package watch

import "syscall"

// FreeDisk returns the bytes that a user without privileges may still write to
// the file system of a directory.
func FreeDisk(dir string) (uint64, error) {
	var s syscall.Statfs_t
	if err := syscall.Statfs(dir, &s); err != nil {
		return 0, err
	}
	return uint64(max(int64(s.Bavail), 0)) * uint64(s.Bsize), nil
}
