package oracle

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"
)

var (
	record = flag.Bool("record", false, "write what -addr answers into the scripts")
	target = flag.String("addr", "", "play to the RabbitMQ 3.10.8 at this address instead of leveret")

	ctl       = flag.String("ctl", "", "rabbitmqctl of what is at -addr, with its options")
	restarter = flag.String("restarter", "", "command that restarts what is at -addr; it is given stop or kill")
)

// The scenarios mostly wait, some of them for seconds: many run at a time, but
// fewer while they are recorded, when nothing may be late.
func TestMain(m *testing.M) {
	flag.Parse()
	parallel := "48"
	if *record {
		parallel = "4"
	}
	if err := flag.Set("test.parallel", parallel); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// scripts are the files of scenarios that RabbitMQ has answered, by path.
func scripts(t *testing.T) map[string]*Script { return loadScripts(t, "testdata/*.txt") }

func loadScripts(t *testing.T, pattern string) map[string]*Script {
	t.Helper()
	paths, err := filepath.Glob(pattern)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]*Script{}
	for _, path := range paths {
		if name := filepath.Base(path); name == "rows.txt" || name == "deviations.txt" {
			continue
		}
		if all[path], err = Load(path); err != nil {
			t.Fatal(err)
		}
	}
	return all
}

func TestTheBrokerAnswersAsRecorded(t *testing.T) {
	pl := Player{Addr: *target, SetPolicy: policyElsewhere(), Operate: operateElsewhere()}
	if *target == "" {
		pl = startBroker(t, "").player()
	}
	play(t, pl, false)
}

// Nothing of it is different where durable things and messages wait for a disk.
func TestTheBrokerAnswersAsRecordedWithADataDirectory(t *testing.T) {
	if *target != "" {
		t.Skip("plays to leveret")
	}
	play(t, startBroker(t, t.TempDir()).player(), false)
}

func TestTheBrokerAnswersAsRecordedWhenItIsRestarted(t *testing.T) {
	pl := Player{Addr: *target, Restart: elsewhere, SetPolicy: policyElsewhere(), Operate: operateElsewhere()}
	switch {
	case *target == "":
		pl = startBroker(t, t.TempDir()).player()
	case *restarter == "":
		t.Skip("needs -restarter")
	}
	play(t, pl, true)
}

// play plays all scenarios that restart the broker, one after the other, or all
// those that do not.
func play(t *testing.T, pl Player, restarts bool) {
	deviations := map[string]Deviation{}
	if *target == "" {
		deviations = recordedDeviations(t)
	}
	pl.Run = fmt.Sprintf("%03x", rand.IntN(1<<12))
	number := 0
	for path, script := range scripts(t) {
		first := number
		number += len(script.Scenarios)
		if !slices.ContainsFunc(script.Scenarios, func(s *Scenario) bool { return s.Restarts() == restarts }) {
			continue
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			if !restarts {
				t.Parallel()
			}
			var mu sync.Mutex // guards the script while scenarios are recorded
			for i, s := range script.Scenarios {
				if s.Restarts() != restarts {
					continue
				}
				t.Run(s.Name(), func(t *testing.T) {
					if s.Slow && testing.Short() {
						t.Skip("waits for seconds")
					}
					if s.Policies() && pl.SetPolicy == nil {
						t.Skip("sets policies")
					}
					if s.Operator() && pl.Operate == nil {
						t.Skip("needs an operator")
					}
					if !restarts {
						t.Parallel()
					}
					got, err := pl.Play(t.Context(), s, first+i)
					if err != nil {
						t.Fatal(err)
					}
					if *record {
						mu.Lock()
						script.Scenarios[i] = got
						mu.Unlock()
						return
					}
					compare(t, s, got, deviations[s.Name()])
				})
			}
			if *record {
				t.Cleanup(func() { save(t, path, script) })
			}
		})
	}
}

func recordedDeviations(t *testing.T) map[string]Deviation {
	t.Helper()
	deviations, err := LoadDeviations("testdata/deviations.txt")
	if err != nil {
		t.Fatal(err)
	}
	if *record {
		t.Fatal("-record takes the -addr of a RabbitMQ")
	}
	return deviations
}

func compare(t *testing.T, s, got *Scenario, d Deviation) {
	t.Helper()
	want, err := d.Apply(s.Answers())
	if err != nil {
		t.Fatal(err)
	}
	if diff := Diff(want, got.Answers()); diff != "" {
		t.Errorf("- recorded, + now:\n%s", diff)
	}
}

func save(t *testing.T, path string, script *Script) {
	if err := os.WriteFile(path, script.Text(), 0o644); err != nil {
		t.Error(err)
	}
}
