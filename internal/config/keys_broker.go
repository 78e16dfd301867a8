package config

import "math"

var listenerKeys = []Key{
	{Name: "listeners.tcp", Kind: none, Group: "listeners.tcp", Usage: "none: no listeners without TLS"},
	{
		Name: "listeners.tcp.$name", Flag: "listen", Many: true, Kind: address, Default: "5672", Group: "listeners.tcp",
		Usage: "accept AMQP connections on `ADDR`, a port or host:port; repeat it, or separate by commas",
	},
	{Name: "listeners.ssl", Kind: none, Group: "listeners.ssl", Usage: "none: no listeners with TLS"},
	{
		Name: "listeners.ssl.$name", Flag: "tls-listen", Many: true, Kind: address, Group: "listeners.ssl",
		Usage: "accept AMQP connections with TLS on `ADDR`, a port or host:port; default :5671 if a flag or variable gives a certificate",
	},
	{Name: "proxy_protocol", Kind: choice("false"), Usage: "PROXY headers are not understood"},
	{Name: "handshake_timeout", Flag: "handshake-timeout", Kind: milliseconds, Default: "10s", Usage: "`TIME` from accepting a connection to connection.open"},
}

var tlsKeys = []Key{
	{Name: "ssl_options", Kind: none, Usage: "none: nothing"},
	{Name: "ssl_options.certfile", Flag: "tls-cert", Variable: "RABBITMQ_SSL_CERTFILE", Kind: file, Usage: "PEM `FILE` of the server's certificate, and those that lead to a root"},
	{Name: "ssl_options.keyfile", Flag: "tls-key", Variable: "RABBITMQ_SSL_KEYFILE", Kind: file, Usage: "PEM `FILE` of the certificate's private key"},
	{Name: "ssl_options.cacertfile", Flag: "tls-ca", Variable: "RABBITMQ_SSL_CACERTFILE", Kind: file, Usage: "PEM `FILE` of the authorities that clients' certificates are verified with"},
	{Name: "ssl_options.password", Flag: "tls-key-password", Kind: text, Secret: true, Usage: "`PASSWORD` of the private key"},
	{
		Name: "ssl_options.verify", Flag: "tls-verify", Variable: "RABBITMQ_SSL_VERIFY", Kind: choice("verify_peer", "verify_none"), Default: "verify_none",
		Usage: "`MODE`: verify_peer asks clients for a certificate, and verifies it",
	},
	{
		Name: "ssl_options.fail_if_no_peer_cert", Flag: "tls-require-client-cert", Variable: "RABBITMQ_SSL_FAIL_IF_NO_PEER_CERT", Kind: boolean, Default: "false",
		Usage: "with verify_peer, refuse clients without a certificate",
	},
	{Name: "ssl_options.depth", Flag: "tls-depth", Variable: "RABBITMQ_SSL_DEPTH", Kind: number(0, 255), Usage: "largest `NUMBER` of certificates between a client's and its root"},
	{
		Name: "ssl_options.versions.$n", Flag: "tls-version", Many: true, Kind: choice("tlsv1", "tlsv1.1", "tlsv1.2", "tlsv1.3"), Group: "ssl_options.versions",
		Usage: "`VERSION` of TLS: tlsv1.3, tlsv1.2, and for old clients tlsv1.1 or tlsv1; repeat it; default tlsv1.2 and tlsv1.3",
	},
}

var accessKeys = []Key{
	{
		Name: "default_vhost", Variable: "RABBITMQ_DEFAULT_VHOST", Kind: name, Group: "vhosts",
		Usage: "virtual host that there is at first",
	},
	{
		Name: "leveret.vhosts.$n", Flag: "vhost", Many: true, Kind: name, Default: "/", Group: "vhosts",
		Usage: "virtual host `NAME`; repeat it, or separate by commas",
	},
	{
		Name: "default_user", Flag: "default-user", Variable: "RABBITMQ_DEFAULT_USER", Kind: name, Default: "guest",
		Usage: "`NAME` of the user; guest may log in from this machine only",
	},
	{
		Name: "default_pass", Flag: "default-pass", Variable: "RABBITMQ_DEFAULT_PASS", Kind: name, Default: "guest", Secret: true,
		Usage: "`PASSWORD` of the user",
	},
	{Name: "default_permissions.configure", Kind: regex, Default: ".*", Usage: "what the user may declare and delete, a regular expression"},
	{Name: "default_permissions.write", Kind: regex, Default: ".*", Usage: "what the user may publish and bind to"},
	{Name: "default_permissions.read", Kind: regex, Default: ".*", Usage: "what the user may consume and bind from"},
	{Name: "default_user_tags.$tag", Kind: boolean, Usage: "tags of the user; default administrator"},
	{Name: "loopback_users", Kind: none, Group: "loopback_users", Usage: "none: every user may log in from anywhere"},
	{Name: "loopback_users.$user", Kind: boolean, Group: "loopback_users", Usage: "users who may log in from this machine only; default guest"},
	{
		Name: "anonymous_login_user", Flag: "anonymous-user", Kind: name,
		Usage: "`NAME` of the user that the mechanism ANONYMOUS logs in, which is then offered; none: it is not; default guest, if auth_mechanisms has ANONYMOUS",
	},
	{Name: "anonymous_login_pass", Kind: text, Secret: true, Usage: "its password, which is not asked for"},
	{
		Name: "auth_mechanisms.$n", Flag: "auth-mechanism", Many: true, Kind: choice("PLAIN", "AMQPLAIN", "EXTERNAL", "ANONYMOUS"), Group: "auth_mechanisms",
		Usage: "`NAME` of a SASL mechanism: PLAIN, AMQPLAIN, EXTERNAL or ANONYMOUS; repeat it; default PLAIN and AMQPLAIN",
	},
	{
		Name: "ssl_cert_login_from", Kind: choice("distinguished_name", "common_name", "subject_alternative_name", "subject_alt_name"),
		Default: "distinguished_name", Usage: "what of a client's certificate names the user, with EXTERNAL",
	},
	{Name: "ssl_cert_login_san_type", Kind: choice("dns", "ip", "email", "uri"), Default: "dns", Usage: "which alternative names do"},
	{Name: "ssl_cert_login_san_index", Kind: number(0, 1000), Default: "0", Usage: "which one of these, from 0"},
	{
		Name: "password_hashing_module", Flag: "password-hashing",
		Kind:  choice("leveret_password_hashing_bcrypt", "rabbit_password_hashing_sha256", "rabbit_password_hashing_sha512"),
		Usage: "`NAME` of how new passwords are hashed: leveret_password_hashing_bcrypt, rabbit_password_hashing_sha256 or rabbit_password_hashing_sha512; default the first, or the second with --memory",
	},
	{Name: "auth_backends.$n", Kind: choice("internal", "rabbit_auth_backend_internal"), Usage: "internal: there is no other"},
	{Name: "cluster_name", Flag: "cluster-name", Kind: name, Default: "leveret", Usage: "`NAME` told to clients"},
	{
		Name: "product.version", Flag: "server-version", Variable: "RABBITMQ_PRODUCT_VERSION", Kind: name, Default: "3.13.7",
		Usage: "`VERSION` told to clients, some of which choose features by it",
	},
}

// maxMessageSizeLimit is the largest message that RabbitMQ can be set to
// accept, 512 MiB.
const maxMessageSizeLimit = 512 << 20

var clientKeys = []Key{
	{Name: "heartbeat", Flag: "heartbeat", Kind: heartbeat, Default: "60", Usage: "`SECONDS` between heartbeats offered to clients; 0 offers none"},
	{Name: "frame_max", Flag: "frame-max", Kind: bytes(4096, math.MaxInt32), Default: "131072", Usage: "largest frame in `BYTES`, at least 4096"},
	{
		Name: "max_channels_per_connection", Alias: "channel_max", Flag: "channel-max", Kind: number(0, math.MaxUint16), Default: "2047",
		Usage: "largest `NUMBER` of channels of a connection; 0 is no limit",
	},
	{
		Name: "max_message_size", Flag: "max-message-size", Kind: bytes(1, maxMessageSizeLimit), Default: "134217728",
		Usage: "largest message body in `BYTES`, up to 536870912",
	},
	{Name: "max_connections", Alias: "connection_max", Flag: "connection-max", Kind: limit, Default: "infinity", Usage: "largest `NUMBER` of connections, or infinity"},
	{
		Name: "consumer_timeout", Flag: "consumer-timeout", Kind: milliseconds, Default: "30m",
		Usage: "close a channel that does not acknowledge a delivery within `TIME`, such as 90s or 30m, or in milliseconds; 0 is never",
	},
}

// The journal has eight segments: less than the least would be mere overhead,
// and more than the most would have segments in which offsets do not fit.
const (
	leastJournal = 1 << 20
	mostJournal  = 16 << 30
)

var storeKeys = []Key{
	{
		Name: "default_queue_type", Flag: "default-queue-type", Kind: choice("classic", "quorum", "stream"),
		Usage: "`TYPE` of queues declared without one: classic, quorum or stream; default classic",
	},
	{Name: "leveret.data_dir", Flag: "data-dir", Kind: directory, Default: "./leveret-data", Usage: "keep what is durable in `DIR`, which is made if it is not there"},
	{
		Name: "leveret.durability", Flag: "durability", Kind: choice("disk", "os"), Default: "disk",
		Usage: "`CLASS` of what is confirmed: disk, synced to disk, or os, handed to the operating system",
	},
	{
		Name: "leveret.journal_size", Flag: "journal-size", Kind: bytes(leastJournal, mostJournal), Default: "512MiB",
		Usage: "`SIZE` that the journal may grow to before the oldest messages in it move on",
	},
	{Name: "leveret.accept_loss", Flag: "accept-loss", Kind: boolean, Default: "false", Usage: "start on a damaged data directory, without what is lost"},
	{Name: "leveret.memory", Flag: "memory", Kind: boolean, Default: "false", Usage: "keep nothing on disk"},
}

var resourceKeys = []Key{
	{Name: "vm_memory_high_watermark.absolute", Kind: absolute, Group: "vm_memory_high_watermark", Usage: "as vm_memory_high_watermark, a size: it goes before a part"},
	{Name: "vm_memory_high_watermark.relative", Kind: part, Group: "vm_memory_high_watermark", Usage: "as vm_memory_high_watermark, a part"},
	{
		Name: "vm_memory_high_watermark", Flag: "memory-high-watermark", Variable: "RABBITMQ_VM_MEMORY_HIGH_WATERMARK",
		Kind: watermark, Default: "0.6", Group: "vm_memory_high_watermark",
		Usage: "hold up publishers while the broker uses more memory than `AMOUNT`: a part of what it may use at most, or a size such as 512MiB",
	},
	{Name: "disk_free_limit.absolute", Kind: absolute, Group: "disk_free_limit", Usage: "as disk_free_limit, a size: it goes before a multiple"},
	{Name: "disk_free_limit.relative", Kind: multiple, Group: "disk_free_limit", Usage: "as disk_free_limit, a multiple"},
	{
		Name: "disk_free_limit", Flag: "disk-free-limit", Kind: diskLimit, Default: "50MB", Group: "disk_free_limit",
		Usage: "hold up publishers while less than `AMOUNT` of disk space is free: a size, or a multiple of the memory such as 1.5",
	},
}
