package rabbitmqctl

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/leveretmq/leveret/internal/control"
)

// statusOf is the broker's answer to status.
func statusOf(answer json.RawMessage) (s control.Status) {
	_ = json.Unmarshal(answer, &s) // ours: what is not there stays empty
	return s
}

// sections puts a text together from parts with a title each.
type sections struct{ strings.Builder }

func (b *sections) title(t string) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, "\x1b[1m%s\x1b[0m\n\n", t)
}

func (b *sections) line(format string, args ...any) { fmt.Fprintf(b, format+"\n", args...) }

// list writes an item a line, or that there is none.
func (b *sections) list(items []string, bullet string) {
	for _, i := range items {
		b.line("%s%s", bullet, i)
	}
}

func status(r *run, answer json.RawMessage) outcome {
	s := statusOf(answer)
	var b sections
	b.title("Runtime")
	b.line("OS PID: %d\nOS: %s\nUptime (seconds): %d\nIs under maintenance?: false", s.PID, s.OS, s.Uptime)
	b.line("RabbitMQ version: %s\nNode name: %s\nProduct: %s %s\nRuntime: %s", s.Version, s.Node, s.Product, s.Leveret, s.Runtime)
	b.line("Goroutines: %d", s.Processes.Used)
	b.title("Plugins")
	b.line("Enabled plugins:\n")
	b.list(pluginsThere(), " * ")
	b.title("Data directory")
	b.line("Node data directory: %s", or(s.DataDir, "(none)"))
	b.title("Config files")
	b.list(s.ConfigFiles, " * ")
	b.title("Log file(s)")
	b.list(s.LogFiles, " * ")
	b.title("Alarms")
	b.WriteString(or(strings.Join(alarmTexts(s), "\n"), "(none)") + "\n")
	b.title("Memory")
	u := unitOf(r)
	b.line("Total memory used: %s\nCalculation strategy: rss", u.of(s.MemoryTotal))
	b.line("Memory high watermark setting: %s, computed to: %s\n", memorySetting(s), u.of(s.MemoryLimit))
	b.list(breakdown(s, u, " %"), "")
	b.title("File Descriptors")
	b.line("Total: %d, limit: %d\nSockets: %d", s.Files.Used, s.Files.Limit, s.Files.Sockets)
	b.title("Free Disk Space")
	b.line("Low free disk space watermark: %s\nFree disk space: %s", u.of(s.DiskLimit), u.of(s.DiskFree))
	b.title("Totals")
	b.line("Connection count: %d\nQueue count: %d\nVirtual host count: %d", s.Totals.Connections, s.Totals.Queues, s.Totals.Vhosts)
	b.title("Listeners")
	b.list(listenerTexts(s), "")
	return outcome{text: strings.TrimRight(b.String(), "\n"), json: answer}
}

func memorySetting(s control.Status) string {
	if strings.Trim(s.MemorySetting, "0123456789.") == "" && strings.Contains(s.MemorySetting, ".") {
		return s.MemorySetting + " of available memory"
	}
	return s.MemorySetting
}

func clusterStatus(_ *run, answer json.RawMessage) outcome {
	s := statusOf(answer)
	var b sections
	b.title("Basics")
	b.line("Cluster name: %s", s.Cluster)
	b.title("Disk Nodes")
	b.line("%s", s.Node)
	b.title("Running Nodes")
	b.line("%s", s.Node)
	b.title("Versions")
	b.line("%s: %s %s on %s", s.Node, "RabbitMQ", s.Version, s.Runtime)
	b.title("Maintenance status")
	b.line("Node: %s, status: not under maintenance", s.Node)
	b.title("Alarms")
	b.WriteString(or(strings.Join(alarmTexts(s), "\n"), "(none)") + "\n")
	b.title("Network Partitions")
	b.line("(none)")
	b.title("Listeners")
	for _, l := range s.Listeners {
		b.line("Node: %s, %s", s.Node, strings.Replace(listenerText(l), "Interface", "interface", 1))
	}
	b.title("Feature flags")
	for _, name := range featureNames {
		b.line("Flag: %s, state: enabled", name)
	}
	return outcome{text: strings.TrimRight(b.String(), "\n"), json: map[string]any{
		"cluster_name": s.Cluster, "disk_nodes": []string{s.Node}, "running_nodes": []string{s.Node}, "ram_nodes": []string{},
		"alarms": s.Alarms, "partitions": map[string]any{}, "listeners": map[string]any{s.Node: s.Listeners},
		"versions": map[string]any{s.Node: map[string]string{"rabbitmq_version": s.Version}},
	}}
}

func environment(_ *run, answer json.RawMessage) outcome {
	var settings map[string]string
	_ = json.Unmarshal(answer, &settings) // ours
	var b strings.Builder
	for _, key := range slices.Sorted(maps.Keys(settings)) {
		fmt.Fprintf(&b, "%s = %s\n", key, settings[key])
	}
	return outcome{text: strings.TrimRight(b.String(), "\n"), json: settings}
}

func healthCheck(r *run, answer json.RawMessage) outcome {
	if s := statusOf(answer); !s.Running || len(s.Alarms) > 0 {
		return outcome{text: "health check failed. Message: " + strings.Join(alarmTexts(s), ", "), code: exitSoftware}
	}
	return outcome{text: "Health check passed"}
}

// unit is that in which --unit wants bytes.
type unit struct {
	name string
	size float64
}

func unitOf(r *run) unit {
	name := strings.ToLower(or(r.values.Get("unit"), "gb"))
	for i, n := range []string{"bytes", "kb", "mb", "gb", "tb"} {
		if n == name {
			size := 1.0
			for range i {
				size *= 1000
			}
			return unit{name, size}
		}
	}
	return unit{"gb", 1e9}
}

// of is a number of bytes in the unit, with four decimals at most.
func (u unit) of(n uint64) string {
	s := strings.TrimRight(fmt.Sprintf("%.4f", float64(n)/u.size), "0")
	if strings.HasSuffix(s, ".") {
		s += "0"
	}
	return s + " " + u.name
}

// breakdown says what memory is used for, the largest part first.
func breakdown(s control.Status, u unit, percent string) []string {
	names := slices.SortedFunc(maps.Keys(s.Memory), func(a, b string) int {
		return cmp.Or(cmp.Compare(s.Memory[b], s.Memory[a]), cmp.Compare(a, b))
	})
	all := make([]string, len(names))
	for i, name := range names {
		all[i] = fmt.Sprintf("%s: %s (%s%s)", name, u.of(s.Memory[name]), share(s.Memory[name], s.MemoryTotal), percent)
	}
	return all
}

func share(n, total uint64) string {
	if total == 0 {
		return "0.0"
	}
	return fmt.Sprintf("%.1f", float64(n)/float64(total)*100)
}

func memoryBreakdown(r *run, answer json.RawMessage) outcome {
	s := statusOf(answer)
	parts := map[string]any{}
	for name, n := range s.Memory {
		parts[name] = map[string]any{"bytes": n, "percentage": json.RawMessage(share(n, s.MemoryTotal))}
	}
	return outcome{text: strings.Join(breakdown(s, unitOf(r), "%"), "\n") + "\n", json: parts}
}
