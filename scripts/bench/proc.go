package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// cpuTime is the user plus system time of a process with all its threads, or 0
// if that cannot be read.
func cpuTime(pid int) time.Duration {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0
	}
	// The second field, the command in parentheses, may hold spaces.
	s := string(b)
	f := strings.Fields(s[strings.LastIndexByte(s, ')')+1:])
	if len(f) < 13 {
		return 0
	}
	user, _ := strconv.ParseInt(f[11], 10, 64)
	system, _ := strconv.ParseInt(f[12], 10, 64)
	return time.Duration(user+system) * 10 * time.Millisecond // USER_HZ is 100
}

// resetPeak has peakMiB begin anew.
func resetPeak(pid int) {
	_ = os.WriteFile(fmt.Sprintf("/proc/%d/clear_refs", pid), []byte("5"), 0) // else it counts from the start
}

// peakMiB is the largest resident memory that a process had since resetPeak,
// or 0 if that cannot be read.
func peakMiB(pid int) float64 { return procField(pid, "status", "VmHWM:") / 1024 }

// rssMiB is the resident memory of a process, or 0 if that cannot be read.
func rssMiB(pid int) float64 { return procField(pid, "status", "VmRSS:") / 1024 }

// written is how many bytes a process has sent to disks, or 0 if that cannot be
// read.
func written(pid int) float64 { return procField(pid, "io", "write_bytes:") }

// procField is the number behind a word at the beginning of a line of a file
// about a process.
func procField(pid int, file, word string) float64 {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if rest, ok := strings.CutPrefix(line, word); ok {
			n, _ := strconv.ParseFloat(strings.Fields(rest)[0], 64)
			return n
		}
	}
	return 0
}
