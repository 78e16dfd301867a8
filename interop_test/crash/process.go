package crash

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// patience is how long is waited for what must come.
const patience = 30 * time.Second

// process is a broker.
type process struct {
	cmd    *exec.Cmd
	ready  chan struct{} // closed when it has said that it is ready
	exited chan struct{} // closed when it has ended
	alarms chan bool     // whether it is short of disk, as it changes
	addr   string        // where it listens; of a process that is ready
	err    error         // how it has ended
	last   string        // what it said last; of a process that has ended
	loud   bool          // it has told of an error; likewise
}

// launch starts a broker, whose output goes to log.
func launch(log io.Writer, name string, args ...string) (*process, error) {
	p := &process{cmd: exec.Command(name, args...), ready: make(chan struct{}), exited: make(chan struct{}), alarms: make(chan bool, 1000)}
	p.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r, w, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.cmd.Stdout, p.cmd.Stderr = w, w
	err = p.cmd.Start()
	w.Close()
	if err != nil {
		r.Close()
		return nil, err
	}
	go func() {
		defer close(p.exited)
		defer r.Close()
		p.scan(r, log)
		p.err = p.cmd.Wait()
	}()
	return p, nil
}

// scan copies what a broker says, up to its end.
func (p *process) scan(r io.Reader, log io.Writer) {
	ready := false
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadString('\n')
		fmt.Fprintf(log, "%s %s", time.Now().Format("05.000000"), line)
		if line != "" {
			p.last = strings.TrimSpace(line)
			p.loud = p.loud || strings.Contains(line, " ERR ") || strings.HasPrefix(line, "leveret: ")
		}
		if _, addr, found := strings.Cut(strings.TrimSpace(line), "started TCP listener on "); found {
			p.addr = addr
		}
		if _, change, found := strings.Cut(line, "disk resource limit alarm "); found {
			p.alarms <- strings.HasPrefix(change, "set")
		}
		if !ready && strings.Contains(line, "Server startup complete") {
			ready = true
			close(p.ready)
		}
		if err != nil {
			return
		}
	}
}

// awaitReady returns when the broker is ready.
func (p *process) awaitReady() error {
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-p.ready:
		return nil
	case <-p.exited:
		return fmt.Errorf("the broker has ended while it started: %w", p.ended())
	case <-limit.C:
		_ = p.cmd.Process.Signal(syscall.SIGQUIT)
		return fmt.Errorf("the broker was not ready after %v", patience)
	}
}

// ended is how a broker that has ended did so.
func (p *process) ended() error {
	if p.err == nil {
		return fmt.Errorf("exit status 0, after: %s", p.last)
	}
	return fmt.Errorf("%w, after: %s", p.err, p.last)
}

// kill ends the broker at once, and who watches it.
func (p *process) kill() {
	_ = syscall.Kill(-p.cmd.Process.Pid, syscall.SIGKILL)
	<-p.exited
}

// stop asks the broker to end, and waits for as long as limit.
func (p *process) stop(limit time.Duration) error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-p.exited:
		if p.err != nil {
			return fmt.Errorf("after SIGTERM the broker ended with %w", p.err)
		}
		return nil
	case <-timer.C:
		_ = p.cmd.Process.Signal(syscall.SIGQUIT) // it says what it is doing
		<-p.exited
		return fmt.Errorf("the broker was still there %v after SIGTERM", limit)
	}
}
