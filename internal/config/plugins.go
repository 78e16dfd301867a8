package config

import (
	"fmt"
	"os"
	"strings"
)

// builtIn are RabbitMQ's plugins whose functions are always there.
var builtIn = words(`rabbitmq_consistent_hash_exchange rabbitmq_random_exchange rabbitmq_recent_history_exchange
	rabbitmq_delayed_message_exchange rabbitmq_message_deduplication rabbitmq_auth_mechanism_ssl`)

// unservedPlugins are of the HTTP API and metrics.
var unservedPlugins = words("rabbitmq_management rabbitmq_management_agent rabbitmq_web_dispatch rabbitmq_prometheus")

func words(text string) map[string]bool {
	set := make(map[string]bool)
	for w := range strings.FieldsSeq(text) {
		set[w] = true
	}
	return set
}

// systemPlugins is where RabbitMQ keeps the list of enabled plugins.
const systemPlugins = "/etc/rabbitmq/enabled_plugins"

// readPlugins mentions plugins that are to be enabled and are not here. Nothing
// can be enabled: what is here is always on.
func (r *reader) readPlugins(system bool) {
	names, from, err := r.plugins(system)
	if err != nil {
		r.faults = append(r.faults, fault{Origin{Source: from}, err})
	}
	for _, name := range names {
		switch name = strings.TrimSpace(name); {
		case name == "", builtIn[name]:
		case unservedPlugins[name]:
			r.set.note(Info, "%s: the HTTP API and metrics are not served: nothing comes of %s", from, name)
		default:
			r.set.note(Warning, "%s: there is no plugin %s", from, name)
		}
	}
}

// plugins are those that are to be enabled: by a variable, or by the file that
// another one names.
func (r *reader) plugins(system bool) (names []string, from string, err error) {
	if text, ok := r.env("RABBITMQ_ENABLED_PLUGINS"); ok {
		return strings.Split(text, ","), "RABBITMQ_ENABLED_PLUGINS", nil
	}
	path, given := r.env("RABBITMQ_ENABLED_PLUGINS_FILE")
	if !given && system {
		path = systemPlugins
	}
	if !isFile(path) { // RabbitMQ does not ask for it either
		return nil, path, nil
	}
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, path, err
	}
	list, err := readTerm(string(b))
	if err == nil && list.open != '[' {
		err = fmt.Errorf("%d: want a list", list.line)
	}
	if err != nil {
		return nil, path, fmt.Errorf("%s:%w", path, err)
	}
	for _, item := range list.items {
		names = append(names, item.text)
	}
	return names, path, nil
}
