package broker

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"path/filepath"
	"sync"
	"testing"

	"github.com/leveretmq/leveret/amqp"
	"github.com/leveretmq/leveret/storage"
)

// durably opens a broker with a store in a directory of its own.
func durably(t testing.TB) (*Broker, string) { return durablyWith(t, Options{}) }

func durablyWith(t testing.TB, o Options) (*Broker, string) {
	t.Helper()
	dir := t.TempDir()
	o.DataDir, o.Durability = dir, storage.OS
	b, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		b.vhosts.get("/").pager.close() // it may be another one
		if err := b.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return b, dir
}

// declareDurable declares a durable queue that is stored.
func (p *peer) declareDurable(b *Broker, name string) *queue {
	p.t.Helper()
	p.do(1, &amqp.QueueDeclare{Queue: name, Durable: true})
	return queueOf(b, name)
}

// wheel is what bodies are cut from: byte i is byte(i).
var wheel = func() (w [1<<20 + 256]byte) {
	for i := range w {
		w[i] = byte(i)
	}
	return w
}()

// restOf is what a body of a size has behind the number of its message.
func restOf(n, size int) []byte { return wheel[(n+8)%256:][:size-8] }

// bodyOf is the body of a message that says which it is, of a size.
func bodyOf(n, size int) []byte {
	return append(binary.BigEndian.AppendUint64(make([]byte, 0, size), uint64(n)), restOf(n, size)...)
}

// checkBody returns which message a body is of, and fails if it is not all its.
func checkBody(t testing.TB, body []byte) int {
	t.Helper()
	n := int(binary.BigEndian.Uint64(body))
	if !bytes.Equal(body[8:], restOf(n, len(body))) {
		t.Fatalf("message %d has another body", n)
	}
	return n
}

// fill publishes messages from to to-1 of a size to a queue.
func (p *peer) fill(queue string, mode uint8, from, to, size int) {
	p.t.Helper()
	p.fillRanked(queue, amqp.BasicProperties{DeliveryMode: mode}, from, to, size)
}

// told is closed when the committer has come so far.
type told chan struct{}

func (c told) Durable(_, _ uint64) { close(c) }

// quiesce waits until all that was appended is stored, and the pager has done what
// follows from it.
func quiesce(b *Broker) {
	p := b.vhosts.get("/").pager
	for quiet := 0; quiet < 2; quiet++ { // twice: the pager may have asked the committer for word
		c := make(told)
		b.store.Begin()
		b.store.Confirm(c, 0, 0)
		b.store.End()
		<-c
		// A queue that has to wait for its first message, which is none, is the
		// last in the pager's line.
		last := &queue{vhost: b.vhosts.get("/"), settings: settingsOf(classicQueue, nil, rule{})}
		last.ready.away, last.ready.absent = new(block), 1
		_ = last.awaitHead()
		p.mu.Lock()
		if p.asking.len() > 0 { // again, for a further turn
			quiet = -1
		}
		p.mu.Unlock()
	}
}

// loaded is what a queue has in memory.
func (q *queue) loaded() int {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.ready.loaded()
}

const kib = 1024

// take reads n deliveries one by one, which must be messages from on in order,
// and acknowledges them.
func (p *peer) takeInOrder(from, n int) {
	p.t.Helper()
	for i := from; i < from+n; i++ {
		_, m := p.NextMethod()
		d, ok := m.(*amqp.BasicDeliver)
		if !ok {
			p.t.Fatalf("got %s, want message %d", m.ID(), i)
		}
		if got := checkBody(p.t, p.content()); got != i {
			p.t.Fatalf("got message %d, want %d", got, i)
		}
		if i%100 == 99 || i == from+n-1 {
			p.SendMethods(1, &amqp.BasicAck{DeliveryTag: d.DeliveryTag, Multiple: true})
		}
	}
}

func TestALongBacklogIsDrainedInOrder(t *testing.T) {
	for mode, kind := range map[uint8]string{1: "transient", 2: "persistent"} {
		t.Run(kind, func(t *testing.T) {
			b, dir := durably(t)
			p := connect(t, b, 1)
			q := p.declareDurable(b, "q")
			n := fewer(200_000, map[uint8]int{1: 80_000, 2: 50_000}[mode])
			p.fill("q", mode, 0, n, kib)
			quiesce(b)
			most := map[uint8]int{1: pageFrom + 8<<20, 2: 32 << 20}[mode]
			if got := q.loaded(); got > most {
				t.Errorf("%d bytes of the backlog are in memory, want %d at most", got, most)
			}
			p.do(1, &amqp.BasicQos{PrefetchCount: 1000})
			p.consume(1, "q", "k", false)
			p.takeInOrder(0, n)
			p.sync()
			checkEmpty(t, b, dir, "q")
		})
	}
}

// checkEmpty checks that nothing is left of the messages of a queue.
func checkEmpty(t *testing.T, b *Broker, dir, queue string) {
	t.Helper()
	quiesce(b)
	if n, bytes := waiting(b, queue); n != 0 || bytes != 0 {
		t.Errorf("%d messages of %d bytes are left", n, bytes)
	}
	if n := b.vhosts.get("/").pager.loaded.Load(); n != 0 {
		t.Errorf("%d bytes are counted in memory, none are there", n)
	}
	if pieces, _ := filepath.Glob(filepath.Join(dir, "pages", "*")); len(pieces) > 1 {
		t.Errorf("%q are left of the page file, want one piece at most", pieces)
	}
}

// press has the windows be small, as if much were in memory.
func press(t testing.TB, b *Broker) {
	p := b.vhosts.get("/").pager
	const much = 1 << 30
	p.loaded.Add(much)
	t.Cleanup(func() { p.loaded.Add(-much) })
	if w := p.window(); w != least {
		t.Fatalf("under pressure the windows are %d bytes", w)
	}
}

// Their places become known only when the publisher has long done.
func TestMessagesLeaveMemoryOnceTheyAreStored(t *testing.T) {
	for mode, kind := range map[uint8]string{1: "transient", 2: "persistent"} {
		t.Run(kind, func(t *testing.T) {
			b, _ := durably(t)
			press(t, b)
			p := connect(t, b, 1)
			q := p.declareDurable(b, "q")
			p.fill("q", mode, 0, 900, kib)
			quiesce(b)
			if got := q.loaded(); got > 2*least {
				t.Errorf("%d bytes are in memory, want %d at most", got, 2*least)
			}
			for i := range 900 {
				body, redelivered, _ := p.get("q")
				if got := checkBody(t, []byte(body)); got != i || redelivered {
					t.Fatalf("got message %d, redelivered %t, want %d", got, redelivered, i)
				}
			}
			if _, _, tag := p.get("q"); tag != 0 {
				t.Error("there is more than was published")
			}
		})
	}
}

// Of the messages of a block some are stored, and the others nowhere on disk yet.
func TestMixedMessagesLeaveMemory(t *testing.T) {
	b, _ := durably(t)
	press(t, b)
	p := connect(t, b, 1)
	q := p.declareDurable(b, "q")
	for i := range 300 {
		p.fill("q", uint8(1+i%2), i, i+1, kib)
	}
	quiesce(b)
	if got := q.loaded(); got > 2*least {
		t.Errorf("%d bytes are in memory, want %d at most", got, 2*least)
	}
	p.do(1, &amqp.BasicQos{PrefetchCount: 100})
	p.consume(1, "q", "k", false)
	p.takeInOrder(0, 300)
}

// What came back stays in memory, and does not drive out what comes later one by
// one.
func TestMessagesThatCameBackLeaveRoomForOthers(t *testing.T) {
	b, _ := durably(t)
	press(t, b)
	p := connect(t, b, 2)
	q := p.declareDurable(b, "q")
	p.fill("q", 2, 0, 100, kib)
	p.consume(2, "q", "k", false)
	p.await(100)
	p.do(2, &amqp.ChannelClose{})
	for i := 100; i < 200; i++ {
		p.fill("q", 2, i, i+1, kib)
		quiesce(b)
	}
	blocks := 0
	q.mu.Lock()
	for b := q.ready.head; b != nil; b = b.next {
		blocks++
	}
	q.mu.Unlock()
	if blocks > 20 {
		t.Errorf("100 messages are in %d blocks", blocks)
	}
}

func TestManyQueuesTogetherTakeLittleMemory(t *testing.T) {
	b, _ := durably(t)
	p := connect(t, b, 1)
	const queues, each = 300, 400
	for _, name := range tags("q", queues) {
		p.declareDurable(b, name)
		p.fill(name, 2, 0, each, kib)
	}
	quiesce(b)
	total, counted := 0, b.vhosts.get("/").pager.loaded.Load()
	for _, name := range tags("q", queues) {
		total += queueOf(b, name).loaded()
	}
	if total > 6*halveAt || int64(total) != counted {
		t.Errorf("%d bytes of %d are in memory, %d are counted", total, queues*each*kib, counted)
	}
}

func TestPurgeAndDeleteForgetWhatIsOnDisk(t *testing.T) {
	for mode, kind := range map[uint8]string{1: "transient", 2: "persistent"} {
		t.Run(kind, func(t *testing.T) {
			b, dir := durably(t)
			press(t, b)
			p := connect(t, b, 1)
			p.declareDurable(b, "q")
			n := fewer(40_000, 20_000)
			p.fill("q", mode, 0, n, kib)
			quiesce(b)
			if ok, _ := p.do(1, &amqp.QueuePurge{Queue: "q"}).(*amqp.QueuePurgeOk); int(ok.MessageCount) != n {
				t.Errorf("purged %d messages, want %d", ok.MessageCount, n)
			}
			p.fill("q", mode, n, 2*n, kib)
			if body, _, _ := p.get("q"); checkBody(t, []byte(body)) != n {
				t.Error("a message that was purged is there")
			}
			quiesce(b)
			if ok, _ := p.do(1, &amqp.QueueDelete{Queue: "q"}).(*amqp.QueueDeleteOk); int(ok.MessageCount) != n-1 {
				t.Errorf("deleted with %d messages, want %d", ok.MessageCount, n-1)
			}
			p.declareDurable(b, "q")
			b.vhosts.get("/").pager.loaded.Add(-1 << 30)
			checkEmpty(t, b, dir, "q")
			b.vhosts.get("/").pager.loaded.Add(1 << 30)
		})
	}
}

func TestMessagesThatAreGivenBackComeBeforeThoseOnDisk(t *testing.T) {
	b, _ := durably(t)
	press(t, b)
	p := connect(t, b, 2)
	p.declareDurable(b, "q")
	const n, out = 5000, 1500
	p.fill("q", 2, 0, n, kib)
	p.do(1, &amqp.BasicQos{PrefetchCount: out})
	p.consume(1, "q", "k", false)
	var got []delivered
	for len(got) < out {
		got = append(got, p.take()...)
	}
	p.do(1, &amqp.BasicCancel{ConsumerTag: "k"})
	p.SendMethods(1, &amqp.BasicNack{DeliveryTag: got[out-1].tag, Multiple: true, Requeue: true})
	p.sync()
	quiesce(b)
	for i := range n {
		body, redelivered, _ := p.get("q")
		if got := checkBody(t, []byte(body)); got != i || redelivered != (i < out) {
			t.Fatalf("got message %d, redelivered: %t, want %d", got, redelivered, i)
		}
	}
}

func TestSeveralQueuesAreReadAtOnce(t *testing.T) {
	b, _ := durably(t)
	press(t, b)
	const queues, n = 4, 8000
	filler := connect(t, b, 1)
	for _, name := range tags("q", queues) {
		filler.declareDurable(b, name)
		filler.fill(name, 2, 0, n/2, kib)
	}
	var done sync.WaitGroup
	for _, name := range tags("q", queues) {
		p := connect(t, b, 1)
		p.do(1, &amqp.BasicQos{PrefetchCount: 300})
		done.Go(func() {
			p.SendMethods(1, &amqp.BasicConsume{Queue: name, ConsumerTag: "k", NoWait: true})
			p.takeInOrder(0, n)
		})
	}
	for _, name := range tags("q", queues) {
		filler.fill(name, 2, n/2, n, kib)
	}
	done.Wait()
}

// faulty are bodies that cannot be read at once.
type faulty struct {
	*storage.DB
	gate chan struct{} // nothing is read before it is closed
	err  error
	lose bool // nothing is read at all
}

func (f *faulty) Load(queue uint64, items []storage.Item, each func(i int, b []byte)) error {
	if len(items) == 0 { // of quiesce
		return nil
	}
	if <-f.gate; f.lose || f.err != nil {
		return f.err
	}
	return f.DB.Load(queue, items, each)
}

// withFaults has a broker read bodies from f, and returns what the pager fails
// with.
func withFaults(t *testing.T, b *Broker, f *faulty) <-chan error {
	f.DB, f.gate = b.store, make(chan struct{})
	v := b.vhosts.get("/")
	v.pager.close()
	failed := make(chan error, 1)
	v.pager = newPager(f, func(err error) { failed <- err })
	press(t, b)
	return failed
}

// A consumer that waits for a disk holds up nobody else.
func TestPublishersDoNotWaitForADisk(t *testing.T) {
	b, _ := durably(t)
	f := &faulty{}
	withFaults(t, b, f)
	p, k := connect(t, b, 1), connect(t, b, 1)
	p.declareDurable(b, "q")
	p.fill("q", 2, 0, 3000, kib)
	quiesce(b)
	k.do(1, &amqp.BasicQos{PrefetchCount: 100})
	k.consume(1, "q", "k", false)
	p.fill("q", 2, 3000, 6000, kib) // while what k gets cannot be read
	close(f.gate)
	k.takeInOrder(0, 6000)
}

func TestWhatCannotBeReadFails(t *testing.T) {
	broken := errors.New("the disk is broken")
	for name, f := range map[string]*faulty{"with an error": {err: broken}, "without a trace": {lose: true}} {
		t.Run(name, func(t *testing.T) {
			b, _ := durably(t)
			failed := withFaults(t, b, f)
			close(f.gate)
			p := connect(t, b, 1)
			p.declareDurable(b, "q")
			p.fill("q", 2, 0, 100, 16*kib)
			quiesce(b)
			p.SendMethods(1, &amqp.BasicGet{Queue: "q"})
			if _, m := p.NextMethod(); m.ID() != (&amqp.ConnectionClose{}).ID() {
				t.Errorf("basic.get is answered by %s", m.ID())
			}
			if err := <-failed; err == nil || f.err != nil && !errors.Is(err, broken) {
				t.Errorf("failed with %v", err)
			}
		})
	}
}

// CHAN-21: with drain, a consumer uses its credit for what is on disk before the
// rest of it is taken back.
func TestADrainedConsumerGetsWhatIsOnDisk(t *testing.T) {
	b, _ := durably(t)
	press(t, b)
	p := connect(t, b, 1)
	p.consume(1, p.declareDurable(b, "q").name, "k", true)
	p.call(1, &amqp.BasicCredit{ConsumerTag: "k"})
	p.fill("q", 2, 0, 800, kib)
	quiesce(b)
	for _, n := range []int{600, 200} {
		p.call(1, &amqp.BasicCredit{ConsumerTag: "k", Credit: 600, Drain: true})
		if got := len(p.take()); got != n {
			t.Errorf("%d messages came, want %d", got, n)
		}
	}
	p.fill("q", 2, 800, 801, kib)
	if got := len(p.take()); got != 0 {
		t.Error("the rest of the credit was kept")
	}
}

// reading are bodies that are being read once began is closed.
type reading struct {
	bodies
	began chan struct{}
}

func (r *reading) Load(_ uint64, _ []storage.Item, each func(i int, b []byte)) error {
	close(r.began)
	each(0, []byte("damaged"))
	return nil
}

// What expires, or is too much, goes while the pager reads it. The race detector
// sees whether it may.
func TestMessagesAreDroppedWhileTheyAreRead(t *testing.T) {
	b, _ := durably(t)
	press(t, b)
	p := connect(t, b, 1)
	q := p.declareDurable(b, "q")
	p.fill("q", 2, 0, 3000, kib)
	quiesce(b)
	q.mu.Lock()
	for q.ready.available() > 0 {
		q.ready.pop()
	}
	away, size := q.ready.away, q.ready.away.size
	q.mu.Unlock()
	r := &reading{began: make(chan struct{})}
	var done sync.WaitGroup
	done.Go(func() { _, _, _ = (&pager{store: r}).read(q, away) })
	<-r.began
	q.mu.Lock()
	q.ready.dropFirst()
	left := away.size
	q.mu.Unlock()
	done.Wait()
	if left >= size {
		t.Errorf("%d bytes are left of %d", left, size)
	}
}
