package crash

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"
)

// A disk that is full holds up publishers, and ends nothing. Consumers go on,
// which gives back room; and what was confirmed is there, whatever comes next.
func TestAFullDiskIsNoEnd(t *testing.T) {
	for _, c := range []struct {
		name  string
		mount func(*testing.T) string
		flags []string
		play  func(*fullDisk) error
	}{
		{"by the limit", tmpfs, []string{"--disk-free-limit", "80MiB"}, (*fullDisk).filled},
		{"by the store", tmpfs, []string{"--disk-free-limit", "0"}, (*fullDisk).filled},
		{"by others", tmpfs, []string{"--disk-free-limit", "0"}, (*fullDisk).crowded},
		{"by others on ext4", ext4, []string{"--disk-free-limit", "40MiB"}, (*fullDisk).crowded},
		{"at the end", tmpfs, []string{"--disk-free-limit", "0"}, (*fullDisk).stopped},
	} {
		t.Run(c.name, func(t *testing.T) {
			disk := c.mount(t)
			p := newPlan(t, append(c.flags, "--journal-size", "8MiB")...)
			t.Logf("seed %d", p.seed)
			r, err := p.newRound(0, filepath.Join(disk, "data"))
			if err != nil {
				t.Fatal(err)
			}
			defer r.log.Close()
			f := &fullDisk{round: r, ballast: filepath.Join(disk, "ballast"), told: make(chan bool, 1000)}
			if err := f.survive(c.play); err != nil {
				path, kept := r.keep()
				t.Errorf("%v\nlog %s\nhistory %s %v", err, r.log.Name(), path, kept)
			}
			t.Log(len(r.history.all()), "events")
		})
	}
}

// diskSize is that of the small file systems.
const diskSize = 192 << 20

// tmpfs mounts a small file system in memory.
func tmpfs(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprint("size=", diskSize)); err != nil {
		t.Skipf("SKIPPED: mounting is not allowed here: %v", err)
	}
	unmounted(t, dir)
	return dir
}

// ext4 mounts a small file system in a file.
func ext4(t *testing.T) string {
	t.Helper()
	dir, image := t.TempDir(), filepath.Join(t.TempDir(), "image")
	if err := os.WriteFile(image, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Truncate(image, diskSize); err != nil {
		t.Fatal(err)
	}
	for _, c := range [][]string{
		{"mkfs.ext4", "-q", "-F", "-m", "0", image},
		{"mount", "-o", "loop", image, dir},
	} {
		if out, err := exec.Command(c[0], c[1:]...).CombinedOutput(); err != nil {
			t.Skipf("SKIPPED: %v: %v %s", c, err, out)
		}
	}
	unmounted(t, dir)
	return dir
}

func unmounted(t *testing.T, dir string) {
	t.Helper()
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
}

// fullDisk is a round on a small file system.
type fullDisk struct {
	*round
	*life
	ballast string    // what somebody else has there
	told    chan bool // publishers, whether they are blocked
	short   bool      // there is an alarm
}

// survive goes through a life on the full disk, and looks at what is left.
func (f *fullDisk) survive(play func(*fullDisk) error) error {
	broker, err := f.up()
	if err != nil {
		return err
	}
	defer broker.kill()
	f.life = f.newLife(broker)
	if err := f.prepare(); err != nil {
		return err
	}
	for i, window := range windows {
		f.life.start(fmt.Sprint("publisher", i), f.filling(window))
	}
	err = play(f)
	f.expectEnd()
	broker.kill()
	if err := errors.Join(err, f.finish(), os.RemoveAll(f.ballast)); err != nil {
		return err
	}
	return errors.Join(f.drain(), f.judge())
}

// filled has publishers fill the disk, and consumers make room.
func (f *fullDisk) filled() error {
	if err := f.awaitBlocked(true); err != nil {
		return err
	}
	f.consume()
	if err := f.awaitBlocked(false); err != nil {
		return err
	}
	return f.awaitConfirms(100)
}

// crowded has somebody else take all there is, and give it back later.
func (f *fullDisk) crowded() error {
	f.consume()
	for range 2 {
		if err := f.awaitConfirms(500); err != nil {
			return err
		}
		if err := f.crowd(); err != nil {
			return err
		}
		if err := os.Remove(f.ballast); err != nil {
			return err
		}
		if err := f.awaitAlarm(false, nil); err != nil {
			return err
		}
	}
	return f.awaitConfirms(100)
}

// stopped asks the broker to stop when nothing is left.
func (f *fullDisk) stopped() error {
	if err := f.awaitConfirms(1500); err != nil {
		return err
	}
	if err := f.crowd(); err != nil {
		return err
	}
	f.expectEnd()
	if err := f.broker.stop(stopLimit); err != nil && f.broker.cmd.ProcessState.ExitCode() != 1 {
		return err
	}
	return nil
}

// crowd fills the disk to the last byte, and takes what is given back as well,
// until there is an alarm. The last of it goes at the speed of a disk: what is
// written to mapped files must find the room that was there a moment before.
func (f *fullDisk) crowd() error {
	file, err := os.Create(f.ballast)
	if err != nil {
		return err
	}
	defer file.Close()
	fill := func() error { return f.fill(file) }
	return errors.Join(fill(), f.awaitAlarm(true, fill), fill())
}

func (f *fullDisk) fill(file *os.File) error {
	for size := 1 << 20; size >= 512; {
		var is syscall.Statfs_t
		if err := syscall.Statfs(f.ballast, &is); err != nil {
			return err
		}
		if int64(is.Bavail)*is.Bsize < 24<<20 {
			size = min(size, 64<<10)
			f.broker.exitedWithin(time.Millisecond)
		}
		n, err := file.Write(make([]byte, size))
		switch {
		case err != nil && !errors.Is(err, syscall.ENOSPC):
			return err
		case n == 0:
			size /= 2
		}
	}
	return nil
}

// awaitAlarm waits until there is an alarm, or none.
func (f *fullDisk) awaitAlarm(want bool, meanwhile func() error) error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case f.short = <-f.broker.alarms:
			continue
		default:
		}
		if f.short == want {
			return nil
		}
		select {
		case f.short = <-f.broker.alarms:
		case <-f.broker.exited:
			return fmt.Errorf("the broker has ended by itself: %w", f.broker.ended())
		case <-limit.C:
			f.ask()
			return fmt.Errorf("for %v there was no change to an alarm: %v", patience, want)
		case <-time.After(10 * time.Millisecond):
			if meanwhile == nil {
				continue
			}
			if err := meanwhile(); err != nil {
				return err
			}
		}
	}
}

// ask has the broker say what it is doing, which ends it.
func (f *fullDisk) ask() {
	_ = f.broker.cmd.Process.Signal(syscall.SIGQUIT)
	f.broker.exitedWithin(time.Second)
}

// consume sets consumers to work, on connections of their own.
func (f *fullDisk) consume() {
	f.life.start("consumer0", taking(oneByOne, f.queues("w0", "w1")...))
	f.life.start("consumer1", taking(byTheDozen, f.queues("w1", "w2", "f0", "f1")...))
	f.life.start("consumer2", taking(byTheDozen, f.queues("w0", "w3", "f2", "t0")...))
}

// awaitBlocked waits until publishers are told that they are blocked, or that
// they are not.
func (f *fullDisk) awaitBlocked(want bool) error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	for {
		select {
		case blocked := <-f.told:
			if blocked == want {
				return nil
			}
		case <-f.broker.exited:
			return fmt.Errorf("the broker has ended by itself: %w", f.broker.ended())
		case <-limit.C:
			f.ask()
			return fmt.Errorf("nobody was told for %v whether publishers are blocked, want %v", patience, want)
		}
	}
}

// awaitConfirms waits for more confirms.
func (f *fullDisk) awaitConfirms(n int) error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-f.history.await(confirm, n):
		return nil
	case <-f.broker.exited:
		return fmt.Errorf("the broker has ended by itself: %w", f.broker.ended())
	case <-limit.C:
		f.ask()
		return fmt.Errorf("less than %d messages were confirmed in %v", n, patience)
	}
}

// filling publishes large messages, a window at a time, until the end.
func (f *fullDisk) filling(window int) func(*worker) error {
	return func(w *worker) error {
		go func(told <-chan amqp.Blocking) { // ends with the connection
			for b := range told {
				f.told <- b.Active
			}
		}(w.conn.NotifyBlocked(make(chan amqp.Blocking, 10)))
		ch, err := w.channel()
		if err != nil {
			return err
		}
		if err := ch.Confirm(false); err != nil {
			return err
		}
		s := &sender{worker: w, ch: ch, tokens: make(chan struct{}, window)}
		told := make(chan error)
		go func(confirms <-chan amqp.Confirmation) { told <- s.confirmed(confirms) }(ch.NotifyPublish(make(chan amqp.Confirmation, window)))
		for err == nil && s.goesOn() {
			select {
			case s.tokens <- struct{}{}:
				err = s.sendLarge()
			case <-s.ctx.Done():
			}
		}
		s.conn.Close() // ends the confirms
		return errors.Join(err, <-told)
	}
}

// sendLarge publishes a message of some ten kilobytes.
func (s *sender) sendLarge() error {
	to := s.targets[s.rand.IntN(len(s.targets))]
	id := s.publisher.next()
	m := compose(id, false)
	m.Body = bytes.Repeat(append(m.Body, '.'), 1+(16<<10)/(len(m.Body)+1))
	s.mu.Lock()
	s.sent = append(s.sent, sent{id: id})
	s.mu.Unlock()
	s.note(event{Kind: publish, Who: s.name, Unit: id, ID: id, Queues: to.queues, Hash: digest(to.exchange, to.key, m)})
	return s.ch.PublishWithContext(s.ctx, to.exchange, to.key, false, false, m)
}
