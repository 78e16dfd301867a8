package rabbitmqctl

import (
	"encoding/json"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// knownPlugins are RabbitMQ's plugins, and whether what they do is there. There is
// nothing to install: what is there, is always on.
var knownPlugins = map[string]bool{
	"rabbitmq_consistent_hash_exchange": true, "rabbitmq_random_exchange": true, "rabbitmq_recent_history_exchange": true,
	"rabbitmq_delayed_message_exchange": true, "rabbitmq_message_deduplication": true, "rabbitmq_auth_mechanism_ssl": true,

	"rabbitmq_amqp1_0": false, "rabbitmq_amqp_client": false, "rabbitmq_auth_backend_cache": false, "rabbitmq_auth_backend_http": false,
	"rabbitmq_auth_backend_ldap": false, "rabbitmq_auth_backend_oauth2": false, "rabbitmq_event_exchange": false,
	"rabbitmq_federation": false, "rabbitmq_federation_management": false, "rabbitmq_federation_prometheus": false,
	"rabbitmq_jms_topic_exchange": false, "rabbitmq_management": false, "rabbitmq_management_agent": false, "rabbitmq_mqtt": false,
	"rabbitmq_peer_discovery_aws": false, "rabbitmq_peer_discovery_common": false, "rabbitmq_peer_discovery_consul": false,
	"rabbitmq_peer_discovery_etcd": false, "rabbitmq_peer_discovery_k8s": false, "rabbitmq_prometheus": false, "rabbitmq_sharding": false,
	"rabbitmq_shovel": false, "rabbitmq_shovel_management": false, "rabbitmq_shovel_prometheus": false, "rabbitmq_stomp": false,
	"rabbitmq_stream": false, "rabbitmq_stream_common": false, "rabbitmq_stream_management": false, "rabbitmq_top": false,
	"rabbitmq_tracing": false, "rabbitmq_trust_store": false, "rabbitmq_web_dispatch": false, "rabbitmq_web_mqtt": false,
	"rabbitmq_web_mqtt_examples": false, "rabbitmq_web_stomp": false, "rabbitmq_web_stomp_examples": false,
}

// pluginsThere are those whose functions are there, by name.
func pluginsThere() (all []string) {
	for name, there := range knownPlugins {
		if there {
			all = append(all, name)
		}
	}
	slices.Sort(all)
	return all
}

// listPlugins shows those in whose names a regular expression is found.
func listPlugins(r *run, _ json.RawMessage) outcome {
	pattern := or(r.values.Get("pattern"), ".*")
	wanted, err := regexp.Compile(pattern)
	if err != nil {
		return outcome{text: err.Error(), code: exitSoftware}
	}
	running := r.connect() == nil
	only := r.values.Has("enabled") || r.values.Has("implicitly-enabled")
	var rows []plugin
	for _, name := range slices.Sorted(maps.Keys(knownPlugins)) {
		if there := knownPlugins[name]; wanted.MatchString(name) && (there || !only) {
			rows = append(rows, plugin{name, there, there && running, r.Version})
		}
	}
	if !r.has("quiet") && !r.has("silent") && r.last("formatter") != "json" {
		fmt.Fprintf(r.Out, "Listing plugins with pattern %q ...\n", pattern)
		if !r.values.Has("minimal") {
			fmt.Fprintf(r.Out, " Configured: E = explicitly enabled; e = implicitly enabled\n | Status: * = running on %s\n |/\n", r.node)
		}
	}
	return r.tabulate(rows)
}

// plugin is one in a list.
type plugin struct {
	name           string
	there, running bool
	version        string
}

// marks are [E*] of a plugin that runs.
func (p plugin) marks() string {
	e, star := ' ', ' '
	if p.there {
		e = 'E'
	}
	if p.running {
		star = '*'
	}
	return fmt.Sprintf("[%c%c]", e, star)
}

// MarshalJSON writes versions as lists of characters, as RabbitMQ does.
func (p plugin) MarshalJSON() ([]byte, error) {
	version := make([]int, len(p.version))
	for i, c := range []byte(p.version) {
		version[i] = int(c)
	}
	fields := map[string]any{"name": p.name, "enabled": "not_enabled", "running": p.running, "version": version}
	if p.there {
		fields["enabled"] = "enabled"
	}
	if p.running {
		fields["running_version"] = version
	}
	return json.Marshal(fields)
}

// tabulate shows plugins, as much of them as is asked for.
func (r *run) tabulate(rows []plugin) outcome {
	format, width := "normal", 0
	var names []string
	for _, p := range rows {
		names = append(names, p.name)
		width = max(width, len(p.name))
	}
	switch {
	case r.values.Has("minimal"):
		var named []map[string]string
		for _, name := range names {
			named = append(named, map[string]string{"name": name})
		}
		return outcome{text: strings.Join(names, "\n"), json: map[string]any{"format": "minimal", "plugins": named, "status": "running"}}
	case r.values.Has("verbose"):
		format = "verbose"
	}
	var lines []string
	for _, p := range rows {
		if format == "verbose" {
			lines = append(lines, fmt.Sprintf("%s %s\n     Version:     \t%s\n     Dependencies:\t[]\n     Description: \t", p.marks(), p.name, p.version))
			continue
		}
		lines = append(lines, fmt.Sprintf("%s %-*s %s", p.marks(), width, p.name, p.version))
	}
	return outcome{text: strings.Join(lines, "\n"), json: map[string]any{"format": format, "plugins": rows, "status": "running"}}
}

// isEnabled: whoever asks whether a plugin is there wants to know what works.
func isEnabled(r *run, _ json.RawMessage) outcome {
	var off []string
	for _, name := range r.values["plugin"] {
		if !knownPlugins[name] {
			off = append(off, name)
		}
	}
	if len(off) > 0 {
		text := fmt.Sprintf("%s not enabled on node %s. Enabled plugins and dependencies: %s", are(off), r.node, strings.Join(pluginsThere(), ", "))
		return outcome{text: text, json: map[string]string{"result": "error", "message": text}, code: exitUnavailable}
	}
	text := fmt.Sprintf("%s enabled on node %s", are(r.values["plugin"]), r.node)
	return outcome{text: text, json: map[string]string{"result": "ok", "message": text}}
}

// are is "Plugin a is" or "Plugins a, b are".
func are(names []string) string {
	if len(names) == 1 {
		return "Plugin " + names[0] + " is"
	}
	return "Plugins " + strings.Join(names, ", ") + " are"
}

// enablePlugins takes all that RabbitMQ has, since scripts and images ask for them,
// and says which are without effect.
func enablePlugins(r *run, _ json.RawMessage) outcome {
	return r.changePlugins(func(name string) bool { return !knownPlugins[name] }, "without effect: leveret has not what this does")
}

// disablePlugins takes all names, as RabbitMQ does.
func disablePlugins(r *run, _ json.RawMessage) outcome {
	return r.changePlugins(func(name string) bool { return knownPlugins[name] }, "stays enabled: it is a part of leveret")
}

// knownOnly refuses plugins that nobody has, as enable does.
func knownOnly(r *run) error {
	if unknown := r.unknownPlugins(); len(unknown) > 0 {
		return &refusal{exitSoftware, "{:plugins_not_found, [:" + strings.Join(unknown, ", :") + "]}"}
	}
	return nil
}

// knownToSet does, as set does.
func knownToSet(r *run) error {
	if unknown := r.unknownPlugins(); len(unknown) > 0 {
		return &refusal{exitData, "The following plugins were not found: " + strings.Join(unknown, ", ")}
	}
	return nil
}

func (r *run) unknownPlugins() (unknown []string) {
	for _, name := range r.values["plugin"] {
		if _, known := knownPlugins[name]; !known {
			unknown = append(unknown, name)
		}
	}
	return unknown
}

// changePlugins changes nothing, and says why where that may surprise.
func (r *run) changePlugins(idle func(string) bool, why string) outcome {
	for _, name := range r.values["plugin"] {
		if idle(name) && !r.has("silent") {
			fmt.Fprintf(r.Err, "%s: %s\n", name, why)
		}
	}
	text := "The following plugins have been configured:\n  " + strings.Join(pluginsThere(), "\n  ") +
		"\nApplying plugin configuration to " + r.node + "...\nPlugin configuration unchanged."
	return outcome{text: text}
}
