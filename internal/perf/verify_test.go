package perf

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/broker/brokertest"
)

// truth is a load that is verified.
func truth(uri string) Load {
	return Load{
		URIs: []string{uri}, Producers: 1, Consumers: 1, Topology: Topology{Queues: []string{"q"}},
		Publish: 100, AutoAck: true, Verify: true, Size: 50,
	}
}

func TestALieIsFound(t *testing.T) {
	var held []byte
	for name, lie := range map[string]struct {
		tell  func(n int, message []byte) []byte
		want  Verification
		fault string
	}{
		"nothing": {tell: func(_ int, m []byte) []byte { return m }},
		"lost": {
			tell: func(n int, m []byte) []byte {
				if n >= 17 && n <= 19 {
					return nil
				}
				return m
			},
			want: Verification{Lost: 3}, fault: "messages 17 to 19 of producer 0 did not come from queue q",
		},
		"the last one lost": {
			tell: func(n int, m []byte) []byte {
				if n == 100 {
					return nil
				}
				return m
			},
			want: Verification{Lost: 1}, fault: "message 100 of producer 0 did not come from queue q",
		},
		"doubled": {
			tell: func(n int, m []byte) []byte {
				if n == 5 {
					return append(slices.Clone(m), m...)
				}
				return m
			},
			want: Verification{Doubled: 1}, fault: "message 5 of producer 0 came twice from queue q",
		},
		"reordered": {
			tell: func(n int, m []byte) []byte {
				switch n {
				case 30:
					held = m
					return nil
				case 33:
					return append(slices.Clone(m), held...)
				}
				return m
			},
			want: Verification{Reordered: 1}, fault: "message 30 of producer 0 came after its message 33 from queue q",
		},
		"changed": {
			tell: func(n int, m []byte) []byte {
				if n == 50 {
					m[len(m)-2] ^= 1
				}
				return m
			},
			want: Verification{Changed: 1, Lost: 1}, fault: "a message of 50 bytes in queue q is not as it was published",
		},
	} {
		t.Run(name, func(t *testing.T) {
			l := truth(startLiar(t, lie.tell))
			if lie.want.Lost > 0 {
				l.Patience = 500 * time.Millisecond
			}
			r := runLoad(t, l)
			v := *r.Verified
			lost := v.Lost
			if lie.fault == "" {
				lost = 0
			}
			if v.Lost != lie.want.Lost || v.Doubled != lie.want.Doubled || v.Reordered != lie.want.Reordered || v.Changed != lie.want.Changed {
				t.Errorf("found %+v (%d lost), want %+v", v, lost, lie.want)
			}
			if v.OK() != (lie.fault == "") {
				t.Errorf("OK is %v", v.OK())
			}
			if lie.fault != "" && (len(v.Faults) == 0 || !slices.Contains(v.Faults, lie.fault)) {
				t.Errorf("told %q, want %q", v.Faults, lie.fault)
			}
			var out strings.Builder
			if err := r.WriteText(&out); err != nil || strings.Contains(out.String(), "NOT verified") == v.OK() {
				t.Errorf("printed %s (%v)", out.String(), err)
			}
		})
	}
}

func TestAMessageThatTheBrokerForgetsIsLost(t *testing.T) {
	b := brokertest.Start(t)
	b.Inject(brokertest.AtPublish, brokertest.Lose, brokertest.After(7), brokertest.Next(1))
	l := truth(b.URL())
	l.Patience = 500 * time.Millisecond
	if v := runLoad(t, l).Verified; v.Lost != 1 || !slices.Contains(v.Faults, "message 8 of producer 0 did not come from queue q") {
		t.Errorf("found %+v", v)
	}
}

// What the broker has refused, it need not deliver.
func TestWhatIsRefusedIsNotLost(t *testing.T) {
	t.Run("nacked", func(t *testing.T) {
		b := brokertest.Start(t)
		b.Inject(brokertest.AtPublish, brokertest.Nack, brokertest.After(20), brokertest.Next(3))
		l := truth(b.URL())
		l.Confirm = 10
		r := runLoad(t, l)
		if !r.Verified.OK() || r.Nacked != 3 || r.Confirmed != 97 || r.Delivered != 97 || r.Expected != 97 {
			t.Errorf("got %+v, verified %+v", r, r.Verified)
		}
	})
	t.Run("returned", func(t *testing.T) {
		b := brokertest.Start(t)
		l := truth(b.URL())
		l.Mandatory, l.Confirm = true, 10
		l.Exchange, l.Type, l.RoutingKey = "amq.topic", "topic", "k"
		test, err := Prepare(t.Context(), l)
		if err != nil {
			t.Fatal(err)
		}
		lost := &amqp.BasicPublish{Exchange: l.Exchange, RoutingKey: "nobody.has.it", Mandatory: true}
		test.producers[0].messages[0].encode(lost, l.Properties, frameMax)
		r, err := test.Run(t.Context())
		if err != nil || !r.Verified.OK() || r.Returned != 100 || r.Delivered != 0 {
			t.Errorf("got %+v (%v), verified %+v", r, err, r.Verified)
		}
	})
}

func TestMessagesOfAnotherTestAreNoFault(t *testing.T) {
	b := brokertest.Start(t)
	before, err := Prepare(t.Context(), truth(b.URL()))
	if err != nil {
		t.Fatal(err)
	}
	if err := before.consuming[0].c.close(); err != nil {
		t.Fatal(err)
	}
	before.consuming = nil // its messages stay
	if _, err := before.Run(t.Context()); err != nil {
		t.Fatal(err)
	}
	if v := runLoad(t, truth(b.URL())).Verified; v.Foreign != 100 || v.Checked != 200 || !v.OK() {
		t.Errorf("found %+v", v)
	}
}

func TestWhatNobodySignedIsChanged(t *testing.T) {
	b := brokertest.Start(t)
	left := truth(b.URL())
	left.Verify, left.Consumers, left.Size = false, 0, stampSize
	runLoad(t, left)
	if v := runLoad(t, truth(b.URL())).Verified; v.Changed != 100 || v.Lost != 0 || v.OK() {
		t.Errorf("found %+v", v)
	}
}
