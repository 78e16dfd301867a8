package oracle

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"go.uber.org/goleak"

	"github.com/leveretmq/leveret/broker"
)

var (
	record = flag.Bool("record", false, "write what -addr answers into the scripts")
	addr   = flag.String("addr", "", "play to the RabbitMQ 3.10.8 at this address instead of leveret")
)

// The scenarios mostly wait, some of them for seconds: many run at a time.
func TestMain(m *testing.M) {
	flag.Parse()
	if err := flag.Set("test.parallel", "48"); err != nil {
		panic(err)
	}
	goleak.VerifyTestMain(m)
}

// scripts are the files of scenarios, by path.
func scripts(t *testing.T) map[string]*Script {
	t.Helper()
	paths, err := filepath.Glob("testdata/*.txt")
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
	deviations, err := LoadDeviations("testdata/deviations.txt")
	if err != nil {
		t.Fatal(err)
	}
	target := *addr
	if target == "" && *record {
		t.Fatal("-record takes the -addr of a RabbitMQ")
	}
	if target == "" {
		target = startBroker(t)
	} else {
		deviations = nil
	}
	pl := Player{Addr: target, Run: fmt.Sprintf("%03x", rand.IntN(1<<12))}
	number := 0
	for path, script := range scripts(t) {
		first := number
		number += len(script.Scenarios)
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex // guards the script while scenarios are recorded
			for i, s := range script.Scenarios {
				t.Run(s.Name(), func(t *testing.T) {
					if s.Slow && testing.Short() {
						t.Skip("waits for seconds")
					}
					t.Parallel()
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

// startBroker starts leveret in this process, until the end of the test.
func startBroker(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := broker.New(broker.Options{})
	served := make(chan error, 1)
	go func() { served <- b.Serve(listener) }()
	t.Cleanup(func() {
		if err := b.Shutdown(context.Background()); err != nil {
			t.Errorf("shutdown: %v", err)
		}
		if err := <-served; err != nil {
			t.Errorf("serve: %v", err)
		}
	})
	return listener.Addr().String()
}
