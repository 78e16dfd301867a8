package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"time"
)

// process is a leveret that was started here.
type process struct {
	broker broker
	cmd    *exec.Cmd
	data   string
	begun  time.Time
}

// begin starts leveret on an empty directory.
func (s storing) begin(ctx context.Context, what string) (*process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	fmt.Fprintln(os.Stderr, what)
	data, err := os.MkdirTemp(s.dir, "bench-store-")
	if err != nil {
		return nil, err
	}
	return s.start(ctx, data)
}

// again starts leveret on the directory of another one, which it ends.
func (s storing) again(ctx context.Context, p *process, kill bool) (*process, error) {
	if kill {
		_ = p.cmd.Process.Kill()
	}
	if err := p.end(); err != nil && !kill {
		return nil, err
	}
	return s.start(ctx, p.data)
}

func (s storing) start(ctx context.Context, data string) (*process, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &process{data: data, broker: broker{name: "leveret", addr: l.Addr().String()}}
	if err := l.Close(); err != nil {
		return nil, err
	}
	flags := append([]string{"serve", "--listen", p.broker.addr, "--data-dir", data, "--log-level", "warn"}, s.flags...)
	p.cmd = exec.CommandContext(ctx, s.binary, flags...)
	p.cmd.Stderr = os.Stderr
	p.begun = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	p.broker.pid = p.cmd.Process.Pid
	return p, p.awaitPort()
}

// awaitPort waits for the broker to listen.
func (p *process) awaitPort() error {
	for {
		nc, err := net.Dial("tcp", p.broker.addr)
		if err == nil {
			return nc.Close()
		}
		if time.Since(p.begun) > drainLimit {
			p.discard()
			return err
		}
		time.Sleep(200 * time.Microsecond)
	}
}

// end stops leveret.
func (p *process) end() error {
	_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended
	return p.cmd.Wait()
}

// discard stops leveret and removes its directory.
func (p *process) discard() {
	if err := errors.Join(p.end(), os.RemoveAll(p.data)); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

// calm waits until nothing has been written for a while.
func calm(p *process) {
	last, since := written(p.broker.pid), time.Now()
	for limit := time.Now().Add(time.Minute); time.Since(since) < 2*time.Second && time.Now().Before(limit); {
		time.Sleep(100 * time.Millisecond)
		if now := written(p.broker.pid); now != last {
			last, since = now, time.Now()
		}
	}
}

func directorySize(dir string) (size float64) {
	_ = filepath.WalkDir(dir, func(_ string, e fs.DirEntry, err error) error { // what goes meanwhile is none of it
		if err == nil && e.Type().IsRegular() {
			if info, err := e.Info(); err == nil {
				size += float64(info.Size())
			}
		}
		return nil
	})
	return size
}
