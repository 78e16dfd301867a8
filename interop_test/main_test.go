package interop

import (
	"context"
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// brokerURL is the broker that the tests talk to. Immutable once they run.
var brokerURL string

// external reports whether the broker under test runs outside this process.
func external() bool { return os.Getenv("AMQP_URL") != "" }

// inProcess skips a test that needs a broker of its own.
func inProcess(t *testing.T) {
	t.Helper()
	if external() {
		t.Skip("needs a broker in this process; AMQP_URL is set")
	}
}

func TestMain(m *testing.M) {
	flag.Parse()
	code, err := runTests(m)
	if err == nil && code == 0 {
		err = goleak.Find()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// runTests runs the tests against the broker they are meant for, and ends a
// broker that it started.
func runTests(m *testing.M) (code int, err error) {
	defer func() { janitor.close() }()
	if external() {
		brokerURL = os.Getenv("AMQP_URL")
		return m.Run(), nil
	}
	s, err := startServer(serverOptions{})
	if err != nil {
		return 1, fmt.Errorf("start broker: %w", err)
	}
	brokerURL = s.url()
	code = m.Run()
	janitor.close()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return code, s.stop(ctx)
}
