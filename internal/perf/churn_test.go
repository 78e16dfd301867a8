package perf

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/leveretmq/leveret/broker/brokertest"
)

func TestChurnsLeaveNothingBehind(t *testing.T) {
	b := brokertest.Start(t)
	for _, k := range Churns() {
		r, err := k.Run(t.Context(), b.URL(), 3, 20*time.Millisecond)
		if err != nil || r.Rounds == 0 || r.Name != k.Name || uint64(r.Took.Count) != r.Rounds || r.Rate <= 0 {
			t.Errorf("%s: %+v, %v", k.Name, r, err)
		}
	}
	b.WaitConnections(t, 0)
}

func TestAChurnThatIsRefusedSaysSo(t *testing.T) {
	b := brokertest.Start(t)
	b.Inject("queue.declare", brokertest.Refuse(406, "no"), brokertest.After(3))
	k := Churns()[1]
	if _, err := k.Run(t.Context(), b.URL(), 2, 0); err == nil || !strings.Contains(err.Error(), "queue-churn: closed by the broker: 406 PRECONDITION_FAILED - no") {
		t.Errorf("got %v", err)
	}
	if _, err := k.Run(t.Context(), b.URL(), 0, 0); !errors.As(err, new(LoadError)) {
		t.Errorf("got %v", err)
	}
}
