package config

var definitionKeys = []Key{
	{
		Name: "load_definitions", Flag: "load-definitions", Kind: text,
		Usage: "import the definitions of `FILE`, or of all .json files of a directory in the order of their names, before clients may connect",
	},
	{Name: "management.load_definitions", Kind: text, Usage: "likewise; with load_definitions, both are imported"},
	{
		Name: "definitions.import_backend", Kind: choice("local_filesystem", "https", "rabbit_definitions_import_local_filesystem", "rabbit_definitions_import_https"),
		Usage: "where definitions come from; without it, from where there is a key for",
	},
	{Name: "definitions.local.path", Kind: text, Usage: "as load_definitions"},
	{Name: "definitions.https.url", Kind: text, Usage: "import the definitions that a server gives"},
	{
		Name: "definitions.skip_if_unchanged", Kind: boolean, Default: "false",
		Usage: "do not import at a start what was imported at the one before",
	},
}
