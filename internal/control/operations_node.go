package control

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"time"
)

var nodeOperations = map[string]operation{
	"ping":          func(*request) (any, error) { return nil, nil },
	"status":        status,
	"await_startup": awaitStartup,
	"stop":          func(q *request) (any, error) { return nil, call(q.Stop) },
	"listeners":     func(q *request) (any, error) { return q.listeners(), nil },
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
	"set_log_level":                func(q *request) (any, error) { return nil, with(q.SetLogLevel, q.get("level")) },
	"set_vm_memory_high_watermark": func(q *request) (any, error) { return nil, with(q.SetMemoryLimit, q.get("amount")) },
	"set_disk_free_limit":          func(q *request) (any, error) { return nil, with(q.SetDiskLimit, q.get("amount")) },
	"start_app":                    func(q *request) (any, error) { return nil, run(q.StartApp) },
	"stop_app":                     func(q *request) (any, error) { return nil, run(q.StopApp) },
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
		return nil, q.Import(q.get("only"), []byte(q.get("definitions")))
	},
}

func call(f func()) error {
	if f == nil {
		return cannot()
	}
	f()
	return nil
}

func run(f func() error) error {
	if f == nil {
		return cannot()
	}
	return f()
}

func with[T any](f func(T) error, argument T) error {
	if f == nil {
		return cannot()
	}
	return f(argument)
}

// awaitStartup returns when clients may connect.
func awaitStartup(q *request) (any, error) {
	select {
	case <-q.Ready:
		return nil, nil
	case <-q.Done():
		return nil, q.Err()
	}
}

// ready tells whether clients may connect.
func (n *Node) ready() bool {
	select {
	case <-n.Ready:
		return true
	default:
		return false
	}
}

func (n *Node) listeners() []Listener {
	if n.Listeners == nil {
		return []Listener{}
	}
	all := n.Listeners()
	for i := range all {
		all[i].Node = n.Name
	}
	return all
}

// Status is what there is to say of a node. Its keys are RabbitMQ's, as far as it
// has them.
type Status struct {
	PID     int      `json:"pid"`
	OS      string   `json:"os"`
	Uptime  int      `json:"uptime"` // seconds
	Running bool     `json:"is_running"`
	Stopped bool     `json:"is_stopped"` // by stop_app
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
		PID: os.Getpid(), OS: runtime.GOOS, Uptime: int(time.Since(q.Started) / time.Second), Running: q.ready(),
		Node: q.Name, Cluster: q.Cluster, Version: q.Server, Product: "leveret", Leveret: q.Version,
		Runtime: fmt.Sprintf("%s %s/%s", runtime.Version(), runtime.GOOS, runtime.GOARCH),
		Plugins: []string{}, DataDir: q.DataDir, ConfigFiles: orNone(q.ConfigFiles), LogFiles: orNone(q.LogFiles), Alarms: q.alarms(),
		Memory: memory(), Processes: Processes{runtime.NumGoroutine()}, Totals: q.totals(), Listeners: q.listeners(),
	}
	if q.Plugins != nil {
		s.Plugins = q.Plugins()
	}
	s.Files.Sockets = s.Totals.Connections
	if q.Resources != nil {
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

func (n *Node) alarms() []Alarm {
	all := []Alarm{}
	for _, a := range n.Broker.Alarms() {
		all = append(all, Alarm{n.Name, string(a), "resource_limit"})
	}
	return all
}

func (n *Node) totals() Totals {
	vhosts := n.Broker.Vhosts()
	t := Totals{Connections: len(n.Broker.ConnectionInfos()), Vhosts: len(vhosts)}
	for _, v := range vhosts {
		queues, _ := n.Broker.Queues(v) // none, if it is deleted meanwhile
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
