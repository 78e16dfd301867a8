package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/storage"
)

// unreadable is an error for which nothing can be said about a data directory.
// The process ends with 2, where damage that was found ends it with 1.
type unreadable struct{ error }

func (u unreadable) Unwrap() error { return u.error }

// unreadableError is for mistakes on the command line.
func unreadableError(_ *cli.Context, err error, _ bool) error { return unreadable{err} }

// inspect opens the data directory of a broker that is not running.
func inspect(dir string) (*broker.Inspection, error) {
	i, err := broker.Inspect(dir)
	var corrupt *storage.CorruptError
	switch {
	case errors.Is(err, storage.ErrInUse):
		return nil, unreadable{fmt.Errorf("a broker uses %s: stop it first", dir)}
	case errors.Is(err, os.ErrNotExist):
		return nil, unreadable{fmt.Errorf("%s is not a data directory: %w", dir, err)}
	case err != nil && !errors.As(err, &corrupt):
		return nil, unreadable{err}
	}
	return i, err
}

// check reads all that a broker has stored, and prints what there is and what
// is damaged.
func check(c *cli.Context) error {
	if c.NArg() != 1 {
		return unreadable{errors.New("want one argument, the data directory")}
	}
	dir := c.Args().First()
	i, err := inspect(dir)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(c.App.Writer)
	r := report{out: out, inspection: i}
	err = errors.Join(r.all(), out.Flush(), i.Close())
	switch {
	case err != nil:
		return unreadable{err}
	case r.damages > 0:
		return fmt.Errorf("%s is damaged in %d places", dir, r.damages)
	}
	return nil
}

// report is what leveret check prints.
type report struct {
	out        io.Writer
	inspection *broker.Inspection
	queues     int
	messages   int
	bytes      int64
	damages    int
}

func (r *report) all() error {
	for _, v := range r.inspection.Vhosts {
		fmt.Fprintf(r.out, "vhost %q: %d queues, %d exchanges, %d bindings\n", v.Name, len(v.Queues), v.Exchanges, v.Bindings)
		for _, q := range v.Queues {
			r.queues++
			if err := r.read("queue", v, q); err != nil {
				return err
			}
		}
		for _, x := range v.Delayed {
			if err := r.read("delayed in exchange", v, x); err != nil {
				return err
			}
		}
	}
	for _, d := range r.inspection.Damages {
		r.damage("%s", d)
	}
	stop := "stopped in order"
	if !r.inspection.Clean {
		stop = "not stopped in order: messages may have been delivered already"
	}
	fmt.Fprintf(r.out, "%d vhosts, %d queues, %d messages with %d bytes; %s\n",
		len(r.inspection.Vhosts), r.queues, r.messages, r.bytes, stop)
	if n := r.inspection.Lost; n > 0 {
		fmt.Fprintf(r.out, "up to %d messages are lost\n", n)
	}
	if r.damages == 0 {
		fmt.Fprintln(r.out, "no damage found")
	}
	return nil
}

// read reads all messages of a queue, or what else they are in.
func (r *report) read(what string, v broker.StoredVhost, q broker.StoredQueue) error {
	var bytes int64
	var lost gone
	name := fmt.Sprintf("%s %q of vhost %q", what, q.Name, v.Name)
	err := r.inspection.Messages(q, func(m broker.StoredMessage) error {
		if m.Err != nil {
			r.lost(name, lost.add(m))
			return nil
		}
		bytes += int64(len(m.Body))
		return nil
	})
	r.lost(name, lost.end())
	fmt.Fprintf(r.out, "  %s %q: %d messages, %d bytes", what, q.Name, q.Messages, bytes)
	if q.Lost > 0 {
		fmt.Fprintf(r.out, "; %d more are lost", q.Lost)
	}
	fmt.Fprintln(r.out)
	r.messages += q.Messages
	r.bytes += bytes
	return err
}

// lost prints messages that cannot be read.
func (r *report) lost(name string, g gone) {
	if g.count > 0 {
		r.damage("%s: %d messages, at positions %d to %d: %v", name, g.count, g.from, g.to, g.err)
	}
}

func (r *report) damage(format string, args ...any) {
	r.damages++
	fmt.Fprintf(r.out, "damage: "+format+"\n", args...)
}

// gone are messages, one behind the other, that cannot be read for the same
// reason.
type gone struct {
	from, to uint64
	count    int
	err      error
}

// add adds a message, and returns those before it if they are others.
func (g *gone) add(m broker.StoredMessage) (before gone) {
	if g.count > 0 && (g.to+1 != m.Position || g.err.Error() != m.Err.Error()) {
		before = g.end()
	}
	if g.count == 0 {
		g.from, g.err = m.Position, m.Err
	}
	g.to = m.Position
	g.count++
	return before
}

// end returns what was added.
func (g *gone) end() gone {
	all := *g
	*g = gone{}
	return all
}
