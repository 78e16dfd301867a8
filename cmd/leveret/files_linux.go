package main

import "golang.org/x/sys/unix"

// fileLimit is how many files the process may have open, 0 if nobody knows.
func fileLimit() uint64 {
	var r unix.Rlimit
	if unix.Getrlimit(unix.RLIMIT_NOFILE, &r) != nil {
		return 0
	}
	return r.Cur
}
