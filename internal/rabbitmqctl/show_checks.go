package rabbitmqctl

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leveretmq/leveret/internal/control"
)

func checkRunning(r *run, answer json.RawMessage) outcome {
	if !statusOf(answer).Running {
		return outcome{text: expand("RabbitMQ on node {node} is not running or has not fully booted yet (check with is_booting)", r.values), code: exitUnavailable}
	}
	return outcome{text: expand("RabbitMQ on node {node} is fully booted and running", r.values)}
}

func isRunning(r *run, answer json.RawMessage) outcome {
	o := checkRunning(r, answer)
	o.json = map[string]any{"message": o.text, "result": o.code == 0}
	o.code = 0
	return o
}

func isBooting(r *run, answer json.RawMessage) outcome {
	text, booting := "RabbitMQ on node {node} is fully booted (check with is_running), stopped or has not started booting yet", false
	if s := statusOf(answer); !s.Running && !s.Stopped {
		text, booting = "RabbitMQ on node {node} is booting", true
	}
	text = expand(text, r.values)
	return outcome{text: text, json: map[string]any{"message": text, "result": booting}}
}

var alarmNames = map[string]string{"memory": "Memory alarm", "disk": "Free disk space alarm"}

func alarmTexts(s control.Status) []string {
	all := []string{}
	for _, a := range s.Alarms {
		all = append(all, fmt.Sprintf("%s on node %s", alarmNames[a.Resource], a.Node))
	}
	return all
}

const noAlarms = "Node {node} reported no alarms, local or clusterwide"

func alarms(r *run, answer json.RawMessage) outcome {
	all := alarmTexts(statusOf(answer))
	if len(all) == 0 {
		return outcome{text: expand(noAlarms, r.values), json: map[string]any{"result": "ok", "node": r.node, "alarms": all}}
	}
	return outcome{text: strings.Join(all, "\n"), json: map[string]any{
		"result": "ok", "local": all, "global": []string{}, "message": expand("Node {node} reported alarms", r.values),
	}}
}

func checkAlarms(r *run, answer json.RawMessage) outcome {
	o := checkLocalAlarms(r, answer)
	o.bare = true
	if o.code == 0 {
		o.text = expand(noAlarms, r.values)
	}
	return o
}

func checkLocalAlarms(r *run, answer json.RawMessage) outcome {
	all := alarmTexts(statusOf(answer))
	if len(all) == 0 {
		return oks("Node {node} reported no local alarms")(r, nil)
	}
	return outcome{text: strings.Join(all, "\n"), code: exitUnavailable, json: map[string]any{
		"result": "error", "local": all, "message": expand("Node {node} reported local alarms", r.values),
	}}
}

func listenerText(l control.Listener) string {
	return fmt.Sprintf("Interface: %s, port: %d, protocol: %s, purpose: %s", l.Interface, l.Port, l.Protocol, l.Purpose)
}

func listenerTexts(s control.Status) (all []string) {
	for _, l := range s.Listeners {
		all = append(all, listenerText(l))
	}
	return all
}

func listeners(r *run, answer json.RawMessage) outcome {
	s := statusOf(answer)
	return outcome{text: strings.Join(listenerTexts(s), "\n"), json: map[string]any{"result": "ok", "node": r.node, "listeners": s.Listeners}}
}

// ports are those of listeners, the lowest first.
func ports(s control.Status) (all []string) {
	sorted := slices.SortedFunc(slices.Values(s.Listeners), func(a, b control.Listener) int { return cmp.Compare(a.Port, b.Port) })
	for _, l := range sorted {
		all = append(all, strconv.Itoa(l.Port))
	}
	return all
}

// dialLimit is how long a listener may take to accept.
const dialLimit = 5 * time.Second

func checkPorts(r *run, answer json.RawMessage) outcome {
	s := statusOf(answer)
	var failed []string
	for _, l := range s.Listeners {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(reachable(l.Interface), strconv.Itoa(l.Port)), dialLimit)
		if err != nil {
			failed = append(failed, fmt.Sprintf("%s (interface: %s)", strconv.Itoa(l.Port), l.Interface))
			continue
		}
		conn.Close()
	}
	if len(failed) > 0 || len(s.Listeners) == 0 {
		return outcome{
			text: expand("Connection to ports of the following listeners on node {node} failed: ", r.values) + strings.Join(failed, ", "),
			code: exitUnavailable, json: map[string]any{"result": "error", "failures": failed},
		}
	}
	return outcome{
		text: fmt.Sprintf("Successfully connected to ports %s on node %s.", strings.Join(ports(s), ", "), r.node),
		json: map[string]any{"result": "ok", "node": r.node, "listeners": s.Listeners},
	}
}

// reachable is where a listener of all interfaces can be reached.
func reachable(host string) string {
	ip := net.ParseIP(strings.Trim(host, "[]"))
	if ip == nil || !ip.IsUnspecified() {
		return strings.Trim(host, "[]")
	}
	return "localhost"
}

func checkPort(r *run, answer json.RawMessage) outcome {
	s, port := statusOf(answer), r.values.Get("port")
	if all := ports(s); !slices.Contains(all, port) {
		return outcome{
			text: expand("No listener for port {port} is active on node {node}. Found listeners that use the following ports: ", r.values) + strings.Join(all, ", "),
			code: exitUnavailable, bare: true,
			json: map[string]any{"result": "error", "missing": port, "ports": all, "listeners": s.Listeners},
		}
	}
	return outcome{
		text: expand("A listener for port {port} is running on node {node}.", r.values),
		json: map[string]any{"result": "ok", "node": r.node, "port": port},
	}
}

// protocols are other names of some.
var protocols = map[string]string{
	"amqp091": "amqp", "amqp0.9.1": "amqp", "amqp0-9-1": "amqp", "amqp1.0": "amqp", "amqp10": "amqp", "amqps": "amqp/ssl", "amqp/tls": "amqp/ssl",
}

func checkProtocol(r *run, answer json.RawMessage) outcome {
	s, asked := statusOf(answer), r.values.Get("protocol")
	protocol := or(protocols[strings.ToLower(asked)], strings.ToLower(asked))
	var all []string
	for _, l := range s.Listeners {
		if !slices.Contains(all, l.Protocol) {
			all = append(all, l.Protocol)
		}
	}
	slices.Sort(all)
	if !slices.Contains(all, protocol) {
		return outcome{
			text: expand("No listener for protocol {protocol} is active on node {node}. Found listeners for the following protocols: ", r.values) + strings.Join(all, ", "),
			code: exitUnavailable, json: map[string]any{"result": "error", "missing": asked, "protocols": all, "listeners": s.Listeners},
		}
	}
	return outcome{
		text: fmt.Sprintf("A listener for protocol %s is running on node %s.", protocol, r.node),
		json: map[string]any{"result": "ok", "node": r.node, "protocol": asked},
	}
}

func certificatesOf(answer json.RawMessage) (all []control.Certificate) {
	_ = json.Unmarshal(answer, &all) // ours
	return all
}

func checkCertificates(r *run, answer json.RawMessage) outcome {
	days, _ := strconv.Atoi(r.values.Get("days"))
	end := time.Now().AddDate(0, 0, days)
	var soon []string
	for _, c := range certificatesOf(answer) {
		if c.Until.Before(end) {
			soon = append(soon, fmt.Sprintf("%s (%s) expires on %s", c.File, c.Subject, c.Until.Format(time.DateOnly)))
		}
	}
	if len(soon) > 0 {
		return outcome{
			text: expand("Certificates that expire within {period}:\n", r.values) + strings.Join(soon, "\n"), code: exitUnavailable, bare: true,
			json: map[string]any{"result": "error", "expired": soon},
		}
	}
	return oks("No certificates are expiring within {period}.")(r, nil)
}

func certificates(_ *run, answer json.RawMessage) outcome {
	all := certificatesOf(answer)
	var b strings.Builder
	for _, c := range all {
		fmt.Fprintf(&b, "%s: %s, by %s, from %s to %s\n", c.File, c.Subject, c.Issuer, c.From.Format(time.DateOnly), c.Until.Format(time.DateOnly))
	}
	return outcome{text: strings.TrimRight(b.String(), "\n"), json: all}
}

func serverVersion(_ *run, answer json.RawMessage) outcome {
	v := statusOf(answer).Version
	return outcome{text: v, json: map[string]string{"result": "ok", "value": v}}
}

func runtimeVersion(_ *run, answer json.RawMessage) outcome {
	v := statusOf(answer).Runtime
	return outcome{text: v, json: map[string]string{"result": "ok", "value": v}}
}

func tlsVersions(*run, json.RawMessage) outcome {
	all := []string{"tlsv1.3", "tlsv1.2", "tlsv1.1", "tlsv1"}
	return outcome{text: strings.Join(all, "\n"), json: map[string]any{"versions": all}}
}

func cipherSuites(*run, json.RawMessage) outcome {
	var all []string
	for _, c := range tls.CipherSuites() {
		all = append(all, c.Name)
	}
	return outcome{text: strings.Join(all, "\n"), json: all}
}

func logLocation(_ *run, answer json.RawMessage) outcome {
	all := statusOf(answer).LogFiles
	return outcome{text: strings.Join(all, "\n"), json: all}
}
