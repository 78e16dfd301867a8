package rabbitmqctl

var nodeCommands = []command{
	{
		name: "help", tools: ctl | diagnostics | plugins, about: "Shows how a command is used", args: "?command", switches: map[string]kind{"list-commands": flag},
		usage: "(<command> | [--list-commands])", operation: "-",
	},
	{name: "version", tools: ctl | diagnostics | plugins, about: "Shows the version", operation: "-", show: version},
	{
		name: "ping", tools: ctl | diagnostics, app: either, about: "Tells whether the broker answers", usage: "[--timeout <timeout>]",
		early: true, down: "Failed to connect and authenticate to {node} in {timeout-ms} ms",
		banner: "Will ping {node}. This only checks if the OS process is running and registered with epmd. Timeout: {timeout-ms} ms.",
		show:   says("Ping succeeded"),
	},
	{name: "status", tools: ctl | diagnostics, about: "Shows what there is to say of the broker", switches: unitSwitch, usage: "[--unit <unit>] [--timeout <timeout>]", banner: "Status of node {node} ...", show: status},
	{name: "cluster_status", tools: ctl | diagnostics, about: "Shows the cluster, of one node", usage: "[--timeout <timeout>]", banner: "Cluster status of node {node} ...", operation: "status", show: clusterStatus},
	{name: "environment", tools: ctl | diagnostics, app: either, about: "Shows the configuration that holds", banner: "Application environment of node {node} ...", show: environment},
	{name: "report", tools: ctl | diagnostics, about: "Shows status, configuration and all lists", usage: "[--timeout <timeout>]", banner: "Reporting server status of node {node} ...\n", operation: "list_vhosts", vet: namesOnly, report: true},
	{
		name: "await_startup", tools: ctl | diagnostics, app: either, about: "Waits until clients may connect", usage: "[--timeout <timeout>]", awaits: true, early: true,
		failures: failures{"stopped": {exitUnavailable, "rabbit_is_not_running", false}},
	},
	{
		name: "wait", tools: ctl | diagnostics, app: either, about: "Waits until the process of a pid file is ready", args: "?pidfile", switches: map[string]kind{"pid": number},
		usage: "[<pidfile>] [--pid|-P <pid>] [--timeout <timeout>]", operation: "await_startup", awaits: true, early: true, vet: needPid, check: awaitPid, show: started,
	},
	{name: "await_online_nodes", tools: ctl, about: "Waits for so many nodes, of which there is one", args: "count", usage: "<count> [--timeout <timeout>]", operation: "await_startup", awaits: true, early: true, banner: "Will wait for at least {count} nodes to join the cluster of {node}. Timeout: {timeout-s} seconds."},
	{name: "stop", tools: ctl, app: either, early: true, about: "Stops the broker", args: "?pidfile", usage: "[--idempotent] [<pidfile>]", switches: map[string]kind{"idempotent": flag}, banner: "Stopping and halting node {node} ..."},
	{name: "shutdown", tools: ctl, app: either, early: true, about: "Stops the broker", switches: map[string]kind{"wait": flag, "no-wait": flag}, usage: "[--wait]", operation: "stop", banner: "Shutting down RabbitMQ node {node} running at PID {pid}"},
	{name: "stop_app", tools: ctl, app: either, early: true, about: "Closes the broker, and leaves the process", banner: "Stopping rabbit application on node {node} ..."},
	{name: "start_app", tools: ctl, app: either, early: true, about: "Opens the broker again", banner: "Starting node {node} ..."},
	{name: "reset", tools: ctl, app: stopped, about: "Erases all that the broker keeps", banner: "Resetting node {node} ..."},
	{name: "force_reset", tools: ctl, app: stopped, about: "Does what reset does", operation: "reset", banner: "Forcefully resetting node {node} ..."},
	{
		name: "node_health_check", tools: ctl | diagnostics, about: "Tells whether the broker runs (deprecated)", usage: "[--timeout <timeout>]", operation: "status", show: healthCheck,
		banner: "This command is DEPRECATED and will be removed in a future version.\nIt performs intrusive, opinionated health checks and requires a fully booted node.\nUse one of the options covered in https://www.rabbitmq.com/monitoring.html#health-checks instead.\nTimeout: {health-timeout} seconds ...\nChecking health of node {node} ...",
	},
	{name: "rotate_logs", tools: ctl, about: "Does nothing", operation: "-", check: noRotation},
	{
		name: "set_log_level", tools: ctl, about: "Sets how much is logged", args: "level", usage: "<log_level>", vet: knownLevel, banner: `Setting log level to "{level}" ...`,
		failures: failures{"invalid": {exitUsage, "", false}},
	},
	{name: "set_vm_memory_high_watermark", tools: ctl, about: "Sets when publishers are held up for want of memory", args: "amount ?size", usage: "<fraction> | absolute <value>", vet: memoryAmount, banner: "Setting memory threshold on {node} to {shown} ..."},
	{name: "set_disk_free_limit", tools: ctl, about: "Sets when publishers are held up for want of disk space", args: "amount ?size", usage: "<disk_limit> | mem_relative <fraction>", vet: diskAmount, banner: "Setting disk free limit on {node} to {shown} ..."},
	{
		name: "export_definitions", tools: ctl, about: "Writes definitions to a file, or with - to standard output", args: "?file", usage: "<file_path | \"-\"> [--format <json | erlang>] [--timeout <timeout>]", switches: map[string]kind{"format": text},
		vet: needFile, banner: "Exporting definitions in JSON to a file at \"{file}\" ...", show: writeDefinitions,
	},
	{
		name: "import_definitions", tools: ctl, about: "Reads definitions from a file, or from standard input", args: "?file", usage: "<file_path | \"-\"> [--format <json | erlang>] [--skip-if-unchanged] [--timeout <timeout>]", switches: map[string]kind{"format": text, "skip-if-unchanged": flag},
		vet: sourceOfDefinitions, check: readDefinitions, banner: "Importing definitions in JSON from {source} ...", show: says("Successfully started definition import. This process is asynchronous and can take some time."),
	},
	{name: "set_cluster_name", tools: ctl, about: "Sets the name of the cluster", args: "value", usage: "<name>", banner: "Setting cluster name to {value} ..."},
	{name: "hash_password", tools: ctl, about: "Hashes a password", args: "?password", usage: "<cleartext_password>", operation: "-", check: askPassword, banner: "Will hash password {password}", show: hashPassword},
	{name: "list_feature_flags", tools: ctl | diagnostics, about: "Lists feature flags", usage: "[--no-table-headers] [<column> ...]", columns: "name state stability provided_by desc doc_url", shown: "name state", banner: "Listing feature flags ...", operation: "-", show: featureFlags},
	{name: "enable_feature_flag", tools: ctl, about: "Enables a feature flag: all are", args: "flag", usage: "<feature_flag>", banner: "Enabling {which} ...", operation: "-", vet: sayFlag, check: checkFlag},
	{name: "list_node_auth_attempt_stats", tools: ctl | diagnostics, about: "Not kept: lists nothing", operation: "-", banner: "Listing authentication\n        attempts for node \"{node}\" ..."},
	{name: "list_unresponsive_queues", tools: ctl | diagnostics, about: "Lists queues that do not answer: none", usage: "[--local] [--queue-timeout <queue-timeout>] [<column> ...] [--no-table-headers]", live: true, columns: "name", shown: "name", operation: "-", banner: "Listing unresponsive queues for vhost {vhost} ..."},
	{name: "list_hashes", tools: ctl | diagnostics, about: "Lists hash functions of passwords", operation: "-", banner: "Listing supported hash algorithms ...", show: hashes},
	unsupported("eval", "<expression>", "there is no Erlang in leveret: see list_* and status, or the metrics"),
	unsupported("exec", "<expr> [--offline]", "there is no Elixir in leveret"),
	unsupported("join_cluster", "[--disc|--ram] <existing_cluster_member>", "leveret is one node"),
	unsupported("forget_cluster_node", "[--offline] <existing_cluster_member>", "leveret is one node"),
	unsupported("change_cluster_node_type", "<disc|ram>", "leveret is one node"),
	unsupported("force_boot", "", "leveret is one node"),
	unsupported("trace_on", "[--vhost <vhost>]", "leveret does not trace"),
	unsupported("trace_off", "[--vhost <vhost>]", "leveret does not trace"),
	unsupported("sync_queue", "[--vhost <vhost>] <queue>", "leveret has no mirrored queues"),
	unsupported("cancel_sync_queue", "[--vhost <vhost>] <queue>", "leveret has no mirrored queues"),
	unsupported("encode", "value passphrase [--cipher <cipher>] [--hash <hash>] [--iterations <iterations>]", "leveret has no encrypted values"),
	unsupported("decode", "value passphrase [--cipher <cipher>] [--hash <hash>] [--iterations <iterations>]", "leveret has no encrypted values"),
	{
		name: "restart_vhost", tools: ctl, about: "Succeeds: virtual hosts do not fail one by one", usage: "[--vhost <vhost>] [--timeout <timeout>]", operation: "ping",
		banner: "Trying to restart vhost '{vhost}' on node '{node}' ...", show: says("Vhost '{vhost}' is already running on node '{node}'"),
	},
}

var unitSwitch = map[string]kind{"unit": text}
