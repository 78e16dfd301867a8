// Command start measures how long leveret takes to be ready, what it occupies at
// rest, and how large it is:
//
//	go run ./scripts/bench/start [-n 20]
//
// The time is that from starting the process to the line that says that clients
// may come, as whoever waits for the line sees it.
package main

import (
	"bufio"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	n := flag.Int("n", 20, "starts of each kind")
	flag.Parse()
	if err := measure(*n, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func measure(n int, out *os.File) error {
	dir, err := os.MkdirTemp("", "leveret-start")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	binary := filepath.Join(dir, "leveret")
	build := exec.Command("go", "build", "-trimpath", "-ldflags=-s -w", "-o", binary, "./cmd/leveret")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	build.Stderr = os.Stderr
	if err := build.Run(); err != nil {
		return err
	}
	info, err := os.Stat(binary)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "binary: %.1f MiB\n", float64(info.Size())/(1<<20))
	for _, kind := range []struct {
		name string
		args func(i int) []string
	}{
		{"--memory", func(int) []string { return []string{"--memory"} }},
		{"empty data directory", func(i int) []string { return []string{fmt.Sprintf("--data-dir=%s/%d", dir, i)} }},
		{"the same again", func(i int) []string { return []string{fmt.Sprintf("--data-dir=%s/%d", dir, i)} }},
	} {
		var ready, gone []time.Duration
		var rss []int
		for i := range n {
			args := append([]string{"serve", "--listen=127.0.0.1:0"}, kind.args(i)...)
			s, err := start(binary, args)
			if err != nil {
				return fmt.Errorf("%s: %w", kind.name, err)
			}
			ready, gone, rss = append(ready, s.ready), append(gone, s.gone), append(rss, s.rss)
		}
		slices.Sort(ready)
		slices.Sort(gone)
		slices.Sort(rss)
		fmt.Fprintf(out, "%s: ready in %v (median; %v to %v), gone in %v, resident %.1f MiB (most %.1f)\n", kind.name,
			round(ready[n/2]), round(ready[0]), round(ready[n-1]), round(gone[n/2]), float64(rss[n/2])/1024, float64(rss[n-1])/1024)
	}
	return nil
}

func round(d time.Duration) time.Duration { return d.Round(100 * time.Microsecond) }

// sample is what one start took.
type sample struct {
	ready, gone time.Duration
	rss         int // KiB, when it is ready
}

// start runs a broker until it is ready, and stops it.
func start(binary string, args []string) (s sample, err error) {
	cmd := exec.Command(binary, args...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return s, err
	}
	began := time.Now()
	if err := cmd.Start(); err != nil {
		return s, err
	}
	lines := bufio.NewScanner(stdout)
	for lines.Scan() && !strings.Contains(lines.Text(), "Server startup complete") {
	}
	s.ready = time.Since(began)
	s.rss = resident(cmd.Process.Pid)
	began = time.Now()
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return s, err
	}
	for lines.Scan() {
	}
	err = cmd.Wait()
	s.gone = time.Since(began)
	return s, err
}

// resident is VmRSS of /proc, 0 where there is none.
func resident(pid int) (kib int) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // not on every system
	_, line, _ := strings.Cut(string(status), "VmRSS:")
	_, _ = fmt.Sscan(line, &kib) // 0 then
	return kib
}
