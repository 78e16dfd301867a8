package control

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"
)

// nodeOperations are about the process. Those of the broker in it are refused
// while that is stopped.
var nodeOperations = map[string]operation{
	"ping":          func(*request) (any, error) { return nil, nil },
	"app":           func(q *request) (any, error) { return State{Running: q.App != nil, Stopped: q.Node.App() == nil}, nil },
	"status":        status,
	"await_startup": awaitStartup,
	"stop":          func(q *request) (any, error) { return nil, call(q.Stop) },
	"start_app":     func(q *request) (any, error) { return nil, with(q.StartApp, q.Context) },
	"stop_app":      func(q *request) (any, error) { return nil, with(q.StopApp, q.Context) },
	"reset":         func(q *request) (any, error) { return nil, with(q.Reset, q.Context) },
	"certificates": func(q *request) (any, error) {
		if q.Certificates == nil {
			return []Certificate{}, nil
		}
		return q.Certificates()
	},
	"environment": func(q *request) (any, error) {
		if q.Settings == nil {
			return nil, cannot()
		}
		return q.Settings(), nil
	},
	"set_log_level": func(q *request) (any, error) { return nil, with(q.SetLogLevel, q.get("level")) },
}

var appOperations = map[string]operation{
	"listeners":                    func(q *request) (any, error) { return q.listeners(), nil },
	"set_vm_memory_high_watermark": func(q *request) (any, error) { return nil, with(q.SetMemoryLimit, q.get("amount")) },
	"set_disk_free_limit":          func(q *request) (any, error) { return nil, with(q.SetDiskLimit, q.get("amount")) },
	"export_definitions": func(q *request) (any, error) {
		if q.Export == nil {
			return nil, cannot()
		}
		b, err := q.Export(q.get("only"))
		return json.RawMessage(b), err
	},
	"import_definitions": func(q *request) (any, error) {
		if q.Import == nil {
			return nil, cannot()
		}
		return nil, q.Import(q.get("only"), []byte(q.get("definitions")), q.tell)
	},
}

func call(f func()) error {
	if f == nil {
		return cannot()
	}
	f()
	return nil
}

func with[T any](f func(T) error, argument T) error {
	if f == nil {
		return cannot()
	}
	return f(argument)
}

// awaitStartup returns when clients may connect. It does not wait for start_app.
func awaitStartup(q *request) (any, error) {
	app := q.Node.App()
	if app == nil {
		return nil, stopped()
	}
	select {
	case <-app.Booted:
	case <-q.Done():
		return nil, q.Err()
	}
	if app.Broker == nil {
		return nil, stopped()
	}
	return nil, nil
}

func (q *request) listeners() []Listener {
	if q.App == nil {
		return []Listener{}
	}
	all := slices.Clone(q.Listeners)
	for i := range all {
		all[i].Node = q.Name
	}
	return all
}

// State is whether clients may connect.
type State struct {
	Running bool `json:"is_running"`
	Stopped bool `json:"is_stopped"` // by stop_app
}

// Status is what there is to say of a node. Its keys are RabbitMQ's, as far as it
// has them.
type Status struct {
	State
	PID     int      `json:"pid"`
	OS      string   `json:"os"`
	Uptime  int      `json:"uptime"` // seconds
	Node    string   `json:"node"`
	Cluster string   `json:"cluster_name"`
	Version string   `json:"rabbitmq_version"` // that clients are told
	Product string   `json:"product_name"`
	Leveret string   `json:"product_version"`
	Runtime string   `json:"erlang_version"` // that of Go: clients expect some
	Plugins []string `json:"active_plugins"`

	DataDir     string   `json:"data_directory"`
	ConfigFiles []string `json:"config_files"`
	LogFiles    []string `json:"log_files"`
	Alarms      []Alarm  `json:"alarms"`

	Memory        map[string]uint64 `json:"memory"` // what uses how many bytes
	MemoryTotal   uint64            `json:"memory_total"`
	MemoryLimit   uint64            `json:"vm_memory_high_watermark_limit"`
	MemorySetting string            `json:"vm_memory_high_watermark_setting"`
	DiskFree      uint64            `json:"disk_free"`
	DiskLimit     uint64            `json:"disk_free_limit"`

	Files     Files      `json:"file_descriptors"`
	Processes Processes  `json:"processes"`
	Totals    Totals     `json:"totals"`
	Listeners []Listener `json:"listeners"`
}

// Alarm is one that is raised.
type Alarm struct {
	Node     string `json:"node"`
	Resource string `json:"resource"` // memory or disk
	Type     string `json:"type"`
}

// Files are the file descriptors that the process has.
type Files struct {
	Used    uint64 `json:"total_used"`
	Limit   uint64 `json:"total_limit"`
	Sockets int    `json:"sockets_used"`
}

// Processes are goroutines.
type Processes struct {
	Used int `json:"used"`
}

// Totals are how much of everything there is.
type Totals struct {
	Connections int `json:"connection_count"`
	Queues      int `json:"queue_count"`
	Vhosts      int `json:"virtual_host_count"`
}

func status(q *request) (any, error) {
	s := Status{
		State: State{Running: q.App != nil, Stopped: q.Node.App() == nil},
		PID:   os.Getpid(), OS: runtime.GOOS, Uptime: int(time.Since(q.Started) / time.Second),
		Node: q.Name, Cluster: q.Cluster, Version: q.Server, Product: "leveret", Leveret: q.Version,
		Runtime: fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH),
		Plugins: []string{}, DataDir: q.DataDir, ConfigFiles: orNone(q.ConfigFiles), LogFiles: orNone(q.LogFiles), Alarms: q.alarms(),
		Memory: memory(), Processes: Processes{runtime.NumGoroutine()}, Totals: q.totals(), Listeners: q.listeners(),
	}
	if q.Plugins != nil {
		s.Plugins = q.Plugins()
	}
	s.Files.Sockets = s.Totals.Connections
	if q.App != nil && q.Resources != nil {
		r := q.Resources()
		s.MemoryTotal, s.MemoryLimit, s.MemorySetting = r.Memory, r.MemoryLimit, r.MemorySetting
		s.DiskFree, s.DiskLimit, s.Files.Used, s.Files.Limit = r.Disk, r.DiskLimit, r.Files, r.FileLimit
	}
	return &s, nil
}

func orNone(all []string) []string {
	if all == nil {
		return []string{}
	}
	return all
}

func (q *request) alarms() []Alarm {
	all := []Alarm{}
	if q.App == nil {
		return all
	}
	for _, a := range q.Broker.Alarms() {
		all = append(all, Alarm{q.Name, string(a), "resource_limit"})
	}
	return all
}

func (q *request) totals() (t Totals) {
	if q.App == nil {
		return t
	}
	vhosts := q.Broker.Vhosts()
	t = Totals{Connections: len(q.Broker.ConnectionInfos()), Vhosts: len(vhosts)}
	for _, v := range vhosts {
		queues, _ := q.Broker.Queues(v) // none, if it is deleted meanwhile
		t.Queues += len(queues)
	}
	return t
}

// memory is what the memory of the process is for, in bytes.
func memory() map[string]uint64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return map[string]uint64{
		"heap_in_use": m.HeapInuse,
		"heap_idle":   m.HeapIdle - m.HeapReleased,
		"stacks":      m.StackInuse,
		"runtime":     m.MSpanInuse + m.MCacheInuse + m.GCSys + m.OtherSys,
		"profiling":   m.BuckHashSys,
	}
}
