package crash

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

var (
	rounds     = flag.Int("rounds", 10, "how many `rounds` to play; 5 with -short")
	seed       = flag.Uint64("seed", 0, "`seed` of the first plan; 0 draws one")
	binary     = flag.String("binary", "", "`path` of the broker; by default it is built")
	raced      = flag.Bool("raced", false, "build the broker with the race detector")
	durability = flag.String("durability", "disk", "`class` of the broker: disk or os")
	serving    = flag.String("serve", "", "more `flags` of serve, apart by blanks")
	keep       = flag.String("keep", "", "`directory` for the data of rounds that failed; by default a temporary one")
)

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := func() (int, error) {
		dir, err := os.MkdirTemp("", "leveret-crash")
		if err != nil {
			return 1, err
		}
		defer os.RemoveAll(dir)
		if *binary == "" {
			*binary = filepath.Join(dir, "leveret")
			if err := build(*binary); err != nil {
				return 1, err
			}
		}
		return m.Run(), nil
	}()
	if err == nil && code == 0 {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

func build(path string) error {
	args := []string{"build", "-o", path}
	if *raced {
		args = append(args, "-race")
	}
	out, err := exec.Command("go", append(args, "../../cmd/leveret")...).CombinedOutput()
	if err != nil {
		return fmt.Errorf("build the broker: %w\n%s", err, out)
	}
	return nil
}

// newPlan is a plan for rounds that leave what they have when they fail.
func newPlan(t *testing.T, flags ...string) *plan {
	t.Helper()
	flags = append(flags, strings.Fields(*serving)...)
	p := &plan{binary: *binary, flags: flags, seed: *seed, dir: t.TempDir()}
	if p.seed == 0 {
		p.seed = rand.Uint64()
	}
	if *keep != "" {
		p.dir = filepath.Join(*keep, fmt.Sprintf("%s-%d", t.Name(), p.seed))
		if err := os.MkdirAll(p.dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

func TestWhatWasPromisedSurvivesKills(t *testing.T) {
	n := *rounds
	if testing.Short() {
		n = min(n, 5)
	}
	p := newPlan(t, "--durability", *durability)
	p.cuts = traceable() == nil
	t.Logf("seed %d, kills at system calls: %v", p.seed, p.cuts)
	data, failed := "", 0
	for i := 0; i < n && failed < 5; i++ {
		if r := rand.New(rand.NewPCG(p.seed, uint64(i))); data == "" || r.IntN(5) == 0 {
			_ = os.RemoveAll(data)
			data = filepath.Join(p.dir, fmt.Sprint("data-", i))
		}
		if !playOne(t, p, i, data) {
			data = "" // is kept
			failed++
		}
	}
}

// playOne plays a round, and tells what is needed to look into it if it fails.
func playOne(t *testing.T, p *plan, i int, data string) bool {
	t.Helper()
	r, err := p.newRound(i, data)
	if err != nil {
		t.Fatal(err)
	}
	err = r.play()
	t.Logf("round %d: %d lives, %d cut, %d events", i, r.lives, r.cut, len(r.history.all()))
	if err == nil {
		_ = os.Remove(r.log.Name())
		return true
	}
	path, kept := r.keep()
	t.Errorf("round %d with seed %d:\n%v\nlog %s\nhistory %s %v\ndata %s", i, p.seed, err, r.log.Name(), path, kept, data)
	return false
}
