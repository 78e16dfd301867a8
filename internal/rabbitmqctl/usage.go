package rabbitmqctl

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/xrash/smetrics"

	"github.com/leveretmq/leveret/internal/control"
)

var errNoCommand = errors.New("no such command")

// usageOf is how a command is called.
func (t tool) usageOf(c *command) string {
	return strings.TrimRight(fmt.Sprintf("%s [--node <node>] [--longnames] [--quiet] %s %s", t.name(), c.name, c.usage), " ")
}

const usageTitle = "\x1b[1mUsage\x1b[0m"

// misused tells what is wrong with a command line, and how the command is used.
func (r *run) misused(e *usageError) int {
	fmt.Fprintf(r.Err, "Error (argument validation): %s\nArguments given:\n\t%s\n\n%s\n\n%s\n",
		e.text, strings.Join(r.given, " "), usageTitle, r.tool.usageOf(r.command))
	return e.code
}

// wrongTime tells that stop_app or start_app has to come before.
func (r *run) wrongTime(kind string) int {
	must, first := "running", "Start it with 'rabbitmqctl start_app'."
	if kind == control.Running {
		must, first = "stopped", "Stop it with 'rabbitmqctl stop_app'."
	}
	fmt.Fprintf(r.Err, "Error: this command requires the 'rabbit' app to be %s on the target node. %s\nArguments given:\n\t%s\n\n%s\n\n%s\n",
		must, first, strings.Join(r.given, " "), usageTitle, r.tool.usageOf(r.command))
	return exitUsage
}

// notFound tells of a command that is not there, and which one may be meant.
func (r *run) notFound() int {
	name := r.given[commandAt(r.given)]
	if t, c := elsewhere(name); c != nil {
		fmt.Fprintf(r.Err, "\nCommand '%s' not found. \nIt is one of %s: %s %s\n\n", name, t.name(), t.name(), name)
		return exitUsage
	}
	if alike := r.tool.alike(name); alike != "" {
		fmt.Fprintf(r.Err, "\nCommand '%s' not found. \nDid you mean '%s'? \n\n", name, alike)
		return exitUsage
	}
	fmt.Fprintf(r.Err, "\nCommand '%s' not found. \n\n", name)
	r.writeOverview(r.Err)
	return exitUsage
}

// elsewhere finds a command that another tool has.
func elsewhere(name string) (tool, *command) {
	for _, t := range []tool{ctl, diagnostics, plugins} {
		if c := t.find(name); c != nil {
			return t, c
		}
	}
	return 0, nil
}

// closeEnough is how alike two words are when one may be meant by the other, where 1
// is the same.
const closeEnough = 0.8

// alike is the command that may be meant by a word, empty if there is none.
func (t tool) alike(word string) (best string) {
	most := closeEnough
	for _, c := range commands {
		if c.tools&t == 0 {
			continue
		}
		if n := smetrics.Jaro(word, c.name); n > most {
			best, most = c.name, n
		}
	}
	return best
}

// overview shows all commands, or the one that --help is asked of.
func (r *run) overview() int {
	if r.command != nil {
		return r.end(r.explain(r.command))
	}
	if r.has("help") {
		r.writeOverview(r.Out)
		return 0
	}
	r.writeOverview(r.Err)
	return exitUsage
}

// groups are the commands as they are shown, by what they are about.
var groups = []struct{ title, names string }{
	{"Help", "help version"},
	{"Nodes", "await_startup reset rotate_logs shutdown start_app stop stop_app wait"},
	{"Cluster", "await_online_nodes cluster_status force_reset"},
	{"Users", "add_user authenticate_user change_password clear_password clear_user_limits delete_user hash_password list_user_limits " +
		"list_users set_user_limits set_user_tags"},
	{"Access Control", "clear_permissions clear_topic_permissions list_permissions list_topic_permissions list_user_permissions " +
		"list_user_topic_permissions list_vhosts set_permissions set_topic_permissions"},
	{"Monitoring, observability and health checks", "alarms check_alarms check_certificate_expiration check_if_node_is_mirror_sync_critical " +
		"check_if_node_is_quorum_critical check_local_alarms check_port_connectivity check_port_listener check_protocol_listener " +
		"check_running check_virtual_hosts cipher_suites directories erlang_version is_booting is_enabled is_running list_bindings " +
		"list_channels list_connections list_consumers list_exchanges list_hashes list_node_auth_attempt_stats list_queues " +
		"list_unresponsive_queues listeners memory_breakdown ping report server_version status tls_versions"},
	{"Parameters", "clear_global_parameter clear_parameter list_global_parameters list_parameters set_global_parameter set_parameter"},
	{"Policies", "clear_operator_policy clear_policy list_operator_policies list_policies set_operator_policy set_policy"},
	{"Virtual hosts", "add_vhost clear_vhost_limits delete_vhost list_vhost_limits restart_vhost set_vhost_limits set_vhost_tags"},
	{"Configuration and Environment", "certificates environment log_location set_cluster_name set_disk_free_limit set_log_level " +
		"set_vm_memory_high_watermark"},
	{"Definitions", "export_definitions import_definitions"},
	{"Feature flags", "enable_feature_flag list_feature_flags"},
	{"Operations", "close_all_connections close_all_user_connections close_connection"},
	{"Queues", "delete_queue purge_queue"},
	{"Plugin Management", "disable enable list set"},
	{"Deprecated", "node_health_check"},
}

func (r *run) writeOverview(w io.Writer) {
	fmt.Fprintf(w, "\n%s\n\n%s [--node <node>] [--timeout <timeout>] [--longnames] [--quiet] <command> [<command options>]\n\nAvailable commands:\n",
		usageTitle, r.tool.name())
	width := 0
	for _, c := range commands {
		if c.tools&r.tool != 0 && !c.refused {
			width = max(width, len(c.name))
		}
	}
	for _, g := range groups {
		titled := false
		for name := range strings.FieldsSeq(g.names) {
			c := r.tool.find(name)
			if c == nil {
				continue
			}
			if !titled {
				titled = true
				fmt.Fprintf(w, "\n\x1b[1m%s\x1b[0m:\n\n", g.title)
			}
			fmt.Fprintf(w, "   %-*s  %s\n", width, c.name, c.about)
		}
	}
	fmt.Fprintf(w, "\nUse '%s help <command>' to learn more about a specific command\n", r.tool.name())
}

// help is the command of that name.
func help(r *run) outcome {
	name := r.values.Get("command")
	if name == "" {
		r.writeOverview(r.Out)
		return outcome{}
	}
	c := r.tool.find(name)
	if c == nil {
		return outcome{text: "\nCommand '" + name + "' not found. ", code: exitUsage}
	}
	return r.explain(c)
}

// explain is what there is to say of a command.
func (r *run) explain(c *command) outcome {
	text := fmt.Sprintf("\n%s\n\n%s\n\n%s", usageTitle, r.tool.usageOf(c), c.about)
	if c.columns != "" {
		text += "\n\nColumns: " + strings.Join(strings.Fields(c.columns), ", ")
	}
	return outcome{text: text + "\n\n\n\x1b[1mGeneral Options\x1b[0m\n\n" + generalOptions}
}

const generalOptions = `-?, --help             shows how a command is used
-n, --node <node>      a name that is shown; there is one broker
    --socket <file>    the broker's socket for commands
-t, --timeout <n>      gives up after so many seconds
-q, --quiet            says no more than the answer
-s, --silent           nor the header of a table
-p, --vhost <vhost>    the virtual host, / by default
    --formatter        table, json, csv, pretty_table or json_stream`
