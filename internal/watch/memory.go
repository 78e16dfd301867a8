package watch

import (
	"bufio"
	"bytes"
	"fmt"
	"io/fs"
	"math"
	"os"
	"runtime/metrics"
	"strconv"
	"strings"
)

// TotalMemory returns the bytes of memory that this process may use: what the
// machine has, or less if a control group, such as that of a container, or one
// above it allows less. It is known on Linux only.
func TotalMemory() (uint64, error) { return totalMemory(os.DirFS("/")) }

func totalMemory(root fs.FS) (uint64, error) {
	text, err := fs.ReadFile(root, "proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("the memory of the machine is not known: %w", err)
	}
	total, ok := kilobytes(text, "MemTotal")
	if !ok {
		return 0, fmt.Errorf("the memory of the machine is not known: /proc/meminfo has no MemTotal")
	}
	return min(total, groupLimit(root)), nil
}

// UsedMemory returns the bytes of memory of this process that nobody can take
// from it: its heap, stacks and shared memory, resident or swapped out. That is
// what a limit is overrun with. Pages of files do not count, although they do in
// the resident set size and in the figures of a control group: before the
// kernel kills a process it writes them back and drops them, and a broker that
// writes a journal would seem to be short of memory all the time.
func UsedMemory() uint64 {
	if used, ok := usedMemory(os.DirFS("/")); ok {
		return used
	}
	return goMemory()
}

func usedMemory(root fs.FS) (used uint64, ok bool) {
	text, err := fs.ReadFile(root, "proc/self/status")
	if err != nil {
		return 0, false
	}
	for _, name := range []string{"RssAnon", "RssShmem", "VmSwap"} {
		n, ok := kilobytes(text, name)
		if !ok {
			return 0, false
		}
		used += n
	}
	return used, true
}

// goMemory is what Go's runtime has from the system: the same but for memory
// that was never touched.
func goMemory() uint64 {
	s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}}
	metrics.Read(s)
	return s[0].Value.Uint64() - s[1].Value.Uint64()
}

// kilobytes finds a line such as "MemTotal:  24684084 kB", and returns bytes.
func kilobytes(text []byte, name string) (uint64, bool) {
	lines := bufio.NewScanner(bytes.NewReader(text))
	for lines.Scan() {
		value, ok := strings.CutPrefix(lines.Text(), name+":")
		if !ok {
			continue
		}
		n, err := strconv.ParseUint(strings.TrimSpace(strings.TrimSuffix(value, "kB")), 10, 64)
		return n << 10, err == nil && n <= math.MaxUint64>>10
	}
	return 0, false
}
