package watch

import (
	"io/fs"
	"math"
	"os"
	"runtime"
	"testing"
	"testing/fstest"
)

// files are files of /proc and /sys with their contents.
func files(contents map[string]string) fs.FS {
	m := fstest.MapFS{}
	for name, text := range contents {
		m[name] = &fstest.MapFile{Data: []byte(text)}
	}
	return m
}

const meminfo = "MemTotal:       1048576 kB\nMemFree:          524288 kB\n"

func TestTotalMemoryMindsControlGroups(t *testing.T) {
	const (
		v2    = "30 23 0:26 / /sys/fs/cgroup rw,nosuid - cgroup2 cgroup2 rw,nsdelegate\n"
		v1    = "34 31 0:31 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory\n"
		other = "33 31 0:30 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu\n"
		both  = "36 31 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
		root  = "25 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw\n"
	)
	for name, tt := range map[string]struct {
		files map[string]string
		want  uint64
	}{
		"no groups": {nil, 1 << 30},
		"v2, no limit": {map[string]string{
			"proc/self/mountinfo": root + v2, "proc/self/cgroup": "0::/app\n",
			"sys/fs/cgroup/app/memory.max": "max\n",
		}, 1 << 30},
		"v2, in a container": {map[string]string{
			"proc/self/mountinfo": root + v2, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "268435456\n", "sys/fs/cgroup/memory.high": "max\n",
		}, 256 << 20},
		"v2, throttled sooner": {map[string]string{
			"proc/self/mountinfo": v2, "proc/self/cgroup": "0::/app\n",
			"sys/fs/cgroup/app/memory.max": "268435456\n", "sys/fs/cgroup/app/memory.high": "134217728\n",
		}, 128 << 20},
		"v2, limit of a parent": {map[string]string{
			"proc/self/mountinfo": v2, "proc/self/cgroup": "0::/system.slice/pod/app\n",
			"sys/fs/cgroup/system.slice/pod/app/memory.max": "max\n",
			"sys/fs/cgroup/system.slice/pod/memory.max":     "100000000\n",
			"sys/fs/cgroup/system.slice/memory.max":         "200000000\n",
		}, 100000000},
		"v2, group outside of what is mounted": {map[string]string{
			"proc/self/mountinfo": v2, "proc/self/cgroup": "0::/../../other\n",
			"sys/fs/cgroup/memory.max": "268435456\n",
		}, 256 << 20},
		"v2, more than the machine has": {map[string]string{
			"proc/self/mountinfo": v2, "proc/self/cgroup": "0::/\n",
			"sys/fs/cgroup/memory.max": "99999999999999\n",
		}, 1 << 30},
		"v1": {map[string]string{
			"proc/self/mountinfo": other + v1, "proc/self/cgroup": "4:memory:/app\n1:cpu:/\n",
			"sys/fs/cgroup/memory/app/memory.limit_in_bytes": "268435456\n",
		}, 256 << 20},
		"v1, no limit": {map[string]string{
			"proc/self/mountinfo": v1, "proc/self/cgroup": "4:memory:/\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
		}, 1 << 30},
		"v1, group of a container mounted": {map[string]string{
			"proc/self/mountinfo":                        "34 31 0:31 /docker/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n",
			"proc/self/cgroup":                           "4:memory:/docker/abc\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "268435456\n",
		}, 256 << 20},
		"v1, limit of a parent that cannot be seen": {map[string]string{
			"proc/self/mountinfo":                        "34 31 0:31 /pod/abc /sys/fs/cgroup/memory ro - cgroup cgroup rw,cpu,memory\n",
			"proc/self/cgroup":                           "4:cpu,memory:/pod/abc\n",
			"sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
			"sys/fs/cgroup/memory/memory.stat":           "cache 1\nrss 2\nhierarchical_memory_limit 134217728\ntotal_cache 5\n",
		}, 128 << 20},
		"both versions": {map[string]string{
			"proc/self/mountinfo": v1 + both, "proc/self/cgroup": "4:memory:/app\n0::/\n",
			"sys/fs/cgroup/memory/app/memory.limit_in_bytes": "268435456\n",
		}, 256 << 20},
		"nonsense": {map[string]string{
			"proc/self/mountinfo": "\n- -\na b\n" + v2, "proc/self/cgroup": "\n0\n0::\n",
			"sys/fs/cgroup/memory.max": "much\n",
		}, 1 << 30},
	} {
		t.Run(name, func(t *testing.T) {
			if tt.files == nil {
				tt.files = map[string]string{}
			}
			tt.files["proc/meminfo"] = meminfo
			if got, err := totalMemory(files(tt.files)); err != nil || got != tt.want {
				t.Errorf("got %d, %v, want %d", got, err, tt.want)
			}
		})
	}
}

func TestAMachineThatDoesNotTellItsMemory(t *testing.T) {
	for _, root := range []fs.FS{files(nil), files(map[string]string{"proc/meminfo": "MemFree: 1 kB\n"})} {
		if n, err := totalMemory(root); err == nil {
			t.Errorf("got %d", n)
		}
	}
}

func TestUsedMemoryLeavesOutPagesOfFiles(t *testing.T) {
	const status = "Name:\tx\nVmRSS:\t    2172 kB\nRssAnon:\t     100 kB\nRssFile:\t    2012 kB\nRssShmem:\t      60 kB\nVmSwap:\t       7 kB\n"
	got, ok := usedMemory(files(map[string]string{"proc/self/status": status}))
	if want := uint64(167 << 10); !ok || got != want {
		t.Errorf("got %d, %t, want %d", got, ok, want)
	}
	for _, text := range []string{"", "VmRSS: 1 kB\n", "RssAnon: x kB\nRssShmem: 1 kB\nVmSwap: 1 kB\n"} {
		if n, ok := usedMemory(files(map[string]string{"proc/self/status": text})); ok {
			t.Errorf("got %d of %q", n, text)
		}
	}
}

// The kernel's figure and that of Go's runtime both grow by what the program
// touches.
func TestUsedMemoryGrowsWithTheHeap(t *testing.T) {
	const size = 64 << 20
	if runtime.GOOS == "linux" {
		if _, ok := usedMemory(os.DirFS("/")); !ok {
			t.Log("the kernel does not tell")
		}
	}
	before, goBefore := UsedMemory(), goMemory()
	block := make([]byte, size)
	for i := 0; i < size; i += 4096 {
		block[i] = 1
	}
	after, goAfter := UsedMemory(), goMemory()
	runtime.KeepAlive(block)
	if after < before+size/2 || goAfter < goBefore+size/2 {
		t.Errorf("from %d to %d, and %d to %d", before, after, goBefore, goAfter)
	}
}

func TestTheRealMachineIsKnown(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("known on Linux only")
	}
	if n, err := TotalMemory(); err != nil || n < 16<<20 || n > math.MaxInt64 {
		t.Errorf("got %d, %v", n, err)
	}
	if n, err := FreeDisk(t.TempDir()); err != nil || n == 0 {
		t.Errorf("got %d, %v", n, err)
	}
	if _, err := FreeDisk(t.TempDir() + "/none"); err == nil {
		t.Error("a directory that is not there has free space")
	}
}
