package main

import (
	"math/rand/v2"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/leveretmq/leveret/amqp"
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
		if s.backlog > 0 {
			s.backlog = 3000
		}
		t.Run(s.name, func(t *testing.T) {
			if s.args != nil {
				t.Skip("the broker has no queue arguments yet")
			}
			res, err := s.run(broker{name: "leveret", addr: l.Addr().String()}, 20*time.Millisecond)
			if err != nil {
				t.Fatal(err)
			}
			if res.delivered == 0 || res.latency.n == 0 || res.peakMiB != 0 {
				t.Errorf("got %d deliveries, %d latencies, %f MiB of no process", res.delivered, res.latency.n, res.peakMiB)
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

func TestPublishIsWhatTheBrokerDecodes(t *testing.T) {
	p := publish{exchange: "e", key: "k", body: []byte("0123456789"), persistent: true, priority: 7}
	got, at := p.append(nil, frameOverhead+4) // bodies of 4, 4 and 2 bytes
	props := amqp.BasicProperties{DeliveryMode: 2, Priority: 7}
	want := amqp.AppendMethod(nil, 1, &amqp.BasicPublish{Exchange: "e", RoutingKey: "k"})
	want = amqp.AppendContentHeader(want, 1, 10, props.Append(nil))
	if at != len(want)+frameHeaderSize {
		t.Errorf("the body is at %d, want %d", at, len(want)+frameHeaderSize)
	}
	for _, piece := range []string{"0123", "4567", "89"} {
		want = amqp.AppendFrame(want, amqp.FrameBody, 1, []byte(piece))
	}
	if string(got) != string(want) {
		t.Errorf("got  %q\nwant %q", got, want)
	}
}

func TestConfirmsCountInAnyOrder(t *testing.T) {
	for range 100 {
		tags := rand.Perm(50)
		c := confirms{ahead: map[uint64]struct{}{}}
		seen := map[int]bool{}
		for _, tag := range tags {
			multiple := rand.IntN(10) == 0
			c.ack(uint64(tag+1), multiple)
			for i := range tag + 1 {
				seen[i] = seen[i] || multiple || i == tag
			}
			want := 0
			for _, ok := range seen {
				if ok {
					want++
				}
			}
			if c.total() != uint64(want) {
				t.Fatalf("%d confirmed after %v, want %d", c.total(), tags, want)
			}
		}
		if c.low != 50 || len(c.ahead) != 0 {
			t.Fatalf("all are confirmed, but low is %d and %d are ahead", c.low, len(c.ahead))
		}
	}
}

func TestQuantilesAreWithinTwoPercent(t *testing.T) {
	var a, b histogram
	for i := range 1000 {
		h := &a
		if i%2 == 0 {
			h = &b
		}
		h.add(time.Duration(i+1) * time.Millisecond)
	}
	a.merge(&b)
	for q, want := range map[float64]float64{0.01: 11e3, 0.50: 501e3, 0.99: 991e3} {
		if got := a.quantile(q); got < want*0.98 || got > want*1.02 {
			t.Errorf("quantile %v is %v us, want %v", q, got, want)
		}
	}
	if a.max != 1e6 {
		t.Errorf("the longest is %v us", a.max)
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
