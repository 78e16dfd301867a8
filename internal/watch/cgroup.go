package watch

import (
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"
)

// groupLimit returns the least limit of memory of the control groups that this
// process is in, of both versions, and of all groups above them that can be
// seen. Without any it is the largest number.
func groupLimit(root fs.FS) uint64 {
	least := uint64(math.MaxUint64)
	for _, m := range groupMounts(root) {
		for dir := m.dir; ; dir = path.Dir(dir) {
			for _, name := range m.files {
				least = min(least, limitIn(root, path.Join(dir, name)))
			}
			if dir == m.top || dir == "." {
				break
			}
		}
	}
	return least
}

// groupMount is a place where control groups of memory are mounted.
type groupMount struct {
	top   string   // the directory of the highest group that can be seen
	dir   string   // that of the group of this process
	files []string // those of every group that have a limit
}

func groupMounts(root fs.FS) (mounts []groupMount) {
	paths := groupPaths(root)
	text, _ := fs.ReadFile(root, "proc/self/mountinfo")
	for line := range strings.Lines(string(text)) {
		// id parent device ROOT MOUNT options... - TYPE source OPTIONS
		before, after, _ := strings.Cut(line, " - ")
		left, right := strings.Fields(before), strings.Fields(after)
		if len(left) < 5 || len(right) < 3 {
			continue
		}
		m := groupMount{top: strings.TrimPrefix(path.Clean(left[4]), "/")}
		kind := ""
		switch {
		case right[0] == "cgroup2":
			m.files = []string{"memory.max", "memory.high"}
		case right[0] == "cgroup" && strings.Contains(","+right[2]+",", ",memory,"):
			kind, m.files = "memory", []string{"memory.limit_in_bytes", "memory.stat"}
		default:
			continue
		}
		own, ok := paths[kind]
		if !ok {
			continue
		}
		m.dir = path.Join(m.top, within(own, left[3]))
		mounts = append(mounts, m)
	}
	return mounts
}

// within returns a group as a path below the group that is mounted; empty if
// it is outside, as that of a process in a container can be.
func within(group, mounted string) string {
	below, ok := strings.CutPrefix(group+"/", strings.TrimSuffix(mounted, "/")+"/")
	if below = strings.TrimSuffix(below, "/"); !ok || !fs.ValidPath(below) {
		return ""
	}
	return below
}

// groupPaths returns the control groups of this process: that of version 2
// under an empty name, those of version 1 under the names of what they control.
func groupPaths(root fs.FS) map[string]string {
	paths := make(map[string]string)
	text, _ := fs.ReadFile(root, "proc/self/cgroup")
	for line := range strings.Lines(string(text)) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3) // number:names:path
		if len(parts) < 3 {
			continue
		}
		for name := range strings.SplitSeq(parts[1], ",") {
			paths[name] = parts[2]
		}
	}
	return paths
}

// limitIn reads a limit from a file of a group: a number, or among others in a
// line hierarchical_memory_limit, which in version 1 minds groups that cannot
// be seen. No limit is the largest number.
func limitIn(root fs.FS, name string) uint64 {
	text, _ := fs.ReadFile(root, name)
	for line := range strings.Lines(string(text)) {
		line = strings.TrimPrefix(line, "hierarchical_memory_limit ")
		if n, err := strconv.ParseUint(strings.TrimSpace(line), 10, 64); err == nil {
			return n
		}
	}
	return math.MaxUint64
}
