package broker

import (
	"flag"
	"testing"

	"go.uber.org/goleak"
)

// TestMain sets how much rapid does, unless the command line says so. No
// goroutine outlives the tests.
func TestMain(m *testing.M) {
	for name, value := range map[string]string{"rapid.checks": "40", "rapid.nofailfile": "true"} {
		if err := flag.Set(name, value); err != nil {
			panic(err)
		}
	}
	flag.Parse()
	goleak.VerifyTestMain(m)
}
