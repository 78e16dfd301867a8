package rabbitmqctl

var diagnosticsCommands = []command{
	{name: "check_running", tools: diagnostics, app: either, early: true, about: "Fails unless clients may connect", usage: "[--timeout <timeout>]", operation: "status", banner: "Checking if RabbitMQ is running on node {node} ...", show: checkRunning},
	{name: "is_running", tools: diagnostics, app: either, early: true, about: "Tells whether clients may connect", usage: "[--timeout <timeout>]", operation: "status", banner: "Asking node {node} for its status ...", show: isRunning},
	{name: "is_booting", tools: diagnostics, app: either, early: true, about: "Tells whether the broker is still starting", usage: "[--timeout <timeout>]", operation: "status", banner: "Asking node {node} for its boot status ...", show: isBooting},
	{name: "alarms", tools: diagnostics, about: "Lists alarms that are raised", usage: "[--timeout <timeout>]", operation: "status", banner: "Asking node {node} to report any known resource alarms ...", show: alarms},
	{name: "check_alarms", tools: diagnostics, about: "Fails while an alarm is raised", usage: "[--timeout <timeout>]", operation: "status", banner: localAlarms, show: checkAlarms},
	{name: "check_local_alarms", tools: diagnostics, about: "Fails while an alarm is raised", usage: "[--timeout <timeout>]", operation: "status", banner: localAlarms, show: checkLocalAlarms},
	{name: "listeners", tools: diagnostics, about: "Lists where clients connect", usage: "[--timeout <timeout>]", operation: "status", banner: "Asking node {node} to report its protocol listeners ...", show: listeners},
	{name: "check_port_connectivity", tools: diagnostics, about: "Fails unless all listeners accept connections", switches: map[string]kind{"address": text}, usage: "[--timeout <timeout>]", operation: "status", banner: "Testing TCP connections to all active listeners on node {node} ...", show: checkPorts},
	{name: "check_port_listener", tools: diagnostics, about: "Fails unless there is a listener on a port", args: "port", usage: "<port> [--timeout <timeout>]", operation: "status", vet: positivePort, banner: "Asking node {node} if there's an active listener on port {port} ...", show: checkPort},
	{name: "check_protocol_listener", tools: diagnostics, about: "Fails unless there is a listener of a protocol", args: "protocol", usage: "<protocol> [--timeout <timeout>]", operation: "status", banner: "Asking node {node} if there's an active listener for protocol {protocol} ...", show: checkProtocol},
	{name: "check_virtual_hosts", tools: diagnostics, about: "Fails unless all virtual hosts run", usage: "[--timeout <timeout>]", operation: "ping", banner: "Checking if all vhosts are running on node {node} ...", show: oks("Node {node} reported all vhosts as running")},
	{name: "check_certificate_expiration", tools: diagnostics, app: either, about: "Fails if a certificate expires soon", switches: map[string]kind{"within": number, "unit": text}, usage: "[--within <period>] [--unit <unit>]", operation: "certificates", vet: period, banner: "Checking certificate expiration on node {node} ...", show: checkCertificates},
	{name: "certificates", tools: diagnostics, app: either, about: "Lists the certificates of listeners", usage: "[--timeout <timeout>]", banner: "Certificates of node {node} ...", show: certificates},
	{name: "memory_breakdown", tools: diagnostics, about: "Shows what memory is used for", switches: unitSwitch, usage: "[--unit <unit>] [--timeout <timeout>]", operation: "status", banner: "Reporting memory breakdown on node {node}...", show: memoryBreakdown},
	{name: "server_version", tools: diagnostics, app: either, about: "Shows the version that clients are told", usage: "[--timeout <timeout>]", operation: "status", banner: "Asking node {node} for its RabbitMQ version...", show: serverVersion},
	{name: "erlang_version", tools: diagnostics, app: either, about: "Shows the version of the runtime, which is Go", switches: map[string]kind{"details": flag}, usage: "[--details] [--timeout <timeout>]", operation: "status", banner: "Asking node {node} for its Erlang/OTP version...", show: runtimeVersion},
	{name: "tls_versions", tools: diagnostics, about: "Lists versions of TLS", usage: "[--timeout <timeout>]", operation: "-", banner: "Listing all TLS versions supported by the runtime...", show: tlsVersions},
	{name: "cipher_suites", tools: diagnostics, about: "Lists cipher suites", switches: map[string]kind{"format": text, "all": flag}, usage: "[--format <openssl | erlang | map>] [--all]", operation: "-", banner: "Listing available cipher suites in OpenSSL format", show: cipherSuites},
	{name: "log_location", tools: diagnostics, app: either, about: "Shows where the log goes", switches: map[string]kind{"all": flag}, usage: "[--all|-a]", operation: "status", banner: "Log file location(s) on node {node} ...", show: logLocation},
	{name: "check_if_node_is_quorum_critical", tools: diagnostics, about: "Succeeds: there is one node", usage: "[--timeout <timeout>]", operation: "ping", banner: "Checking if node {node} is critical for quorum of any quorum queues ...", show: oks(soleNode)},
	{name: "check_if_node_is_mirror_sync_critical", tools: diagnostics, about: "Succeeds: there is one node", usage: "[--timeout <timeout>]", operation: "ping", banner: "Checking if node {node} is critical for data availability of any non-mirrored classic queues ...", show: oks(soleNode)},
	unsupported("resolve_hostname", "<hostname> [--address-family <ipv4 | ipv6>]", "ask the system's resolver", diagnostics),
	unsupported("resolver_info", "", "ask the system's resolver", diagnostics),
	unsupported("list_network_interfaces", "", "ask the system", diagnostics),
	unsupported("os_env", "", "leveret config show has what was taken from the environment", diagnostics),
	unsupported("command_line_arguments", "", "leveret config show has what was taken from the command line", diagnostics),
	unsupported("runtime_thread_stats", "[--sample-interval <interval>]", "there is no Erlang in leveret", diagnostics),
	unsupported("erlang_cookie_hash", "", "leveret has no Erlang cookie", diagnostics),
	unsupported("erlang_cookie_sources", "", "leveret has no Erlang cookie", diagnostics),
	unsupported("schema_info", "[--no-table-headers] [<column> ...] [--timeout <timeout>]", "leveret has no such database", ctl|diagnostics),
	unsupported("discover_peers", "", "leveret is one node", diagnostics),
	unsupported("quorum_status", "<queue>", "leveret is one node", diagnostics),
	unsupported("stream_status", "<queue>", "leveret has no streams", diagnostics),
	unsupported("reclaim_quorum_memory", "", "leveret is one node", diagnostics),
	unsupported("consistent_hash_exchange_ring_state", "[--vhost <vhost>] <exchange>", "leveret does not show it", diagnostics),
	unsupported("observer", "[--interval <interval>]", "there is no Erlang in leveret", diagnostics),
	unsupported("maybe_stuck", "", "there is no Erlang in leveret", diagnostics),
	unsupported("remote_shell", "", "there is no Erlang in leveret", diagnostics),
	unsupported("log_tail", "[--number|-N <number>]", "leveret logs to standard output", diagnostics),
	unsupported("log_tail_stream", "[--duration|-d <seconds>]", "leveret logs to standard output", diagnostics),
	unsupported("consume_event_stream", "[--duration|-d <seconds>] [--pattern <pattern>]", "leveret has no event stream", diagnostics),
}

const soleNode = "Node {node} seems to be the only one in a single node cluster, the check does not apply"

const localAlarms = "Asking node {node} to report any local resource alarms ..."

var pluginCommands = []command{
	{
		name: "list", tools: plugins, about: "Lists plugins whose functions are there", args: "?pattern",
		switches: map[string]kind{"verbose": flag, "minimal": flag, "enabled": flag, "implicitly-enabled": flag},
		usage:    "[pattern] [--verbose] [--minimal] [--enabled] [--implicitly-enabled]", operation: "-", vet: oneDetail, show: listPlugins,
	},
	{
		name: "is_enabled", tools: plugins, about: "Fails unless the functions of plugins are there", args: "plugin *plugin", switches: offline,
		usage: "<plugin1> [ <plugin2>] [--offline] [--online]", operation: "-", banner: "Asking node {node} if {which} enabled...", vet: sayPlugins, show: isEnabled,
	},
	{
		name: "enable", tools: plugins, about: "Succeeds for plugins that leveret knows", args: "?plugin *plugin", switches: pluginSwitches,
		usage: "<plugin1> [ <plugin2>] | --all [--offline] [--online]", operation: "-", banner: "Enabling plugins on node {node}:\n{names}", vet: anyPlugin, check: knownOnly, show: enablePlugins,
	},
	{
		name: "disable", tools: plugins, about: "Succeeds, and changes nothing", args: "?plugin *plugin", switches: pluginSwitches,
		usage: "<plugin1> [ <plugin2>] | --all [--offline] [--online]", operation: "-", banner: "Disabling plugins on node {node}:\n{names}", vet: anyPlugin, show: disablePlugins,
	},
	{
		name: "set", tools: plugins, about: "Does for plugins what enable does", args: "*plugin", switches: offline,
		usage: "[<plugin1> ...] [--offline] [--online]", operation: "-", banner: "Enabling plugins on node {node}:\n{names}", vet: anyPlugin, check: knownToSet, show: enablePlugins,
	},
	{name: "directories", tools: plugins, about: "Shows that plugins have no directories", switches: offline, usage: "[--offline] [--online]", operation: "-", banner: "Plugin archives directory: (none)\nPlugin expansion directory: (none)\nEnabled plugins file: (none)"},
}

var (
	offline        = map[string]kind{"offline": flag, "online": flag}
	pluginSwitches = map[string]kind{"offline": flag, "online": flag, "all": flag}
)
