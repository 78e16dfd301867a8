package storage

import (
	"bytes"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// permits is a Confirmer that lets so many messages be unconfirmed.
type permits chan struct{}

func (p permits) Durable(from, to uint64) {
	for ; from <= to; from++ {
		<-p
	}
}

// BenchmarkCommit has 8 goroutines append messages to queues of their own, a
// few in a unit, and settle them once they are confirmed.
func BenchmarkCommit(b *testing.B) {
	for _, durability := range []Durability{Disk, OS} {
		for _, size := range []int{100, 1024} {
			b.Run(fmt.Sprintf("%s/%dB", []string{"disk", "os"}[durability], size), func(b *testing.B) {
				benchmarkCommit(b, durability, size)
			})
		}
	}
}

func benchmarkCommit(b *testing.B, durability Durability, size int) {
	const goroutines, run, ahead = 8, 10, 2000
	db, _, err := Open(Options{Dir: b.TempDir(), Durability: durability})
	if err != nil {
		b.Fatal(err)
	}
	body := bytes.Repeat([]byte("x"), size)
	var todo atomic.Int64
	todo.Store(int64(b.N))
	b.SetBytes(int64(size))
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for range goroutines {
		all.Go(func() {
			q := db.Queue(db.NewID())
			p := make(permits, ahead)
			messages := make([]text, ahead+run)
			for seq := uint64(1); todo.Add(-run) > -run; seq += run {
				for range run {
					p <- struct{}{}
				}
				db.Reserve(0)
				db.Begin()
				for i := range uint64(run) {
					m := &messages[(seq+i)%uint64(len(messages))]
					*m = text{b: body}
					q.Append(Item{Seq: seq + i}, m)
				}
				if seq > ahead {
					q.Settle(Range{seq - ahead, seq - ahead + run - 1})
				}
				db.Confirm(p, seq, seq+run-1)
				db.End()
			}
		})
	}
	all.Wait()
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "msg/s")
}
