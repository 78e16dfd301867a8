package rabbitmqctl

// What is listed of a vhost that is not there is nothing.
var noRows = failures{"no_vhost": {code: 0}}

var topologyCommands = []command{
	{
		name: "list_queues", tools: ctl | diagnostics, about: "Lists queues", live: true, failures: noRows,
		switches: map[string]kind{"online": flag, "offline": flag, "local": flag},
		usage:    "[--vhost <vhost>] [--online] [--offline] [--local] [--no-table-headers] [<column>, ...] [--timeout <timeout>]",
		columns: "name durable auto_delete arguments policy pid owner_pid exclusive exclusive_consumer_pid exclusive_consumer_tag " +
			"messages_ready messages_unacknowledged messages messages_ready_ram messages_unacknowledged_ram messages_ram messages_persistent " +
			"message_bytes message_bytes_ready message_bytes_unacknowledged message_bytes_ram message_bytes_persistent head_message_timestamp " +
			"disk_reads disk_writes consumers consumer_utilisation consumer_capacity memory slave_pids synchronised_slave_pids state type " +
			"leader members online vhost operator_policy effective_policy_definition single_active_consumer_tag active_consumers message_bytes_paged_out",
		shown: "name messages", banner: "Timeout: {timeout} seconds ...\nListing queues for vhost {vhost} ...",
	},
	{
		name: "list_exchanges", tools: ctl | diagnostics, about: "Lists exchanges", live: true, failures: noRows,
		usage:   "[--vhost <vhost>] [--no-table-headers] [<column> ...] [--timeout <timeout>]",
		columns: "name type durable auto_delete internal arguments policy delayed", shown: "name type",
		banner: "Listing exchanges for vhost {vhost} ...",
	},
	{
		name: "list_bindings", tools: ctl | diagnostics, about: "Lists bindings", live: true, failures: noRows,
		usage:   "[--vhost <vhost>] [--no-table-headers] [<column> ...] [--timeout <timeout>]",
		columns: bindingColumns, shown: bindingColumns, banner: "Listing bindings for vhost {vhost}...",
	},
	{
		name: "list_connections", tools: ctl | diagnostics, about: "Lists connections", live: true,
		usage: "[--no-table-headers] [<column> ...] [--timeout <timeout>]",
		columns: "pid name host port peer_host peer_port ssl ssl_protocol ssl_key_exchange ssl_cipher ssl_hash peer_cert_subject peer_cert_issuer peer_cert_validity state channels protocol " +
			"auth_mechanism user vhost timeout frame_max channel_max client_properties connected_at recv_oct recv_cnt send_oct send_cnt send_pend",
		shown: "user peer_host peer_port state", banner: "Listing connections ...",
	},
	{
		name: "list_channels", tools: ctl | diagnostics, about: "Lists channels", live: true,
		usage: "[--no-table-headers] [<column> ...]",
		columns: "pid connection name number user vhost transactional confirm consumer_count messages_unacknowledged messages_uncommitted " +
			"acks_uncommitted messages_unconfirmed prefetch_count global_prefetch_count",
		shown: "pid user consumer_count messages_unacknowledged", banner: "Listing channels ...",
	},
	{
		name: "list_consumers", tools: ctl | diagnostics, about: "Lists consumers", live: true, failures: noRows,
		usage:   "[--vhost <vhost>] [--no-table-headers] [<column> ...] [--timeout <timeout>]",
		columns: "queue_name channel_pid consumer_tag ack_required prefetch_count active activity_status arguments exclusive",
		shown:   "queue_name channel_pid consumer_tag ack_required prefetch_count active arguments",
		banner:  "Listing consumers in vhost {vhost} ...",
	},
	{
		name: "purge_queue", tools: ctl, about: "Removes all messages that are ready in a queue", args: "queue",
		usage: "<queue> [--timeout <timeout>]", banner: "Purging queue '{queue}' in vhost '{vhost}' ...",
		failures: failures{"no_queue": notFound, "no_vhost": notFound},
	},
	{
		name: "delete_queue", tools: ctl, about: "Deletes a queue", args: "queue", switches: map[string]kind{"if-empty": flag, "if-unused": flag},
		usage: "[--vhost <vhost>] <queue_name> [--if-empty|-e] [--if-unused|-u] [--timeout <timeout>]",
		vet:   sayConditions, banner: "Deleting queue '{queue}' on vhost '{vhost}'{conditions} ...", show: deleted,
		failures: failures{
			"no_queue": {exitUsage, "Queue not found", false}, "no_vhost": {exitUsage, "Queue not found", false},
			"in_use": {exitUsage, "Queue is in use", false}, "not_empty": {exitUsage, "Queue is not empty", false},
		},
	},
	{
		name: "close_connection", tools: ctl, about: "Closes a connection, which list_connections pid or name shows", args: "connection reason",
		usage: "<connectionpid> <explanation>", banner: "Closing connection {connection}, reason: {reason}...",
		failures: failures{"invalid": {exitUnavailable, "Error:\n{:invalid_pid_syntax, \"{connection}\"}", false}, "no_connection": {code: 0}},
	},
	{
		name: "close_all_connections", tools: ctl, about: "Closes the connections to a virtual host, or all of them", args: "reason",
		switches: map[string]kind{"limit": number, "global": flag, "per-connection-delay": number},
		usage:    "[--vhost <vhost> --limit <limit>] [-n <node> --global] [--per-connection-delay <delay>] <explanation>",
		banner:   "Closing all connections in vhost {vhost}, reason: {reason}...", show: closed,
	},
	{
		name: "close_all_user_connections", tools: ctl, about: "Closes the connections of a user", args: "user reason",
		usage: "<username> <explanation>", banner: "Closing connections of user {user}, reason: {reason}...",
	},
}

const bindingColumns = "source_name source_kind destination_name destination_kind routing_key arguments"

var notFound = failure{exitUnavailable, "not_found", false}
