package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"sync"
	"time"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/internal/config"
	"github.com/leveretmq/leveret/internal/control"
	"github.com/leveretmq/leveret/internal/watch"
)

// limits are what raises alarms, which commands may change.
type limits struct {
	alarms
	dir string // empty: nothing is kept

	mu           sync.Mutex // guards what follows
	memory, disk config.Amount
	stop         map[broker.Alarm]func() // nil when the broker is closed
}

// watchLimits begins to watch what there is.
func watchLimits(a alarms, s settings) *limits {
	l := &limits{alarms: a, dir: s.options.DataDir, stop: map[broker.Alarm]func(){}}
	l.setMemory(s.memory)
	if l.dir != "" {
		l.setDisk(s.diskFree)
	}
	return l
}

func (l *limits) setMemory(to config.Amount) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.memory = to
	l.replace(broker.MemoryAlarm, func() func() { return l.watchMemory(to) })
}

func (l *limits) setDisk(to config.Amount) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.disk = to
	l.replace(broker.DiskAlarm, func() func() { return l.watchDisk(l.dir, to) })
}

// replace ends a watch, and begins another one. l.mu is held.
func (l *limits) replace(a broker.Alarm, begin func() (stop func())) {
	if l.stop == nil { // a command comes too late
		return
	}
	if stop := l.stop[a]; stop != nil {
		stop()
		l.broker.SetAlarm(a, false)
	}
	l.stop[a] = begin()
}

// close ends all watches.
func (l *limits) close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, stop := range l.stop {
		stop()
	}
	l.stop = nil
}

// resources are what is used now.
func (l *limits) resources() control.Resources {
	l.mu.Lock()
	defer l.mu.Unlock()
	total, _ := watch.TotalMemory() // 0: nobody knows
	r := control.Resources{
		Memory: watch.UsedMemory(), TotalMemory: total, MemoryLimit: l.memory.Of(total), MemorySetting: amountText(l.memory),
		DiskLimit: l.disk.Of(total),
	}
	if l.dir != "" {
		r.Disk, _ = watch.FreeDisk(l.dir) // 0 likewise
	}
	if files, err := os.ReadDir("/proc/self/fd"); err == nil {
		r.Files = uint64(len(files))
	}
	r.FileLimit = fileLimit()
	return r
}

func amountText(a config.Amount) string {
	if a.Part != 0 {
		return strconv.FormatFloat(a.Part, 'f', -1, 64)
	}
	return strconv.FormatUint(a.Bytes, 10)
}

// amount has a limit set as a command gives it.
func amount(set func(config.Amount)) func(string) error {
	return func(text string) error {
		a, ok := config.ParseAmount(text)
		if !ok {
			return &control.Error{Kind: control.Invalid, Text: "want a size such as 536870912, 512MiB or 1GB, or a part of the memory such as 0.6, got " + text}
		}
		set(a)
		return nil
	}
}

// openControl lets commands come in through a socket. A broker that keeps nothing
// goes without if another one has its place, and none was asked for.
func (s *server) openControl() (stop func(), err error) {
	path := s.socket
	if path == "" {
		path = control.Path(s.options.DataDir)
	}
	c, err := control.Listen(path, s.node())
	switch {
	case errors.Is(err, control.ErrInUse) && s.socket == "" && s.options.DataDir == "":
		s.log.Warn().Err(err).Msg("commands reach another broker: give this one a socket with --socket")
		return func() {}, nil
	case err != nil:
		return nil, fmt.Errorf("--socket: %w", err)
	}
	s.log.Debug().Msgf("commands come in through %s", path)
	return func() {
		if err := c.Close(); err != nil {
			s.log.Warn().Err(err).Msg("the socket for commands cannot be removed")
		}
	}, nil
}

// node is this process as commands see it.
func (s *server) node() *control.Node {
	return &control.Node{
		Name: control.NodeName(), Cluster: s.options.ClusterName, Version: buildVersion(), Server: s.options.Version,
		DataDir: s.options.DataDir, LogFiles: s.settings.log.names(), Started: time.Now(),
		App: s.shown.Load, StopApp: s.inTurn(s.stopApp), StartApp: s.inTurn(s.startApp), Reset: s.inTurn(s.reset), Stop: s.stop,
		SetLogLevel: s.setLogLevel, Settings: s.configuration, Certificates: s.certificates,
	}
}

// show completes what commands see of the app.
func (s *server) show(to *control.App) {
	a := s.app
	for _, d := range a.doors {
		to.Listeners = append(to.Listeners, d.listener())
	}
	to.Broker = a.broker
	to.Resources, to.SetMemoryLimit = a.limits.resources, amount(a.limits.setMemory)
	if s.options.DataDir != "" {
		to.SetDiskLimit = amount(a.limits.setDisk)
	}
	to.Export, to.Import = s.exporting(a.broker), s.importing(a.broker)
}

// listener is a door in RabbitMQ's words.
func (d door) listener() control.Listener {
	l := control.Listener{Protocol: "amqp", Purpose: "AMQP 0-9-1"}
	if d.kind != "TCP" {
		l.Protocol, l.Purpose = "amqp/ssl", "AMQP 0-9-1 over TLS"
	}
	host, port, _ := net.SplitHostPort(d.Addr().String())
	if d.host == "" {
		host = "::"
	}
	l.Interface = host
	if ip := net.ParseIP(host); ip != nil && ip.To4() == nil {
		l.Interface = "[" + host + "]"
	}
	l.Port, _ = strconv.Atoi(port)
	return l
}

// setLogLevel has the log show more or less.
func (s *server) setLogLevel(level string) error {
	if err := s.outputs.setLevel(level); err != nil {
		return &control.Error{Kind: control.Invalid, Text: err.Error()}
	}
	return nil
}

// configuration is that which holds, without secrets.
func (s *server) configuration() map[string]string {
	all := make(map[string]string)
	for _, v := range s.set.All() {
		all[v.Name] = v.Shown()
	}
	return all
}

// certificates are what listeners with TLS show.
func (s *server) certificates() ([]control.Certificate, error) {
	if s.certs == nil {
		return []control.Certificate{}, nil
	}
	c := s.certs.Certificate()
	return []control.Certificate{{
		File: s.tls.Cert, Subject: c.Subject.String(), Issuer: c.Issuer.String(), From: c.NotBefore, Until: c.NotAfter,
	}}, nil
}
