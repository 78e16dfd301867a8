package rabbitmqctl

import (
	"encoding/json"
	"fmt"
	"maps"
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

// listPlugins shows all, or those with a text in their names.
func listPlugins(r *run, _ json.RawMessage) outcome {
	running := byte(' ')
	if r.connect() == nil {
		r.client.Close()
		running = '*'
	}
	var lines []string
	items := []map[string]any{}
	for _, name := range slices.Sorted(maps.Keys(knownPlugins)) {
		there := knownPlugins[name]
		if !strings.Contains(name, r.values.Get("pattern")) || (r.values.Has("enabled") || r.values.Has("implicitly-enabled")) && !there {
			continue
		}
		items = append(items, map[string]any{"name": name, "enabled": map[bool]string{true: "enabled", false: "not_enabled"}[there], "running": there && running == '*'})
		switch {
		case r.values.Has("minimal") || r.has("quiet") || r.has("silent"):
			lines = append(lines, name)
		case there:
			lines = append(lines, fmt.Sprintf("[E%c] %s", running, name))
		default:
			lines = append(lines, "[  ] "+name)
		}
	}
	text := strings.Join(lines, "\n")
	if !r.values.Has("minimal") && !r.has("quiet") && !r.has("silent") {
		text = " Configured: E = explicitly enabled; e = implicitly enabled\n | Status: * = running on " + r.node + "\n |/\n" + text
		text = "Listing plugins with pattern \"" + or(r.values.Get("pattern"), ".*") + "\" ...\n" + text
	}
	return outcome{text: text, json: map[string]any{"status": "running", "plugins": items}}
}

// isEnabled: whoever asks whether a plugin is there wants to know what works.
func isEnabled(r *run, _ json.RawMessage) outcome {
	var on, off []string
	for _, name := range r.values["plugin"] {
		if knownPlugins[name] {
			on = append(on, name)
		} else {
			off = append(off, name)
		}
	}
	if len(off) > 0 {
		return outcome{text: fmt.Sprintf("%s not enabled on node %s", are(off), r.node), code: exitUnavailable}
	}
	return outcome{text: are(on) + " enabled"}
}

// are is "Plugin a is" or "Plugins a and b are".
func are(names []string) string {
	if len(names) == 1 {
		return "Plugin " + names[0] + " is"
	}
	last := len(names) - 1
	return "Plugins " + strings.Join(names[:last], ", ") + " and " + names[last] + " are"
}

// enablePlugins takes all that RabbitMQ has, since scripts and images ask for them,
// and says which are without effect.
func enablePlugins(r *run, _ json.RawMessage) outcome {
	return r.changePlugins(func(name string) bool { return !knownPlugins[name] }, "without effect: leveret has not what this does")
}

func disablePlugins(r *run, _ json.RawMessage) outcome {
	return r.changePlugins(func(name string) bool { return knownPlugins[name] }, "stays enabled: it is a part of leveret")
}

func (r *run) changePlugins(idle func(string) bool, why string) outcome {
	var unknown []string
	var lines []string
	for _, name := range r.values["plugin"] {
		if _, known := knownPlugins[name]; !known {
			unknown = append(unknown, name)
		}
		lines = append(lines, name)
	}
	if len(unknown) > 0 {
		return outcome{text: "The following plugins could not be found:\n  " + strings.Join(unknown, "\n  "), code: exitConfig}
	}
	for _, name := range r.values["plugin"] {
		if idle(name) && !r.has("silent") {
			fmt.Fprintf(r.Err, "%s: %s\n", name, why)
		}
	}
	return outcome{text: strings.Join(lines, "\n")}
}
