package config

var startKeys = []Key{
	{Name: "leveret.strict_config", Flag: "strict-config", Kind: boolean, Default: "false", Usage: "refuse keys that nobody knows, instead of a warning"},
	{
		Name: "leveret.socket", Flag: "socket", Kind: text,
		Usage: "`FILE`, a Unix socket, through which commands such as rabbitmqctl come; default leveret.sock in the data directory",
	},
	{Name: "leveret.pprof", Flag: "pprof", Kind: loopback, Usage: "serve profiles over HTTP on `ADDR`, a loopback address"},
}

var logKeys = []Key{
	{Name: "log.default.level", Flag: "log-level", Kind: level, Default: "info", Usage: "`LEVEL`: trace, debug, info, warning, error or none"},
	{Name: "log.console", Kind: boolean, Default: "true", Usage: "log to standard output"},
	{Name: "log.console.level", Kind: level, Usage: "level of what goes to standard output"},
	{
		Name: "log.console.formatter", Flag: "log-format", Kind: choice("plaintext", "console", "json"), Default: "plaintext",
		Usage: "`FORMAT`: plaintext, RabbitMQ's lines, or json, an object a line",
	},
	{Name: "log.dir", Variable: "RABBITMQ_LOG_BASE", Kind: directory, Default: ".", Usage: "where log.file is, unless it says so itself"},
	{Name: "log.file", Flag: "log-file", Kind: text, Default: "false", Usage: "log to `FILE` as well; it is opened anew at SIGHUP"},
	{Name: "log.file.level", Kind: level, Usage: "level of what goes to the file"},
	{Name: "log.file.formatter", Kind: choice("plaintext", "console", "json"), Default: "plaintext", Usage: "plaintext or json"},
	{Name: "log.connection.level", Kind: level, Usage: "level from which lines about connections are logged"},
	{Name: "log.channel.level", Kind: level, Usage: "level from which lines about channels are logged"},
}
