package storage

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// proc reads a number from a file of /proc/self.
func proc(b testing.TB, file, name string) int64 {
	b.Helper()
	text, err := os.ReadFile("/proc/self/" + file)
	if err != nil {
		b.Skip(err)
	}
	m := regexp.MustCompile(`(?m)^` + name + `:\s*(\d+)`).FindSubmatch(text)
	n, _ := strconv.ParseInt(string(m[1]), 10, 64)
	return n
}

// BenchmarkBacklog fills a queue and drains it: b.N messages of 1 KiB. It
// reports the bytes that the disk has got per byte of a message, and how much
// memory the process had at most.
func BenchmarkBacklog(b *testing.B) {
	const size = 1000
	o := Options{Dir: b.TempDir()}
	db, _, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	q := db.Queue(db.NewID())
	msg := make([]byte, size)
	device := func() int64 { return proc(b, "io", "write_bytes") - proc(b, "io", "cancelled_write_bytes") }
	written := device()
	anon := proc(b, "status", "RssAnon")
	var anonMax, fileMax int64
	b.ResetTimer()
	for seq := uint64(1); seq <= uint64(b.N); {
		db.Reserve(0)
		db.Begin()
		for range 500 {
			q.Append(Item{Seq: seq}, &text{b: msg})
			seq++
		}
		if err := db.Wait(db.End()); err != nil {
			b.Fatal(err)
		}
		if seq%50000 == 1 {
			anonMax = max(anonMax, proc(b, "status", "RssAnon"))
			fileMax = max(fileMax, proc(b, "status", "RssFile"))
		}
	}
	filled := b.Elapsed()
	archiveOf(db).rested()
	b.StopTimer()
	moved := archiveOf(db).live
	b.ReportMetric(float64(moved*size)/1e6/b.Elapsed().Seconds(), "MB-moved/s")
	b.ReportMetric(float64(b.N*size)/1e6/filled.Seconds(), "MB-filled/s")
	b.ReportMetric(float64(device()-written)/float64(b.N*size), "written/byte")
	b.ReportMetric(float64(moved)/float64(b.N), "moved")
	b.ReportMetric(float64(anonMax-anon)/1024, "anon-MiB")
	b.ReportMetric(float64(fileMax)/1024, "file-MiB")
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	start := time.Now()
	db, state, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(time.Since(start).Seconds(), "s-open")
	items := state.Queues[q.ID()]
	if len(items) < b.N {
		b.Fatalf("%d messages of %d", len(items), b.N)
	}
	start = time.Now()
	q = db.Queue(q.ID())
	for len(items) > 0 {
		n := min(1000, len(items))
		if err := db.Load(q.ID(), items[:n], func(int, []byte) {}); err != nil {
			b.Fatal(err)
		}
		db.Begin()
		q.Settle(Range{items[0].Seq, items[n-1].Seq})
		db.End()
		items = items[n:]
	}
	db.Begin()
	if err := db.Wait(db.End()); err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N*size)/1e6/time.Since(start).Seconds(), "MB-drained/s")
	archiveOf(db).rested()
	b.ReportMetric(float64(device()-written)/float64(b.N*size), "written-drained/byte")
	var left int64
	for _, sub := range []string{"fragments", "index"} {
		_ = filepath.Walk(filepath.Join(o.Dir, sub), func(_ string, info os.FileInfo, err error) error {
			if err == nil {
				left += info.Size()
			}
			return nil
		})
	}
	b.ReportMetric(float64(left)/(1<<20), "left-MiB")
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkCheckpoint moves b.N messages of 1 KiB to Badger, with nothing else
// going on.
func BenchmarkCheckpoint(b *testing.B) {
	const size = 1000
	o := Options{Dir: b.TempDir(), JournalSize: 2 * int64(b.N+100_000) * size}
	db, _, err := Open(o)
	if err != nil {
		b.Fatal(err)
	}
	q := db.Queue(db.NewID())
	msg := make([]byte, size)
	for seq := range uint64(b.N) {
		db.Begin()
		q.Append(Item{Seq: seq + 1}, &text{b: msg})
		if g := db.End(); seq%500 == 499 {
			if err := db.Wait(g); err != nil {
				b.Fatal(err)
			}
		}
	}
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
	o.JournalSize = minJournalSize
	if db, _, err = Open(o); err != nil {
		b.Fatal(err)
	}
	runtime.GC()
	a := archiveOf(db)
	began := cpuTime(b)
	b.ResetTimer()
	a.full()
	a.rested()
	b.StopTimer()
	moved := float64(a.live*size) / 1e6
	b.ReportMetric(moved/b.Elapsed().Seconds(), "MB/s")
	b.ReportMetric(moved/(cpuTime(b)-began).Seconds(), "MB/s-cpu")
	b.ReportMetric(float64(proc(b, "status", "RssAnon"))/1024, "anon-MiB")
	if err := db.Close(); err != nil {
		b.Fatal(err)
	}
}

// cpuTime is how long the process has had a processor.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
