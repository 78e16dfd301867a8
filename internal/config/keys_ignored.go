package config

import "slices"

// ignored are keys that are accepted and do nothing, for a reason.
func ignored(why string, names ...string) []Key {
	keys := make([]Key, len(names))
	for i, n := range names {
		keys[i] = Key{Name: n, Kind: text, Effect: Ignored, Usage: why}
	}
	return keys
}

// ignoredKeys are those of RabbitMQ that have nothing to act on. Later rows are
// not looked at where an earlier one fits.
var ignoredKeys = slices.Concat(
	ignored("there is one node",
		"cluster_formation.*", "cluster_partition_handling", "cluster_partition_handling.*", "cluster_keepalive_interval",
		"net_ticktime", "distribution.*", "mirroring_sync_batch_size", "mirroring_sync_max_throughput",
		"queue_master_locator", "queue_leader_locator", "cluster_tags.*", "node_tags.*", "delegate_count",
		"prevent_startup_if_node_was_reset", "metadata_store.*", "mnesia_table_loading_retry_timeout", "mnesia_table_loading_retry_limit"),
	ignored("queues are stored in one way",
		"quorum_queue.*", "raft.*", "classic_queue.default_version", "queue_index_embed_msgs_below", "message_store_shutdown_timeout",
		"vm_memory_high_watermark_paging_ratio", "queue_types.*"),
	ignored("memory is what the kernel says that it is",
		"memory_monitor_interval", "vm_memory_calculation_strategy", "total_memory_available_override_value"),
	ignored("there is no Erlang here",
		"erlang.*", "socket_writer.*", "num_acceptors.*", "default_worker_pool_size", "background_gc_enabled", "background_gc_target_interval",
		"hipe_compile", "sysmon_handler.*", "ranch_connection_max"),
	ignored("this protocol is not served", "mqtt.*", "stomp.*", "stream.*", "web_mqtt.*", "web_stomp.*", "session_max_per_connection", "link_max_per_session"),
	ignored("there are no such plugins",
		"auth_ldap.*", "auth_http.*", "auth_oauth2.*", "auth_cache.*", "trust_store.*", "tracing.*", "shovel.*", "federation.*",
		"amqp1_0.*", "amqp10_client.*", "amqp_client.*", "aws.*", "event_exchange.*", "exchange_federation.*", "queue_federation.*"),
	ignored("the defaults of Go's TLS are used",
		"ssl_options.*", "ssl_allow_poodle_attack", "ssl_handshake_timeout"),
	ignored("the operating system's defaults are used, with TCP_NODELAY", "tcp_listen_options", "tcp_listen_options.*", "reverse_dns_lookups"),
	ignored("it is always 4096", "initial_frame_max"),
	ignored("clients look for RabbitMQ", "product.name"),
	ignored("nothing is collected: figures are those of the moment", "collect_statistics", "collect_statistics_interval", "management_agent.*"),
	ignored("the log goes to standard output or one file", "log.*"),
	ignored("there is no such limit",
		"runtime_parameters.limits.*", "vhost_max", "channel_max_per_node", "consumer_max_per_channel", "cluster_queue_limit", "cluster_exchange_limit"),
	ignored("definitions have these", "default_users.*", "default_policies.*", "default_limits.*"),
	ignored("it does nothing here",
		"vhost_restart_strategy", "consumer_disconnected_timeout", "motd_file", "credential_validator.*",
		"channel_interceptor.*", "message_interceptors.*", "exchange_types.*",
		"deprecated_features.permit.$name", "definitions.hashing.algorithm", "definitions.tls.*"),
)

// unservedKeys are about a surface that is not served.
var unservedKeys = func() []Key {
	keys := ignored("the HTTP API and metrics are not served", "management.*", "prometheus.*")
	for i := range keys {
		keys[i].Effect = Unserved
	}
	return keys
}()
