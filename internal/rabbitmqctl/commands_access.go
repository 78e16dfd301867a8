package rabbitmqctl

// Failures that several commands have.
var (
	noVhost = failure{exitData, "Virtual host '{vhost}' does not exist", true}
	// Where RabbitMQ only finds out when it acts.
	lateNoVhost = failure{exitUnavailable, "Virtual host {vhost} does not exist", false}
	noUser      = failure{exitNoUser, `User "{user}" does not exist`, false}
	lateNoUser  = failure{exitNoUser, "User {user} does not exist", false}
	rawNoUser   = failure{exitUnavailable, `{:no_such_user, "{user}"}`, false}
	noParameter = failure{exitUnavailable, "Parameter does not exist", false}
)

var userCommands = []command{
	{
		name: "list_users", tools: ctl | diagnostics, about: "Lists users with their tags",
		usage: "[--no-table-headers] [--timeout <timeout>]", columns: "user tags", shown: "user tags", banner: "Listing users ...",
	},
	{
		name: "add_user", tools: ctl, about: "Adds a user, who has no permissions yet", args: "user ?password",
		usage: "<username> <password>", banner: `Adding user "{user}" ...`, check: askPassword,
		done: "Done. Don't forget to grant the user permissions to some virtual hosts! " +
			"See 'rabbitmqctl help set_permissions' to learn more.",
		failures: failures{"exists": {exitSoftware, `User "{user}" already exists`, false}},
	},
	{
		name: "delete_user", tools: ctl, about: "Deletes a user", args: "user",
		usage: "<username>", banner: `Deleting user "{user}" ...`, failures: failures{"no_user": noUser},
	},
	{
		name: "change_password", tools: ctl, about: "Changes the password of a user", args: "user ?password",
		usage: "<username> <password>", banner: `Changing password for user "{user}" ...`, check: askPassword,
		failures: failures{"no_user": noUser},
	},
	{
		name: "clear_password", tools: ctl, about: "Takes the password of a user away, who cannot log in with one then", args: "user",
		usage: "<username>", banner: `Clearing password for user "{user}" ...`, failures: failures{"no_user": rawNoUser},
	},
	{
		name: "authenticate_user", tools: ctl, about: "Tells whether a user may log in with a password", args: "user ?password",
		usage: "<username> <password>", banner: `Authenticating user "{user}" ...`, check: askPassword, done: "Success",
		failures: failures{"refused": {
			exitData, "Error: failed to authenticate user \"{user}\"\nuser '{user}' - invalid credentials", false,
		}},
	},
	{
		name: "set_user_tags", tools: ctl, about: "Gives a user tags in place of those there were", args: "user *tag",
		usage: "<username> <tag> [...]", banner: `Setting tags for user "{user}" to [{tag}] ...`, failures: failures{"no_user": noUser},
	},
	{
		name: "set_permissions", tools: ctl, about: "Sets what a user may do in a virtual host", args: "user configure write read",
		usage: "[--vhost <vhost>] <username> <conf> <write> <read>", banner: `Setting permissions for user "{user}" in vhost "{vhost}" ...`,
		failures: failures{"no_user": lateNoUser, "no_vhost": lateNoVhost},
	},
	{
		name: "clear_permissions", tools: ctl, about: "Takes the permissions of a user in a virtual host away", args: "user",
		usage: "[--vhost <vhost>] <username>", banner: `Clearing permissions for user "{user}" in vhost "{vhost}" ...`,
		failures: failures{"no_user": lateNoUser, "no_vhost": lateNoVhost},
	},
	{
		name: "list_permissions", tools: ctl | diagnostics, about: "Lists the permissions in a virtual host",
		usage: "[--vhost <vhost>] [--no-table-headers] [--timeout <timeout>]", columns: "user configure write read",
		shown: "user configure write read", banner: `Listing permissions for vhost "{vhost}" ...`, failures: failures{"no_vhost": noVhost},
	},
	{
		name: "list_user_permissions", tools: ctl | diagnostics, about: "Lists the permissions of a user", args: "user",
		usage: "[--no-table-headers] <username> [--timeout <timeout>]", columns: "vhost configure write read", shown: "vhost configure write read",
		banner: `Listing permissions for user "{user}" ...`, failures: failures{"no_user": rawNoUser},
	},
	{
		name: "set_topic_permissions", tools: ctl, about: "Sets which routing keys of a topic exchange a user may use", args: "user exchange write read",
		usage:    "[--vhost <vhost>] <username> <exchange> <write> <read>",
		banner:   `Setting topic permissions on "{exchange}" for user "{user}" in vhost "{vhost}" ...`,
		failures: failures{"no_user": lateNoUser, "no_vhost": lateNoVhost},
	},
	{
		name: "clear_topic_permissions", tools: ctl, about: "Takes topic permissions of a user away", args: "user ?exchange",
		usage: "[--vhost <vhost>] <username> [<exchange>]", banner: `Clearing topic permissions{on} for user "{user}" in vhost "{vhost}" ...`,
		vet: sayExchange, failures: failures{"no_user": lateNoUser, "no_vhost": lateNoVhost},
	},
	{
		name: "list_topic_permissions", tools: ctl | diagnostics, about: "Lists the topic permissions in a virtual host",
		usage: "[--vhost <vhost>] [--no-table-headers] [--timeout <timeout>]", columns: "user exchange write read", shown: "user exchange write read",
		banner: `Listing topic permissions for vhost "{vhost}" ...`, failures: failures{"no_vhost": noVhost},
	},
	{
		name: "list_user_topic_permissions", tools: ctl | diagnostics, about: "Lists the topic permissions of a user", args: "user",
		usage: "[--no-table-headers] <username> [--timeout <timeout>]", columns: "vhost exchange write read", shown: "vhost exchange write read", vet: headless,
		banner: `Listing topic permissions for user "{user}" ...`, failures: failures{"no_user": rawNoUser},
	},
	{
		name: "set_user_limits", tools: ctl, about: "Limits the connections and channels of a user", args: "user definition",
		usage: "<username> <definition>", banner: `Setting user limits to "{definition}" for user "{user}" ...`,
		failures: failures{"no_user": rawNoUser},
	},
	{
		name: "clear_user_limits", tools: ctl, about: "Lifts one limit of a user, or all", args: "user limit",
		usage: "<username> <limit_type> | all", banner: `Clearing {which} for user "{user}" ...`, vet: sayLimit,
		failures: failures{"no_user": rawNoUser},
	},
	{
		name: "list_user_limits", tools: ctl | diagnostics, about: "Lists the limits of users", switches: map[string]kind{"user": text, "global": flag},
		usage: "[--user <username>] [--global]", columns: "user limits", shown: "user limits", banner: "{listing}", vet: sayUserLimits,
		failures: failures{"no_user": rawNoUser},
	},
}

var vhostCommands = []command{
	{
		name: "list_vhosts", tools: ctl | diagnostics, about: "Lists virtual hosts",
		usage: "[--no-table-headers] [<column> ...] [--timeout <timeout>]", columns: "name description tags default_queue_type tracing cluster_state",
		shown: "name", banner: "Listing vhosts ...",
	},
	{
		name: "add_vhost", tools: ctl, about: "Adds a virtual host", args: "vhost",
		switches: map[string]kind{"description": text, "tags": text, "default-queue-type": text},
		usage:    `<vhost> [--description <description> --tags "<tag1>,<tag2>,<...>" --default-queue-type <quorum|classic|stream>]`,
		banner:   `Adding vhost "{vhost}" ...`,
	},
	{
		name: "delete_vhost", tools: ctl, about: "Deletes a virtual host with all that is in it", args: "vhost",
		usage: "<vhost>", banner: `Deleting vhost "{vhost}" ...`, failures: failures{"no_vhost": noVhost},
	},
	{
		name: "set_vhost_limits", tools: ctl, about: "Limits the connections and queues of a virtual host", args: "definition",
		usage: "[--vhost <vhost>] <definition>", banner: `Setting vhost limits to "{definition}" for vhost "{vhost}" ...`,
		failures: failures{"no_vhost": noVhost},
	},
	{
		name: "clear_vhost_limits", tools: ctl, about: "Lifts the limits of a virtual host",
		usage: "[--vhost <vhost>]", banner: `Clearing vhost "{vhost}" limits ...`, failures: failures{"no_parameter": noParameter, "no_vhost": noParameter},
	},
	{
		name: "list_vhost_limits", tools: ctl | diagnostics, about: "Lists the limits of virtual hosts", switches: map[string]kind{"global": flag},
		usage: "[--vhost <vhost>] [--global] [--no-table-headers]", columns: "vhost limits", shown: "vhost limits", banner: "{listing}", vet: sayVhostLimits,
		failures: failures{"no_vhost": noVhost},
	},
	{
		name: "set_vhost_tags", tools: ctl, about: "Gives a virtual host tags in place of those there were", args: "vhost *tag",
		usage: "<vhost> <tag> [...]", banner: `Setting tags for virtual host "{vhost}" to [{tag}] ...`,
		failures: failures{"no_vhost": {exitData, `Virtual host "{vhost}" does not exist`, false}},
	},
}

var policyCommands = []command{
	{
		name: "list_policies", tools: ctl | diagnostics, about: "Lists the policies of a virtual host",
		usage: "[--vhost <vhost>] [--no-table-headers] [--timeout <timeout>]", columns: policyColumns, shown: policyColumns, banner: `Listing policies for vhost "{vhost}" ...`,
		failures: failures{"no_vhost": noVhost},
	},
	{
		name: "set_policy", tools: ctl, about: "Sets a policy", args: "name pattern definition", switches: policySwitches, usage: policyUsage,
		vet:      preset("priority", "0"),
		banner:   `Setting policy "{name}" for pattern "{pattern}" to "{definition}" with priority "{priority}" for vhost "{vhost}" ...`,
		failures: failures{"no_vhost": noVhost},
	},
	{
		name: "clear_policy", tools: ctl, about: "Clears a policy", args: "name", usage: "[--vhost <vhost>] <name>",
		banner: `Clearing policy "{name}" on vhost "{vhost}" ...`, failures: failures{"no_vhost": noParameter, "no_parameter": noParameter},
	},
	{
		name: "list_operator_policies", tools: ctl | diagnostics, about: "Lists the operator policies of a virtual host",
		usage: "[--vhost <vhost>] [--no-table-headers]", columns: policyColumns, shown: policyColumns,
		banner: `Listing operator policy overrides for vhost "{vhost}" ...`, failures: failures{"no_vhost": noVhost},
	},
	{
		name: "set_operator_policy", tools: ctl, about: "Sets an operator policy", args: "name pattern definition", switches: policySwitches, usage: policyUsage,
		vet:      preset("priority", "0"),
		banner:   `Setting operator policy override "{name}" for pattern "{pattern}" to "{definition}" with priority "{priority}" for vhost "{vhost}" ...`,
		failures: failures{"no_vhost": noVhost},
	},
	{
		name: "clear_operator_policy", tools: ctl, about: "Clears an operator policy", args: "name", usage: "[--vhost <vhost>] <name>",
		banner: `Clearing operator policy "{name}" on vhost "{vhost}" ...`, failures: failures{"no_vhost": noParameter, "no_parameter": noParameter},
	},
	{
		name: "list_parameters", tools: ctl | diagnostics, about: "Lists the runtime parameters of a virtual host",
		usage: "[--vhost <vhost>] [--no-table-headers]", columns: "component name value", shown: "component name value",
		banner: `Listing runtime parameters for vhost "{vhost}" ...`, failures: failures{"no_vhost": noVhost},
	},
	{
		name: "set_parameter", tools: ctl, about: "Sets a runtime parameter", args: "component name value", usage: "[--vhost <vhost>] <component_name> <name> <value>",
		banner:   `Setting runtime parameter "{name}" for component "{component}" to "{value}" in vhost "{vhost}" ...`,
		failures: failures{"no_vhost": noVhost},
	},
	{
		name: "clear_parameter", tools: ctl, about: "Clears a runtime parameter", args: "component name", usage: "[--vhost <vhost>] <component_name> <name>",
		banner:   `Clearing runtime parameter "{name}" for component "{component}" on vhost "{vhost}" ...`,
		failures: failures{"no_vhost": noParameter, "no_parameter": noParameter},
	},
	{
		name: "list_global_parameters", tools: ctl | diagnostics, about: "Lists global runtime parameters", usage: "[--no-table-headers]",
		columns: "name value", shown: "name value", banner: "Listing global runtime parameters ...",
	},
	{
		name: "set_global_parameter", tools: ctl, about: "Sets a global runtime parameter", args: "name value", usage: "<name> <value>",
		banner: `Setting global runtime parameter "{name}" to "{value}" ...`,
	},
	{
		name: "clear_global_parameter", tools: ctl, about: "Clears a global runtime parameter", args: "name", usage: "<name>",
		banner: `Clearing global runtime parameter "{name}" ...`, failures: failures{"no_parameter": noParameter},
	},
}

const (
	policyColumns = "vhost name pattern apply-to definition priority"
	policyUsage   = "[--vhost <vhost>] [--priority <priority>] [--apply-to <apply-to>] <name> <pattern> <definition>"
)

var policySwitches = map[string]kind{"priority": number, "apply-to": text}
