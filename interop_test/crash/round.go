package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

// plan is what all rounds have in common.
type plan struct {
	binary string
	flags  []string // of serve, besides the directory and the address
	seed   uint64
	dir    string // for data, logs and histories

	forgetful bool     // the broker has no data directory
	wrap      []string // the command that runs the broker, if there is one
	cuts      bool     // it may be killed by strace, at a write or a sync
}

// round is a few lives of a broker on one data directory, from its first
// message to its last.
type round struct {
	*plan
	number     int
	data       string // the directory of the broker
	rand       *rand.Rand
	log        *os.File
	history    *history
	publishers map[string]*publisher
	churners   []*churner
	lives      int
	prefix     string
	direct     string   // an exchange
	targets    []target // where publishers publish to
	courses    []*course
	letters    []target // where those publish to who do it to courses
	starting   time.Duration
	cut        int // how many lives have ended at a system call
}

func (p *plan) newRound(number int, data string) (*round, error) {
	log, err := os.Create(filepath.Join(p.dir, fmt.Sprintf("round-%d.log", number)))
	if err != nil {
		return nil, err
	}
	r := &round{
		plan: p, number: number, data: data, rand: rand.New(rand.NewPCG(p.seed, uint64(number))),
		log: log, history: &history{}, publishers: map[string]*publisher{}, prefix: fmt.Sprintf("r%d.", number),
	}
	r.direct = r.prefix + "direct"
	for _, q := range []string{"w0", "w1", "w2", "w3", "t0"} {
		r.targets = append(r.targets, target{"", r.prefix + q, []string{r.prefix + q}, nil})
	}
	r.targets = append(r.targets,
		target{r.prefix + "fan", "", r.queues("f0", "f1", "f2"), nil},
		target{r.direct, "two", r.queues("w0", "f2"), nil},
		target{r.direct, "nowhere", nil, nil})
	r.courses = newCourses(r.prefix)
	for _, c := range r.courses {
		r.history.add(event{Kind: laid, Queues: []string{c.name}, Stages: c.stages})
	}
	r.letters = r.enter()
	for i := range 2 {
		c := &churner{prefix: fmt.Sprint(r.prefix, "churn", i, "."), values: map[string]string{}}
		c.serial = r.publisher(c.prefix)
		r.churners = append(r.churners, c)
	}
	return r, nil
}

// queues are the names of queues of the round.
func (r *round) queues(names ...string) []string {
	for i, n := range names {
		names[i] = r.prefix + n
	}
	return names
}

// publisher is the one of a worker in all lives.
func (r *round) publisher(name string) *publisher {
	p := r.publishers[name]
	if p == nil {
		p = &publisher{number: uint64(len(r.publishers) + 1)}
		r.publishers[name] = p
	}
	return p
}

// play goes through the lives of the round and returns what was wrong.
func (r *round) play() error {
	defer r.log.Close()
	ends := 2 + r.rand.IntN(4)
	for i := range ends {
		if err := r.live(i == 0); err != nil {
			return err
		}
	}
	if err := r.drain(); err != nil {
		return err
	}
	return r.judge()
}

// verdict is what the checkers have found.
type verdict []string

func (v verdict) Error() string {
	if len(v) > mostFaults {
		v = append(v[:mostFaults:mostFaults], fmt.Sprint("and ", len(v)-mostFaults, " more"))
	}
	return strings.Join(v, "\n")
}

// mostFaults is how many are printed.
const mostFaults = 20

// judge runs the checkers on what has happened.
func (r *round) judge() error {
	if v := verdict(check(r.history.all())); len(v) > 0 {
		return v
	}
	return nil
}

// live starts the broker, has it work, and ends it in one way or another.
func (r *round) live(first bool) error {
	if !first {
		if err := r.interrupted(); err != nil {
			return err
		}
	}
	if !first && r.cuts && r.rand.IntN(4) == 0 {
		return r.liveToTheCut()
	}
	p, err := r.up()
	if err != nil {
		return err
	}
	l := r.newLife(p)
	if first || r.forgetful {
		if err := l.prepare(); err != nil {
			p.kill()
			return err
		}
	}
	l.employ()
	err = l.end()
	return errors.Join(err, l.finish())
}

// liveToTheCut is a life that ends at a system call: when a group has been written
// and the next has not, or between the parts of one. All publish to one course, so
// that most groups are about what happens there: what must be in one and is not is
// found, however little time passes in between.
func (r *round) liveToTheCut() error {
	// Where nothing is synced, groups are small and many.
	class, call, most := "os", "pwrite64", 100
	if r.rand.IntN(3) == 0 {
		class, call, most = "disk", "fdatasync", 30
	}
	n := 1 + r.rand.IntN([]int{10, most}[r.rand.IntN(2)]) // of one thread
	watched := *r.plan
	watched.flags = append(slices.Clone(r.flags), "--durability", class)
	watched.wrap = []string{"strace", "-f", "-q", "-o", "/dev/null", "-e", "trace=" + call, "-e", fmt.Sprintf("inject=%s:signal=KILL:when=%d", call, n)}
	usual := r.plan
	r.plan = &watched
	defer func() { r.plan = usual }()
	p, err := r.serve()
	if err != nil {
		return err
	}
	defer p.kill()
	if err := p.awaitReady(); err != nil {
		if p.loud {
			return err
		}
		return nil // it came to the call while it started
	}
	l := r.newLife(p)
	l.dying.Store(true) // at any time
	on := r.courses[r.rand.IntN(len(r.courses))]
	if r.rand.IntN(4) == 0 {
		on = r.courseOf(r.prefix + "later") // has most to keep together
	}
	l.employOn(on)
	if p.exitedWithin(2 * time.Second) {
		r.cut++
	}
	p.kill()
	return l.finish()
}

// serve starts a broker on the directory of the round.
func (r *round) serve() (*process, error) {
	where := []string{"--data-dir", r.data}
	if r.forgetful {
		where = []string{"--memory"}
	}
	command := slices.Concat(r.wrap, []string{r.binary, "serve", "--listen", "127.0.0.1:0"}, where, r.flags)
	return launch(r.log, command[0], command[1:]...)
}

// up starts a broker and waits until it is ready.
func (r *round) up() (*process, error) {
	begun := time.Now()
	p, err := r.serve()
	if err != nil {
		return nil, err
	}
	if err := p.awaitReady(); err != nil {
		p.kill()
		return nil, err
	}
	r.starting = time.Since(begun)
	return p, nil
}

// keep writes the history of a round that failed.
func (r *round) keep() (path string, err error) {
	path = filepath.Join(r.dir, fmt.Sprintf("round-%d.history", r.number))
	f, err := os.Create(path)
	if err != nil {
		return "", err
	}
	return path, errors.Join(r.history.write(f), f.Close())
}
