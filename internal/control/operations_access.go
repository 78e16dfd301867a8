package control

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/leveretmq/leveret/broker"
)

var userOperations = map[string]operation{
	"list_users":        list(func(q *request) ([]broker.User, error) { return q.Broker.Users(), nil }, userColumns),
	"add_user":          addUser,
	"delete_user":       func(q *request) (any, error) { return nil, q.Broker.DeleteUser(q.get("user")) },
	"change_password":   changePassword,
	"clear_password":    func(q *request) (any, error) { return nil, q.Broker.ClearPassword(q.get("user")) },
	"authenticate_user": authenticate,
	"set_user_tags":     func(q *request) (any, error) { return nil, q.Broker.SetUserTags(q.get("user"), q.arguments["tag"]...) },
	"set_user_limits": func(q *request) (any, error) {
		l, err := limitsIn(q.get("definition"), "user-limits", "max-connections", "max-channels")
		if err != nil {
			return nil, err
		}
		return nil, q.Broker.SetUserLimits(q.get("user"), l)
	},
	"clear_user_limits": func(q *request) (any, error) {
		names := []string{q.get("limit")}
		if names[0] == "all" {
			names = []string{"max-connections", "max-channels"}
		}
		return nil, q.Broker.ClearUserLimits(q.get("user"), names...)
	},
	"list_user_limits": list(userLimits, limitColumns),
}

var permissionOperations = map[string]operation{
	"set_permissions": func(q *request) (any, error) {
		return nil, q.Broker.SetPermission(broker.Permission{
			User: q.get("user"), Vhost: q.get("vhost"), Configure: q.get("configure"), Write: q.get("write"), Read: q.get("read"),
		})
	},
	"clear_permissions": func(q *request) (any, error) { return nil, q.Broker.ClearPermission(q.get("user"), q.get("vhost")) },
	"set_topic_permissions": func(q *request) (any, error) {
		return nil, q.Broker.SetTopicPermission(broker.TopicPermission{
			User: q.get("user"), Vhost: q.get("vhost"), Exchange: q.get("exchange"), Write: q.get("write"), Read: q.get("read"),
		})
	},
	"clear_topic_permissions": func(q *request) (any, error) {
		return nil, q.Broker.ClearTopicPermission(q.get("user"), q.get("vhost"), q.get("exchange"))
	},
	"list_permissions":            list(inTheVhost((*broker.Broker).Permissions, permissionVhost), permissionColumns),
	"list_topic_permissions":      list(inTheVhost((*broker.Broker).TopicPermissions, topicVhost), topicColumns),
	"list_user_permissions":       list(ofTheUser((*broker.Broker).Permissions, permissionUser), permissionColumns),
	"list_user_topic_permissions": list(ofTheUser((*broker.Broker).TopicPermissions, topicUser), topicColumns),
}

// addUser: with a blank password nobody can log in.
func addUser(q *request) (any, error) {
	if q.get("password") != "" {
		return nil, q.Broker.AddUser(q.get("user"), q.get("password"))
	}
	if _, err := q.Broker.UserLimits(q.get("user")); err == nil {
		return nil, fmt.Errorf("%w: '%s'", broker.ErrUserExists, q.get("user"))
	}
	return nil, q.Broker.SetUser(broker.User{Name: q.get("user")})
}

// changePassword: a blank one is none.
func changePassword(q *request) (any, error) {
	if q.get("password") == "" {
		return nil, q.Broker.ClearPassword(q.get("user"))
	}
	return nil, q.Broker.SetPassword(q.get("user"), q.get("password"))
}

func authenticate(q *request) (any, error) {
	if err := q.Broker.Authenticate(q.get("user"), q.get("password")); err != nil {
		return nil, &Error{Refused, err.Error()}
	}
	return nil, nil
}

func permissionVhost(p *broker.Permission) string { return p.Vhost }
func permissionUser(p *broker.Permission) string  { return p.User }
func topicVhost(p *broker.TopicPermission) string { return p.Vhost }
func topicUser(p *broker.TopicPermission) string  { return p.User }

// inTheVhost are those of all of them that are of the vhost in the arguments.
func inTheVhost[T any](all func(*broker.Broker) []T, vhost func(*T) string) func(*request) ([]T, error) {
	return func(q *request) ([]T, error) {
		if name := q.get("vhost"); !slices.Contains(q.Broker.Vhosts(), name) {
			return nil, fmt.Errorf("%w: '%s'", broker.ErrVhostNotFound, name)
		}
		return slices.DeleteFunc(all(q.Broker), func(t T) bool { return vhost(&t) != q.get("vhost") }), nil
	}
}

// ofTheUser does it for the user.
func ofTheUser[T any](all func(*broker.Broker) []T, user func(*T) string) func(*request) ([]T, error) {
	return func(q *request) ([]T, error) {
		if _, err := q.Broker.UserLimits(q.get("user")); err != nil {
			return nil, err
		}
		return slices.DeleteFunc(all(q.Broker), func(t T) bool { return user(&t) != q.get("user") }), nil
	}
}

var userColumns = columns[broker.User]{
	"user": func(_ *request, u *broker.User) any { return u.Name },
	"tags": func(_ *request, u *broker.User) any { return orNone(u.Tags) },
}

var permissionColumns = columns[broker.Permission]{
	"user":      func(_ *request, p *broker.Permission) any { return p.User },
	"vhost":     func(_ *request, p *broker.Permission) any { return p.Vhost },
	"configure": func(_ *request, p *broker.Permission) any { return p.Configure },
	"write":     func(_ *request, p *broker.Permission) any { return p.Write },
	"read":      func(_ *request, p *broker.Permission) any { return p.Read },
}

var topicColumns = columns[broker.TopicPermission]{
	"user":     func(_ *request, p *broker.TopicPermission) any { return p.User },
	"vhost":    func(_ *request, p *broker.TopicPermission) any { return p.Vhost },
	"exchange": func(_ *request, p *broker.TopicPermission) any { return p.Exchange },
	"write":    func(_ *request, p *broker.TopicPermission) any { return p.Write },
	"read":     func(_ *request, p *broker.TopicPermission) any { return p.Read },
}

// limited is somebody, or a vhost, with limits.
type limited struct {
	name   string
	limits map[string]int
}

var limitColumns = columns[limited]{
	"user":   func(_ *request, l *limited) any { return l.name },
	"vhost":  func(_ *request, l *limited) any { return l.name },
	"limits": func(_ *request, l *limited) any { return jsonText(l.limits) },
}

// userLimits are those of one user, or of all who have some.
func userLimits(q *request) ([]limited, error) {
	if q.get("global") == "" {
		l, err := q.Broker.UserLimits(q.get("user"))
		if l == nil {
			l = map[string]int{}
		}
		return []limited{{q.get("user"), l}}, err
	}
	var all []limited
	for _, u := range q.Broker.Users() {
		if len(u.Limits) > 0 {
			all = append(all, limited{u.Name, u.Limits})
		}
	}
	return all, nil
}

// vhostLimits are those of one vhost, or of all that have some.
func vhostLimits(q *request) ([]limited, error) {
	names := []string{q.get("vhost")}
	if q.get("global") != "" {
		names = q.Broker.Vhosts()
	}
	var all []limited
	for _, name := range names {
		l, err := q.Broker.VhostLimits(name)
		switch {
		case err != nil && q.get("global") == "":
			return nil, err
		case len(l) > 0:
			all = append(all, limited{name, l})
		}
	}
	return all, nil
}

// limitsIn reads limits, which may have some names, with RabbitMQ's texts.
func limitsIn(text, of string, names ...string) (map[string]int, error) {
	var described map[string]json.RawMessage
	if err := decode(text, &described); err != nil {
		return nil, err
	}
	l := map[string]int{}
	for _, name := range slices.Sorted(maps.Keys(described)) {
		value := described[name]
		if !slices.Contains(names, name) {
			return nil, &Error{Invalid, fmt.Sprintf("Unrecognised terms [{<<%q>>,%s}] in %s", name, erlang(value), of)}
		}
		var n int
		if json.Unmarshal(value, &n) != nil {
			return nil, &Error{Invalid, fmt.Sprintf("%s should be a number, actually was %s", name, erlang(value))}
		}
		l[name] = n
	}
	return l, nil
}

// erlang is a value of JSON as Erlang has it.
func erlang(value json.RawMessage) string {
	if strings.HasPrefix(string(value), `"`) {
		return "<<" + string(value) + ">>"
	}
	return string(value)
}
