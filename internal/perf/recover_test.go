package perf

import (
	"context"
	"testing"
	"time"

	"github.com/leveretmq/leveret/broker/brokertest"
)

// The queue is gone with the broker, and declared again.
func TestConnectionsThatAreLostAreOpenedAgain(t *testing.T) {
	b := brokertest.Start(t)
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	l := Load{
		URIs: []string{b.URL()}, Producers: 2, Consumers: 2, ProducerChannels: 2, ConsumerChannels: 2, Confirm: 10, Rate: 1000,
		Topology: Topology{Queues: queues(2)}, Recover: time.Millisecond, Interval: time.Millisecond,
	}
	goes := make(chan struct{})
	var test *Test
	var afterwards int
	l.Report = func(s Sample) {
		if s.Received == 0 || s.Confirmed == 0 {
			return
		}
		if goes != nil {
			close(goes)
			goes = nil
		}
		if test.recovered.Load() >= 4 {
			if afterwards++; afterwards == 3 {
				interrupt()
			}
		}
	}
	test, err := Prepare(ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	first, done := goes, make(chan error)
	var r Result
	go func() {
		var err error
		r, err = test.Run(ctx)
		done <- err
	}()
	<-first
	b.Restart(t)
	if err := <-done; err != nil || r.Recovered < 4 {
		t.Errorf("%d connections came back, %v", r.Recovered, err)
	}
}

func TestATestEndsAlsoWhileItWaitsForTheBroker(t *testing.T) {
	b := brokertest.Start(t)
	l := Load{
		URIs: []string{b.URL()}, Producers: 1, Consumers: 1, Topology: Topology{Queues: queues(1)},
		Recover: time.Hour, Interval: time.Millisecond,
	}
	ctx, interrupt := context.WithCancel(t.Context())
	defer interrupt()
	goes := make(chan struct{}, 1)
	l.Report = func(s Sample) {
		if s.Received > 0 {
			select {
			case goes <- struct{}{}:
			default:
			}
		}
	}
	test, err := Prepare(ctx, l)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, err := test.Run(ctx)
		done <- err
	}()
	<-goes
	b.Stop(t)
	interrupt()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
