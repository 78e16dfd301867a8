package rabbitmqctl

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// reported are the commands that a report is made of, reportedOf those for each
// virtual host. Of some lists all columns are shown.
var (
	reported   = []string{"status", "cluster_status", "environment", "list_connections", "list_channels", "list_global_parameters"}
	reportedOf = []string{"list_queues", "list_exchanges", "list_bindings", "list_permissions", "list_policies", "list_parameters"}
	inFull     = []string{"list_connections", "list_channels", "list_queues", "list_exchanges"}
)

// namesOnly asks for the names of what is listed.
func namesOnly(r *run) error {
	r.columns = []string{"name"}
	return nil
}

// report has several commands carried out, one after the other.
func report(r *run, answer json.RawMessage) outcome {
	var vhosts [][]string
	if err := json.Unmarshal(answer, &vhosts); err != nil {
		return outcome{text: "the broker's answer: " + err.Error(), code: exitSoftware}
	}
	code := 0
	for _, name := range reported {
		code = max(code, r.section(name))
	}
	for _, vhost := range vhosts {
		for _, name := range reportedOf {
			code = max(code, r.section(name, "--vhost", vhost[0]))
		}
	}
	return outcome{said: true, code: code}
}

// section is a part of a report.
func (r *run) section(name string, switches ...string) int {
	args := append([]string{name, "--node", r.node}, switches...)
	for _, s := range []string{"socket", "timeout"} {
		if r.has(s) {
			args = append(args, "--"+s, r.last(s))
		}
	}
	if slices.Contains(inFull, name) {
		args = append(args, strings.Fields(r.tool.find(name).columns)...)
	}
	if r.has("quiet") || r.has("silent") {
		args = append(args, "--quiet")
	}
	code := Run(r.context, r.tool.name(), args, r.Streams)
	fmt.Fprintln(r.Out)
	return code
}
