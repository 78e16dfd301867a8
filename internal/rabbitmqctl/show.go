package rabbitmqctl

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/leveretmq/leveret/broker"
)

// says is what is said of success.
func says(text string) func(*run, json.RawMessage) outcome {
	return func(r *run, _ json.RawMessage) outcome { return outcome{text: expand(text, r.values)} }
}

// oks is the same of a check, which in JSON is just ok.
func oks(text string) func(*run, json.RawMessage) outcome {
	return func(r *run, _ json.RawMessage) outcome {
		return outcome{text: expand(text, r.values), json: map[string]string{"result": "ok"}}
	}
}

// count is how many there were, by the broker's answer.
func count(answer json.RawMessage) int {
	var c struct{ Count int }
	_ = json.Unmarshal(answer, &c) // 0, if it says nothing
	return c.Count
}

func deleted(_ *run, answer json.RawMessage) outcome {
	return outcome{text: fmt.Sprintf("Queue was successfully deleted with %d ready messages", count(answer))}
}

func closed(_ *run, answer json.RawMessage) outcome {
	return outcome{text: fmt.Sprintf("Closed %d connections", count(answer))}
}

func version(r *run, _ json.RawMessage) outcome { return outcome{text: r.Version} }

func hashPassword(r *run, _ json.RawMessage) outcome {
	hash, err := broker.HashPassword(broker.HashingSHA256, r.values.Get("password"))
	if err != nil {
		return outcome{text: err.Error(), code: exitData}
	}
	return outcome{text: hash}
}

func hashes(*run, json.RawMessage) outcome { return outcome{text: "[sha256, sha512]"} }

// featureNames are RabbitMQ's feature flags: what they stand for is there.
var featureNames = []string{
	"classic_mirrored_queue_version", "classic_queue_type_delivery_support", "direct_exchange_routing_v2", "drop_unroutable_metric",
	"empty_basic_get_metric", "feature_flags_v2", "implicit_default_bindings", "listener_records_in_ets", "maintenance_mode_status",
	"quorum_queue", "restart_streams", "stream_queue", "stream_sac_coordinator_unblock_group", "stream_single_active_consumer",
	"tracking_records_in_ets", "user_limits", "virtual_host_metadata",
}

func featureFlags(r *run, _ json.RawMessage) outcome {
	rows := make([][]json.RawMessage, len(featureNames))
	for i, name := range featureNames {
		all := map[string]string{"name": name, "state": "enabled", "stability": "stable", "provided_by": "leveret"}
		for _, c := range r.columns {
			rows[i] = append(rows[i], plainJSON(all[c]))
		}
	}
	return outcome{code: r.rows(rows), said: true}
}

// writeDefinitions writes them to a file that is there as a whole or not at all.
func writeDefinitions(r *run, answer json.RawMessage) outcome {
	file := r.values.Get("file")
	if file == "-" {
		return outcome{text: string(answer), json: answer}
	}
	making := file + ".new"
	err := os.WriteFile(making, append(slices.Clone(answer), '\n'), 0o600)
	if err == nil {
		err = os.Rename(making, file)
	}
	if err != nil {
		return outcome{text: err.Error(), code: exitConfig}
	}
	return outcome{}
}

// awaitPid waits for the file with the number of a process.
func awaitPid(r *run) error {
	pid, file := r.values.Get("pid"), r.values.Get("pidfile")
	limit, _ := r.patience()
	end := time.Now().Add(limit)
	if pid == "" {
		r.say("Waiting for pid file '%s' to appear", file)
	}
	for pid == "" {
		if b, err := os.ReadFile(file); err == nil {
			pid = strings.TrimSpace(string(b))
			r.say("pid is %s", pid)
			break
		}
		if time.Now().After(end) {
			return context.DeadlineExceeded
		}
		select { // nothing tells that a file has come
		case <-time.After(50 * time.Millisecond):
		case <-r.context.Done():
			return r.context.Err()
		}
	}
	r.say("Waiting for erlang distribution on node '%s' while OS process '%s' is running", r.node, pid)
	r.say("Waiting for applications 'rabbit_and_plugins' to start on node '%s'", r.node)
	return nil
}

// started is the last word of wait.
func started(r *run, _ json.RawMessage) outcome {
	r.say("Applications 'rabbit_and_plugins' are running on node '%s'", r.node)
	return outcome{said: true}
}

// say says how far the command has come, unless it is to be quiet.
func (r *run) say(format string, args ...any) {
	if !r.has("quiet") && !r.has("silent") {
		fmt.Fprintf(r.Out, format+"\n", args...)
	}
}
