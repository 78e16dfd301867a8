package main

import (
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	leveret "github.com/leveretmq/leveret/broker"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// Every scenario that the broker can serve runs for a moment, with all counts
// matching and with nothing left behind.
func TestScenariosRun(t *testing.T) {
	b := leveret.New(leveret.Options{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- b.Serve(l) }()
	defer func() {
		if err := b.Shutdown(t.Context()); err != nil {
			t.Error(err)
		}
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	for _, s := range scenarios {
		if s.load.Backlog {
			s.load.Publish = 3000
		}
		t.Run(s.name, func(t *testing.T) {
			res, err := s.run(t.Context(), broker{name: "leveret", addr: l.Addr().String()}, 20*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			if res.delivered == 0 || uint64(res.latency.Count) != res.delivered || res.peakMiB != 0 {
				t.Errorf("got %d deliveries, %d latencies, %f MiB of no process", res.delivered, res.latency.Count, res.peakMiB)
			}
		})
	}
}

func TestABrokerThatIsNotThereFailsTheRow(t *testing.T) {
	bs := brokers{{name: "nobody", addr: "127.0.0.1:1"}}
	r := measure(t.Context(), scenarios[0], bs, 1, time.Millisecond)
	if !r.failed() {
		t.Error("no failure")
	}
	var out strings.Builder
	r.print(&out)
	printMarkdown(&out, bs, []row{r})
	if got := out.String(); strings.Count(got, "failed") != 2 {
		t.Errorf("printed %q", got)
	}
}

func TestBrokersAreNamedWithAddressAndPID(t *testing.T) {
	var bs brokers
	for s, ok := range map[string]bool{
		"a=h:1,23": true, "b=h:1": true, "h:1": false, "=h:1": false, "c=h:1,x": false,
	} {
		if err := bs.Set(s); (err == nil) != ok {
			t.Errorf("%q: %v", s, err)
		}
	}
	if len(bs) != 2 {
		t.Errorf("got %v", bs)
	}
}

func TestFiguresAreReadable(t *testing.T) {
	for v, want := range map[float64]string{0: "0", 999: "999", 1000: "1,000", 1234567.4: "1,234,567"} {
		if got := thousands(v); got != want {
			t.Errorf("%v is shown as %s, want %s", v, got, want)
		}
	}
	for us, want := range map[float64]string{84: "0.08", 9994: "9.99", 30852: "30.9", 704883: "705"} {
		if got := millis(us); got != want {
			t.Errorf("%v us are shown as %s ms, want %s", us, got, want)
		}
	}
}
