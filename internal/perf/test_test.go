package perf

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/broker/brokertest"
)

func runLoad(t *testing.T, l Load) Result {
	t.Helper()
	test, err := Prepare(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	r, err := test.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := test.Close(t.Context()); err != nil {
		t.Error(err)
	}
	return r
}

func queues(n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf("q%d", i))
	}
	return all
}

func TestEverythingPublishedArrives(t *testing.T) {
	for name, l := range map[string]Load{
		"auto ack":             {Producers: 1, Consumers: 1, AutoAck: true},
		"acknowledged":         {Producers: 1, Consumers: 1, Prefetch: 10},
		"in runs":              {Producers: 2, Consumers: 3, Prefetch: 30, AckEvery: 7},
		"confirmed":            {Producers: 2, Consumers: 2, Confirm: 1},
		"confirmed in runs":    {Producers: 2, Consumers: 1, Confirm: 100, Persistent: true, Mandatory: true},
		"large":                {Producers: 1, Consumers: 1, Size: 300_000, Publish: 20},
		"many queues":          {Producers: 5, Consumers: 2, Topology: Topology{Queues: queues(4)}},
		"many consumers":       {Producers: 2, Consumers: 5, Topology: Topology{Queues: queues(2)}, Publish: 100},
		"through direct":       {Producers: 3, Consumers: 3, Topology: Topology{Queues: queues(3), Exchange: "e"}},
		"through a key":        {Producers: 2, Consumers: 3, Topology: Topology{Queues: queues(3), Exchange: "e", RoutingKey: "k"}},
		"through fanout":       {Producers: 2, Consumers: 3, Topology: Topology{Queues: queues(3), Exchange: "e", Type: "fanout"}},
		"through topic":        {Producers: 1, Consumers: 1, Topology: Topology{Queues: queues(1), Exchange: "e", Type: "topic", Bindings: 10}},
		"priorities":           {Producers: 1, Consumers: 1, Priorities: 3, Topology: Topology{Queues: queues(1), QueueArguments: amqp.Table{{Key: "x-max-priority", Value: int64(5)}}}},
		"channels":             {Producers: 2, Consumers: 2, ProducerChannels: 3, ConsumerChannels: 2, Prefetch: 10, Confirm: 20, Topology: Topology{Queues: queues(3)}},
		"channels auto ack":    {Producers: 1, Consumers: 1, ProducerChannels: 2, ConsumerChannels: 3, AutoAck: true, Size: 200_000, Publish: 20},
		"transactions":         {Producers: 2, Consumers: 2, CommitPublishes: 7, CommitDeliveries: 3, AckEvery: 2, Prefetch: 5},
		"transactions at once": {Producers: 1, Consumers: 1, CommitPublishes: 1, CommitDeliveries: 10, Prefetch: 10, ProducerChannels: 2, ConsumerChannels: 2},
		"a committed backlog":  {Producers: 1, Consumers: 1, Backlog: true, CommitPublishes: 100},
		"a backlog":            {Producers: 2, Consumers: 2, Backlog: true, Confirm: 50},
		"paced":                {Producers: 1, Consumers: 1, Rate: 5000, ConsumeRate: 10000},
		"a time, then drained": {Producers: 1, Consumers: 1, Time: 20 * time.Millisecond, Drain: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := brokertest.Start(t)
			l.URIs, l.Verify = []string{b.URL()}, l.Priorities == 0
			l.Remove = true
			if l.Queues == nil {
				l.Queues = queues(1)
			}
			if l.Publish == 0 && l.Time == 0 {
				l.Publish = 500
			}
			r := runLoad(t, l)
			if r.Delivered != r.Expected || r.Delivered == 0 || r.Published == 0 || uint64(r.Consumed.Count) != r.Delivered {
				t.Errorf("got %+v", r)
			}
			if want := uint64(l.Producers * max(1, l.ProducerChannels) * l.Publish); l.Time == 0 && r.Published != want {
				t.Errorf("%d were published, want %d", r.Published, want)
			}
			if r.Verified != nil && !r.Verified.OK() {
				t.Errorf("found %+v", r.Verified)
			}
			if l.Confirm > 0 && (r.Confirmed != r.Published || uint64(r.Confirms.Count) != r.Published) {
				t.Errorf("%d of %d were confirmed, %d times taken", r.Confirmed, r.Published, r.Confirms.Count)
			}
			for _, q := range l.Queues {
				if _, there := b.Queue(q).Info(); there {
					t.Errorf("queue %s is left", q)
				}
			}
		})
	}
}

func TestConsumersTakeAsManyAsTheyWant(t *testing.T) {
	b := brokertest.Start(t)
	l := Load{URIs: []string{b.URL()}, Producers: 1, Topology: Topology{Queues: []string{"q"}}, Publish: 100}
	runLoad(t, l)
	l.Producers, l.Consumers, l.Publish, l.Consume, l.AckEvery = 0, 1, 0, 25, 10
	if r := runLoad(t, l); r.Delivered != 25 || r.Published != 0 {
		t.Errorf("got %+v", r)
	}
	b.Queue("q").WaitMessages(t, 75) // with the last five acknowledged as well
}

func TestConsumersOfAConnectionTakeAsManyAsTheyWantEach(t *testing.T) {
	b := brokertest.Start(t)
	l := Load{URIs: []string{b.URL()}, Producers: 1, Topology: Topology{Queues: []string{"q"}}, Publish: 100}
	runLoad(t, l)
	l.Producers, l.Consumers, l.ConsumerChannels, l.Publish, l.Consume, l.AckEvery = 0, 1, 4, 0, 20, 7
	if r := runLoad(t, l); r.Delivered != 80 {
		t.Errorf("got %+v", r)
	}
	b.Queue("q").WaitMessages(t, 20)
}

func TestProducersAndConsumersHaveAsManyChannelsAsTheyAreTo(t *testing.T) {
	b := brokertest.Start(t)
	l := Load{URIs: []string{b.URL()}, Producers: 1, Consumers: 1, ProducerChannels: 3, ConsumerChannels: 2, Topology: Topology{Queues: []string{"q"}}, Publish: 1}
	test, err := Prepare(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	var channels []int
	for _, k := range b.Broker().ConnectionInfos() {
		channels = append(channels, k.Channels)
	}
	slices.Sort(channels)
	if !slices.Equal(channels, []int{2, 3}) {
		t.Errorf("connections have %v channels", channels)
	}
	if r, err := test.Run(t.Context()); err != nil || r.Published != 3 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestWhatIsNotCommittedIsNotThere(t *testing.T) {
	b := brokertest.Start(t)
	b.Inject("tx.commit", brokertest.Refuse(406, "no"), brokertest.After(2))
	l := Load{URIs: []string{b.URL()}, Producers: 1, CommitPublishes: 10, Publish: 100, Topology: Topology{Queues: []string{"q"}}}
	test, err := Prepare(t.Context(), l)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := test.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "406 PRECONDITION_FAILED - no") {
		t.Errorf("got %v", err)
	}
	b.Queue("q").WaitMessages(t, 20)
}

func TestATestEndsWhenItIsInterrupted(t *testing.T) {
	b := brokertest.Start(t)
	ctx, interrupt := context.WithCancel(t.Context())
	l := Load{URIs: []string{b.URL()}, Producers: 1, Consumers: 1, Topology: Topology{Queues: []string{"q"}}, Interval: time.Millisecond}
	seen := 0
	l.Report = func(Sample) {
		if seen++; seen == 3 {
			interrupt()
		}
	}
	test, err := Prepare(ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	if r, err := test.Run(ctx); err != nil || r.Published == 0 {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestALostConnectionEndsTheTest(t *testing.T) {
	b := brokertest.Start(t)
	b.Inject(brokertest.AtPublish, brokertest.Drop, brokertest.After(100))
	test, err := Prepare(t.Context(), Load{URIs: []string{b.URL()}, Producers: 1, Consumers: 1, Topology: Topology{Queues: []string{"q"}}})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := test.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "producer 0: ") {
		t.Errorf("got %v", err)
	}
}

func TestTheBrokersReasonIsTold(t *testing.T) {
	b := brokertest.Start(t)
	l := Load{Producers: 1, Consumers: 1, Topology: Topology{Queues: []string{"q"}}, Publish: 1}
	for uri, want := range map[string]string{
		strings.Replace(b.URL(), "guest:guest", "guest:wrong", 1): "403",
		b.URL() + "nowhere":   "530",
		"amqp://127.0.0.1:1/": "refused",
	} {
		l.URIs = []string{uri}
		if _, err := Prepare(t.Context(), l); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %s", uri, err, want)
		}
	}
	l.URIs = []string{b.URL()}
	l.Durable = true
	b.DeclareQueue(t, broker.Queue{Name: "q"})
	if _, err := Prepare(t.Context(), l); err == nil || !strings.Contains(err.Error(), "406 PRECONDITION_FAILED") {
		t.Errorf("another queue: %v", err)
	}
	l.Predeclared = true
	if r := runLoad(t, l); r.Delivered != 1 {
		t.Errorf("got %+v", r)
	}
}

func TestLoadsThatMakeNoSenseAreRefused(t *testing.T) {
	good := Load{URIs: []string{"amqp://"}, Producers: 1, Consumers: 1, Topology: Topology{Queues: []string{"q"}}, Publish: 1}
	if err := good.check(); err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*Load){
		"nobody":                 func(l *Load) { l.Producers, l.Consumers = 0, 0 },
		"negative":               func(l *Load) { l.Size = -1 },
		"no queue":               func(l *Load) { l.Queues = nil },
		"no broker":              func(l *Load) { l.URIs = nil },
		"nothing to verify":      func(l *Load) { l.Verify, l.Consumers = true, 0 },
		"to verify a part":       func(l *Load) { l.Verify, l.Consume = true, 5 },
		"an endless backlog":     func(l *Load) { l.Backlog, l.Publish = true, 0 },
		"acknowledgements at 10": func(l *Load) { l.Prefetch, l.AckEvery = 5, 10 },
		"commits at 10":          func(l *Load) { l.Prefetch, l.CommitDeliveries = 5, 10 },
		"confirmed transactions": func(l *Load) { l.Confirm, l.CommitPublishes = 5, 10 },
		"too many channels":      func(l *Load) { l.ProducerChannels = 65536 },
		"to verify recovery":     func(l *Load) { l.Verify, l.Recover = true, 1 },
		"a long name":            func(l *Load) { l.Queues = []string{strings.Repeat("q", 256)} },
		"a wild key":             func(l *Load) { l.Exchange, l.Type, l.RoutingKey = "e", "topic", "a.*" },
	} {
		l := good
		spoil(&l)
		if err := l.check(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
}

func TestTheResultIsJSON(t *testing.T) {
	b := brokertest.Start(t)
	r := runLoad(t, Load{
		ID: "a", URIs: []string{b.URL()}, Producers: 1, Consumers: 1, Topology: Topology{Queues: []string{"q"}},
		Publish: 10, Confirm: 1, Verify: true,
	})
	var out strings.Builder
	if err := r.WriteJSON(&out); err != nil {
		t.Fatal(err)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(out.String()), &got); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"seconds", "sending_rate", "receiving_rate", "nacked", "returned"} {
		if _, ok := got[key].(float64); !ok {
			t.Errorf("%s is %v", key, got[key])
		}
	}
	for key, want := range map[string]any{"id": "a", "published": 10.0, "confirmed": 10.0, "delivered": 10.0, "expected": 10.0} {
		if got[key] != want {
			t.Errorf("%s is %v, want %v", key, got[key], want)
		}
	}
	for _, of := range []string{"consumer_latency_us", "confirm_latency_us"} {
		l, _ := got[of].(map[string]any)
		for _, key := range []string{"count", "min", "median", "p75", "p95", "p99", "p999", "max", "mean"} {
			if _, ok := l[key].(float64); !ok {
				t.Errorf("%s of %s is %v", key, of, l[key])
			}
		}
	}
	if v, _ := got["verify"].(map[string]any); v["checked"] != 10.0 || v["lost"] != 0.0 || v["faults"] == nil {
		t.Errorf("verify is %v", got["verify"])
	}
}

func TestLinesAreAsPerfTestHasThem(t *testing.T) {
	s := Sample{
		ID: "t", Elapsed: 2500 * time.Millisecond, Sent: 1000.4, Confirmed: 900, Received: 800,
		Consumed: Latency{Count: 1, Min: 1, Median: 2, P75: 3, P95: 4, P99: 5},
		Confirms: Latency{Count: 1, Min: 6, Median: 7, P75: 8, P95: 9, P99: 10},
		load:     &Load{Producers: 1, Consumers: 1, Confirm: 10},
	}
	want := "id: t, time: 2.500s, sent: 1000 msg/s, confirmed: 900 msg/s, nacked: 0 msg/s, received: 800 msg/s, " +
		"min/median/75th/95th/99th consumer latency: 1/2/3/4/5 µs, confirm latency: 6/7/8/9/10 µs"
	if got := s.String(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	r := Result{ID: "t", SendingRate: 1000.4, ReceivingRate: 999.5, Consumed: Latency{Count: 1, Max: 6}}
	var out strings.Builder
	if err := r.WriteText(&out); err != nil {
		t.Fatal(err)
	}
	want = "id: t, sending rate avg: 1000 msg/s\nid: t, receiving rate avg: 1000 msg/s\n" +
		"id: t, consumer latency min/median/75th/95th/99th/max 0/0/0/0/0/6 µs\n"
	if out.String() != want {
		t.Errorf("got %s", out.String())
	}
}

func TestAPaceIsKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(100, 0)
		defer p.stop()
		begun, never := time.Now(), make(chan struct{})
		for range 50 {
			p.took(p.wait(1, never))
		}
		if took := time.Since(begun).Round(time.Millisecond); took != 490*time.Millisecond {
			t.Errorf("50 at 100 a second took %v", took)
		}
		<-time.After(time.Second)
		if n := p.wait(500, never); n != 100 {
			t.Errorf("%d are due after a second, want 100", n)
		}
	})
}

func TestWhatFallsIntoAGrainIsDueAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		p := newPace(1000, 50*time.Millisecond)
		defer p.stop()
		begun, never := time.Now(), make(chan struct{})
		var got []int
		for range 4 {
			n := p.wait(512, never)
			p.took(n)
			got = append(got, n)
		}
		if took := time.Since(begun); took != 150*time.Millisecond || !slices.Equal(got, []int{1, 50, 50, 50}) {
			t.Errorf("%v within %v", got, took)
		}
	})
}
