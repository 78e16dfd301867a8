package oracle

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"sync"
	"testing"
)

// What RabbitMQ 3.10.8 has not has scripts of the same form, which are leveret's
// own. With -record, and without -addr, they are written as it answers now: what
// stands there afterwards is to be read and judged.
const ownScripts = "testdata/own/*.txt"

func TestTheBrokerAnswersItsOwnScripts(t *testing.T) {
	playOwn(t, startBroker(t, "").player(), *record)
}

func TestTheBrokerAnswersItsOwnScriptsWithADataDirectory(t *testing.T) {
	p := startBroker(t, t.TempDir())
	playOwn(t, p.player(), false)
}

func playOwn(t *testing.T, pl Player, write bool) {
	if *target != "" {
		t.Skip("plays to leveret")
	}
	pl.Run = fmt.Sprintf("%03x", rand.IntN(1<<12))
	number := 0
	for path, script := range loadScripts(t, ownScripts) {
		first := number
		number += len(script.Scenarios)
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex // guards the script while it is written
			for i, s := range script.Scenarios {
				t.Run(s.Name(), func(t *testing.T) {
					t.Parallel()
					if s.Restarts() {
						t.Skip("is played alone")
					}
					got, err := pl.Play(t.Context(), s, first+i)
					if err != nil {
						t.Fatal(err)
					}
					if write {
						mu.Lock()
						defer mu.Unlock()
						script.Scenarios[i] = got
						return
					}
					compare(t, s, got, Deviation{})
				})
			}
			if write {
				t.Cleanup(func() { save(t, path, script) })
			}
		})
	}
}

func TestTheBrokerAnswersItsOwnScriptsWhenItIsRestarted(t *testing.T) {
	if *target != "" {
		t.Skip("plays to leveret")
	}
	pl := startBroker(t, t.TempDir()).player()
	pl.Run = fmt.Sprintf("%03x", rand.IntN(1<<12))
	number := 0
	for path, script := range loadScripts(t, ownScripts) {
		for i, s := range script.Scenarios {
			if !s.Restarts() {
				continue
			}
			number++
			got, err := pl.Play(t.Context(), s, number)
			if err != nil {
				t.Fatal(err)
			}
			if *record {
				script.Scenarios[i] = got
				continue
			}
			t.Run(s.Name(), func(t *testing.T) { compare(t, s, got, Deviation{}) })
		}
		if *record {
			save(t, path, script)
		}
	}
}
