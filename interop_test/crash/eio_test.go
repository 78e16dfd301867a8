package crash

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// syncCalls are the system calls that make something durable.
const syncCalls = "fdatasync,fsync,msync,sync_file_range"

// traceable tells whether strace works here.
func traceable() error {
	out, err := exec.Command("strace", "-f", "-qq", "-e", "trace=fdatasync", "-e", "inject=fdatasync:error=EIO", "true").CombinedOutput()
	if err != nil {
		return fmt.Errorf("%w %s", err, out)
	}
	return nil
}

// After a sync that has failed the broker ends, at once and not in silence, and
// everything that it had confirmed is there when it starts again.
func TestAFailedSyncEndsTheBroker(t *testing.T) {
	if err := traceable(); err != nil {
		t.Skipf("SKIPPED: needs strace: %v", err)
	}
	p := newPlan(t, "--durability", "disk")
	t.Logf("seed %d", p.seed)
	r := rand.New(rand.NewPCG(p.seed, 1<<32))
	hits := 0
	for i := range max(4, *rounds/5) {
		data := filepath.Join(p.dir, fmt.Sprint("eio-", i))
		call := strings.Split("fdatasync,fdatasync,fdatasync,fsync,msync", ",")[i%5]
		hit, err := p.failSync(i, data, call, 1+r.IntN([]int{5, 100}[i%2]))
		if err != nil {
			t.Errorf("round %d with seed %d, %s:\n%v", i, p.seed, call, err)
		}
		if hit {
			hits++
		}
	}
	if hits == 0 {
		t.Error("no sync has failed")
	}
}

// failSync plays a round in which the n-th sync of a thread fails in the first
// life. It tells whether there was one.
func (p *plan) failSync(number int, data, call string, n int) (hit bool, err error) {
	r, err := p.newRound(number, data)
	if err != nil {
		return false, err
	}
	defer r.log.Close()
	trace := data + ".strace"
	if err := r.begin(); err != nil {
		return false, err
	}
	watched := *p
	watched.wrap = []string{
		"strace", "-f", "-q", "-ttt", "-o", trace,
		"-e", "trace=" + syncCalls, "-e", fmt.Sprintf("inject=%s:error=EIO:when=%d", call, n),
	}
	r.plan = &watched
	broker, alive, err := r.failLife(trace)
	if err != nil {
		return false, err
	}
	if !alive {
		hit, err = readTrace(trace)
	}
	if err == nil && hit && (broker.err == nil || !broker.loud) {
		err = fmt.Errorf("after a failed sync the broker has ended with %w", broker.ended())
	}
	r.plan = p
	if err = errors.Join(err, r.drain()); err != nil {
		return hit, err
	}
	return hit, errors.Join(r.judge(), os.RemoveAll(data))
}

// begin is a life in which only the queues are declared.
func (r *round) begin() error {
	broker, err := r.up()
	if err != nil {
		return err
	}
	defer broker.kill()
	l := r.newLife(broker)
	return errors.Join(l.prepare(), broker.stop(stopLimit), l.finish())
}

// failLife is a life that the failing sync ends. If none fails for a while, a
// kill ends it: the broker is alive then.
func (r *round) failLife(trace string) (broker *process, alive bool, err error) {
	if broker, err = r.serve(); err != nil {
		return nil, false, err
	}
	defer broker.kill()
	if broker.awaitReady() != nil { // a sync of the start has failed
		broker.exitedWithin(patience)
		return broker, false, nil
	}
	l := r.newLife(broker)
	l.expectEnd()
	l.employ()
	if !broker.exitedWithin(3 * time.Second) {
		b, err := os.ReadFile(trace)
		alive = err == nil && !bytes.Contains(b, []byte("(INJECTED)"))
	}
	if !alive {
		broker.exitedWithin(patience)
	}
	broker.kill()
	return broker, alive, l.finish()
}

var (
	injected = regexp.MustCompile(`^\d+ +([0-9.]+) .*\(INJECTED\)`)
	exited   = regexp.MustCompile(`^\d+ +([0-9.]+) \+\+\+ (?:exited with|killed by) (\S+)`)
)

// endLimit is how many seconds a broker may take to end after a failed sync: a
// second, and what a busy machine takes, which has been more than ten.
const endLimit = 30

// readTrace tells whether a sync has failed, and wants the end of the broker
// within endLimit of it.
func readTrace(path string) (hit bool, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return false, err
	}
	var from, to float64
	status := ""
	for line := range strings.Lines(string(b)) {
		if m := injected.FindStringSubmatch(line); m != nil && from == 0 {
			from, _ = strconv.ParseFloat(m[1], 64)
		}
		if m := exited.FindStringSubmatch(line); m != nil {
			to, _ = strconv.ParseFloat(m[1], 64)
			status = m[2]
		}
	}
	switch {
	case from == 0, status == "SIGKILL" && to-from < endLimit: // which came first
		return false, nil
	case status != "1":
		return true, fmt.Errorf("the exit status after a failed sync is %q", status)
	case to-from > endLimit:
		return true, fmt.Errorf("the broker has ended %.3f s after a failed sync", to-from)
	}
	return true, nil
}
