package amqp

import (
	"fmt"
	"io"
	"net"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// filler is a source of messages that fills an outbox as a queue does: until
// it is full, and again when it is told that there is room.
type filler struct {
	mu   sync.Mutex
	o    *Outbox
	left int
	size int
	some int // messages at a time; 0: as many as there is room for
	runs int
	done chan struct{}
}

func (f *filler) Drained(*Outbox) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.runs++
	var d Deliver
	d.Prepare(1, "t", "", "k")
	for n := 0; f.left > 0 && !f.o.Full(f); n++ {
		if f.some > 0 && n == f.some {
			return true
		}
		c := NewContent(Properties{0, 0}, make([]byte, f.size))
		batch := f.o.Batch()
		batch.Deliver(&d, uint64(f.left), false, &c, true, 131072)
		batch.End()
		f.left--
	}
	if f.left == 0 && f.done != nil {
		close(f.done)
		f.done = nil
	}
	return false
}

// A source that found the outbox full is told when there is room: nothing is
// left lying, whatever the writer does at that moment.
func TestOutboxWakesThoseWhoFoundItFull(t *testing.T) {
	for _, size := range []int{100, 4000, 100000, 2 << 20} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			near, far := net.Pipe()
			o := newOutbox(near)
			read := make(chan int64)
			go func() {
				n, _ := io.Copy(io.Discard, far)
				read <- n
			}()
			var fillers []*filler
			n := max(8, min(10000, 8<<20/size))
			for i := range 4 {
				fillers = append(fillers, &filler{o: o, left: n, size: size, some: i % 2 * 100, done: make(chan struct{})})
			}
			for _, f := range fillers {
				go func() {
					for f.Drained(f.o) {
					}
				}()
			}
			for _, f := range fillers {
				select {
				case <-f.doneChan():
				case <-time.After(time.Minute):
					t.Fatalf("%d messages are left, %d bytes pending", f.left, o.size.Load())
				}
			}
			o.close2(t)
			near.Close()
			<-read
			for _, f := range fillers {
				if f.some == 0 && size == 100 && f.runs > n/10 {
					t.Errorf("told %d times for %d messages", f.runs, n)
				}
			}
		})
	}
}

func (f *filler) doneChan() <-chan struct{} {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.done == nil {
		done := make(chan struct{})
		close(done)
		return done
	}
	return f.done
}

// Full takes each source once, and bounds what is pending.
func TestOutboxIsFull(t *testing.T) {
	s := newSink()
	s.proceed = make(chan struct{})
	o := newOutbox(s)
	f := &filler{o: o, left: 1 << 20, size: 1000}
	for range 3 {
		f.Drained(f.o)
	}
	if n := o.size.Load(); n < outboxHigh || n > outboxHigh+2000 {
		t.Errorf("%d bytes are pending, want %d", n, outboxHigh)
	}
	if n := len(o.waiting); n != 1 {
		t.Errorf("%d sources wait, want 1", n)
	}
	left := f.left
	f.mu.Lock()
	f.left = 0 // it has nothing more
	f.mu.Unlock()
	for o.size.Load() > 0 {
		select {
		case s.proceed <- struct{}{}:
		default:
			runtime.Gosched()
		}
	}
	o.close2(t)
	if f.runs != 4 {
		t.Errorf("told %d times with %d left, want once", f.runs-3, left)
	}
}

// drained panics when it is told that there is room.
type drained struct{}

func (drained) Drained(*Outbox) bool { panic("BUG: drained") }

// A panic of who is told that there is room costs the connection, and nothing
// else.
func TestOutboxOfADrainerThatPanics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := newSink()
		s.proceed = make(chan struct{})
		o := newOutbox(s)
		f := &filler{o: o, left: 1000, size: 100000}
		f.Drained(f.o)
		if !o.Full(drained{}) {
			t.Fatal("there is room")
		}
		for o.size.Load() < outboxBroken {
			s.proceed <- struct{}{}
			synctest.Wait()
		}
		<-s.closed
		o.close()
		if o.fault() == nil {
			t.Error("nothing is known of the panic")
		}
	})
}
