package definitions

import "encoding/json"

// sections are the lists of a document, with the fields that each object must
// have.
var sections = map[string]struct {
	read     func(*document, json.RawMessage) error
	required []string
	inVhost  bool // a field vhost is required, too, unless all is in one
}{
	"users":             {one(func(d *document) *[]user { return &d.Users }), []string{"name"}, false},
	"vhosts":            {one(func(d *document) *[]vhost { return &d.Vhosts }), []string{"name"}, false},
	"permissions":       {one(func(d *document) *[]permission { return &d.Permissions }), []string{"user", "vhost", "configure", "write", "read"}, false},
	"topic_permissions": {one(func(d *document) *[]topicPermission { return &d.TopicPermissions }), []string{"user", "vhost", "exchange", "write", "read"}, false},
	"parameters":        {one(func(d *document) *[]parameter { return &d.Parameters }), []string{"component", "name", "value"}, true},
	"global_parameters": {one(func(d *document) *[]parameter { return &d.GlobalParameters }), []string{"name", "value"}, false},
	"policies":          {one(func(d *document) *[]policy { return &d.Policies }), []string{"name", "pattern", "definition"}, true},
	"exchanges":         {one(func(d *document) *[]exchange { return &d.Exchanges }), []string{"name", "type"}, true},
	"queues":            {one(func(d *document) *[]queue { return &d.Queues }), []string{"name"}, true},
	"bindings":          {one(func(d *document) *[]binding { return &d.Bindings }), []string{"source", "destination", "destination_type"}, true},
}

// one reads an object of a list.
func one[T any](list func(*document) *[]T) func(*document, json.RawMessage) error {
	return func(d *document, raw json.RawMessage) error {
		var v T
		if err := json.Unmarshal(raw, &v); err != nil {
			return err
		}
		all := list(d)
		*all = append(*all, v)
		return nil
	}
}
