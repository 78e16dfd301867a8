package definitions

import "encoding/json"

// document is what a file has. Objects have the names and the order of fields of
// RabbitMQ.
type document struct {
	RabbitVersion   string  `json:"rabbit_version"`
	RabbitMQVersion string  `json:"rabbitmq_version"`
	ProductName     string  `json:"product_name"`
	ProductVersion  string  `json:"product_version"`
	Format          string  `json:"rabbitmq_definition_format"`
	ClusterName     *string `json:"original_cluster_name,omitempty"`
	VhostName       *string `json:"original_vhost_name,omitempty"`
	Explanation     string  `json:"explanation"`

	// Of a single vhost.
	Metadata    *metadata `json:"metadata,omitempty"`
	Description *string   `json:"description,omitempty"`
	Limits      limits    `json:"limits,omitempty"`

	// Of a cluster.
	Users            []user            `json:"users,omitempty"`
	Vhosts           []vhost           `json:"vhosts,omitempty"`
	Permissions      []permission      `json:"permissions,omitempty"`
	TopicPermissions []topicPermission `json:"topic_permissions,omitempty"`

	Parameters       []parameter `json:"parameters"`
	GlobalParameters []parameter `json:"global_parameters,omitempty"`
	Policies         []policy    `json:"policies"`
	Exchanges        []exchange  `json:"exchanges"`
	Queues           []queue     `json:"queues"`
	Bindings         []binding   `json:"bindings"`
}

type user struct {
	Name             string  `json:"name"`
	PasswordHash     string  `json:"password_hash"`
	HashingAlgorithm *string `json:"hashing_algorithm"`
	Password         *string `json:"password,omitempty"` // plain; is read, and never written
	Tags             tags    `json:"tags"`
	Limits           limits  `json:"limits"`
}

type vhost struct {
	Name string `json:"name"`
	metadata
	Metadata *metadata `json:"metadata,omitempty"`
	Limits   limits    `json:"limits"`
}

type metadata struct {
	Description      *string `json:"description,omitempty"`
	Tags             tags    `json:"tags,omitempty"`
	DefaultQueueType *string `json:"default_queue_type,omitempty"`
}

type permission struct {
	User      string `json:"user"`
	Vhost     string `json:"vhost"`
	Configure string `json:"configure"`
	Write     string `json:"write"`
	Read      string `json:"read"`
}

type topicPermission struct {
	User     string `json:"user"`
	Vhost    string `json:"vhost"`
	Exchange string `json:"exchange"`
	Write    string `json:"write"`
	Read     string `json:"read"`
}

type parameter struct {
	Vhost     *string         `json:"vhost,omitempty"`
	Component *string         `json:"component,omitempty"`
	Name      string          `json:"name"`
	Value     json.RawMessage `json:"value"`
}

type policy struct {
	Vhost      *string `json:"vhost,omitempty"`
	Name       string  `json:"name"`
	Pattern    string  `json:"pattern"`
	ApplyTo    string  `json:"apply-to"`
	Definition object  `json:"definition"`
	Priority   int     `json:"priority"`
}

type exchange struct {
	Name       string  `json:"name"`
	Vhost      *string `json:"vhost,omitempty"`
	Type       string  `json:"type"`
	Durable    *bool   `json:"durable"` // true, unless it says otherwise
	AutoDelete bool    `json:"auto_delete"`
	Internal   bool    `json:"internal"`
	Arguments  object  `json:"arguments"`
}

type queue struct {
	Name       string  `json:"name"`
	Vhost      *string `json:"vhost,omitempty"`
	Type       string  `json:"type,omitempty"`
	Durable    *bool   `json:"durable"` // likewise
	AutoDelete bool    `json:"auto_delete"`
	Arguments  object  `json:"arguments"`
}

type binding struct {
	Source          string  `json:"source"`
	Vhost           *string `json:"vhost,omitempty"`
	Destination     string  `json:"destination"`
	DestinationType string  `json:"destination_type"`
	RoutingKey      string  `json:"routing_key"`
	Arguments       object  `json:"arguments"`
}
