package oracle

import (
	"context"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/storage"
)

// inProcess is leveret in this process.
type inProcess struct {
	dir    string // has the data, in one directory after the other; "": they are in memory
	life   int    // which of them
	broker *broker.Broker
	addr   string
	served chan error
}

// startBroker starts leveret, until the end of the test, with its data below
// dir or in memory.
func startBroker(t *testing.T, dir string) *inProcess {
	t.Helper()
	p := &inProcess{dir: dir, addr: "127.0.0.1:0"}
	if err := p.start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := p.stop(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return p
}

func (p *inProcess) start() (err error) {
	p.broker = broker.New(broker.Options{})
	if p.dir != "" {
		p.broker, err = broker.Open(broker.Options{
			DataDir: p.data(), Durability: storage.OS,
			PasswordHashing: broker.HashingSHA256, // bcrypt takes seconds with the race detector
		})
	}
	if err != nil {
		return err
	}
	listener, err := net.Listen("tcp", p.addr)
	if err != nil {
		return err
	}
	p.addr, p.served = listener.Addr().String(), make(chan error, 1)
	go func() { p.served <- p.broker.Serve(listener) }()
	return nil
}

func (p *inProcess) data() string { return filepath.Join(p.dir, strconv.Itoa(p.life)) }

func (p *inProcess) stop(ctx context.Context) error {
	return errors.Join(p.broker.Shutdown(ctx), <-p.served)
}

// restart is [Player.Restart]. For a kill, the next broker gets a copy of what
// the last one has written, for which it was given no occasion.
func (p *inProcess) restart(kill bool) error {
	if !kill {
		return errors.Join(p.stop(context.Background()), p.start())
	}
	old := p.data()
	p.life++
	if err := copyLive(p.data(), old); err != nil {
		return err
	}
	cut, cancel := context.WithCancel(context.Background())
	cancel()
	if err := p.stop(cut); !errors.Is(err, context.Canceled) {
		return err
	}
	return p.start()
}

// player plays to it.
func (p *inProcess) player() Player {
	return Player{Addr: p.addr, Restart: p.restart, SetPolicy: p.setPolicy, Operate: p.operate}
}

// copyLive copies a directory that is in use, in which names may come and go.
func copyLive(to, from string) error {
	for {
		err := os.CopyFS(to, os.DirFS(from))
		if !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.RemoveAll(to); err != nil {
			return err
		}
	}
}

// elsewhere is a RabbitMQ at -addr.
func elsewhere(kill bool) error {
	how := "stop"
	if kill {
		how = "kill"
	}
	out, err := exec.Command(*restarter, how).CombinedOutput()
	if err != nil {
		err = errors.Join(err, errors.New(string(out)))
	}
	return err
}

// oneCall is held while rabbitmqctl runs.
var oneCall sync.Mutex

// policyElsewhere is [Player.SetPolicy] for a RabbitMQ, if its rabbitmqctl is
// known.
func policyElsewhere() func(Policy) error {
	order := operateElsewhere()
	if order == nil {
		return nil
	}
	return func(p Policy) error { return order(policyWords(p)) }
}

// operateElsewhere is [Player.Operate] for a RabbitMQ, likewise: one call at a
// time.
func operateElsewhere() func(words []string) error {
	if *ctl == "" {
		return nil
	}
	return func(said []string) error {
		oneCall.Lock()
		defer oneCall.Unlock()
		words := strings.Fields(*ctl)
		out, err := exec.Command(words[0], append(words[1:], said...)...).CombinedOutput()
		if err == nil {
			return nil
		}
		return errors.New(strings.TrimPrefix(string(out), "Error:\n"))
	}
}

// policyWords is what rabbitmqctl is told.
func policyWords(p Policy) []string {
	kind := "policy"
	if p.Operator {
		kind = "operator_policy"
	}
	if p.Clear {
		return []string{"clear_" + kind, p.Name}
	}
	return []string{
		"set_" + kind, p.Name, p.Pattern, p.Definition,
		"--apply-to", p.ApplyTo, "--priority", strconv.Itoa(p.Priority),
	}
}
