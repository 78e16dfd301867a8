package config

import (
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
)

// environment takes what RABBITMQ_* and LEVERET_* variables say. An empty one
// counts as not set: containers are often given them.
type environment struct {
	vars    map[string]string
	entries []entry
	faults  []fault
	quiet   []string // RABBITMQ_* variables that nothing is done about
	unknown []string // LEVERET_* variables that there are not
}

func newEnvironment(environ []string) *environment {
	vars := make(map[string]string)
	for _, v := range environ {
		if key, value, _ := strings.Cut(v, "="); value != "" {
			vars[key] = value
		}
	}
	return &environment{vars: vars}
}

// lookup is for $(NAME) in files.
func (e *environment) lookup(name string) (string, bool) {
	v, ok := e.vars[name]
	return v, ok
}

// ofKubernetes reports whether a variable is one by which Kubernetes tells where
// services are, whose names may begin with leveret.
func ofKubernetes(name, text string) bool {
	return strings.Contains(name, "_SERVICE_") || strings.Contains(name, "_PORT_") || strings.HasPrefix(text, "tcp://")
}

// read takes all variables.
func (e *environment) read() {
	known := map[string]bool{"LEVERET_CONFIG": true}
	for i := range keys {
		k := &keys[i]
		known[k.LeveretVariable()] = true
		if k.Variable != "" {
			e.add(fromRabbitMQ, k.Variable, k.Name)
		}
		if k.Flag == "" {
			continue
		}
		v := k.LeveretVariable()
		if text, ok := e.vars[v]; ok && k.Many {
			e.entries = append(e.entries, many(k, strings.Split(text, ","), Origin{Source: v, rank: fromLeveret})...)
			continue
		}
		e.add(fromLeveret, v, k.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(e.vars)) {
		if take := rabbitVariables[name]; take != nil {
			take(e, Origin{Source: name, rank: fromRabbitMQ}, e.vars[name])
		} else if strings.HasPrefix(name, "RABBITMQ_MANAGEMENT_SSL_") {
			e.put(Origin{Source: name, rank: fromRabbitMQ}, "management.ssl."+strings.ToLower(name[len("RABBITMQ_MANAGEMENT_SSL_"):]), e.vars[name])
		} else if slices.Contains(quietVariables, name) {
			e.quiet = append(e.quiet, name)
		} else if strings.HasPrefix(name, "LEVERET_") && !known[strings.TrimSuffix(name, "_FILE")] && !ofKubernetes(name, e.vars[name]) {
			e.unknown = append(e.unknown, name)
		}
	}
}

// add takes a variable, or the content of the file that the variable with _FILE
// at its end names: so containers are given secrets.
func (e *environment) add(r rank, variable, key string) {
	text, ok := e.vars[variable]
	path, fromFile := e.vars[variable+"_FILE"]
	switch {
	case ok && fromFile:
		e.faults = append(e.faults, fault{Origin{Source: variable}, fmt.Errorf("%s_FILE: want only one of it and %s", variable, variable)})
	case ok:
		e.put(Origin{Source: variable, rank: r}, key, text)
	case fromFile:
		b, err := os.ReadFile(path)
		if err != nil {
			e.faults = append(e.faults, fault{Origin{Source: variable}, fmt.Errorf("%s_FILE: want a file that can be read: %w", variable, err)})
			return
		}
		e.put(Origin{Source: variable + "_FILE", rank: r}, key, strings.TrimRight(string(b), "\r\n"))
	}
}

func (e *environment) put(from Origin, key, text string) {
	e.entries = append(e.entries, entry{key, text, from})
}

// rabbitVariables are those that are not simply the value of a key.
var rabbitVariables = map[string]func(e *environment, from Origin, text string){
	"RABBITMQ_NODE_PORT": func(e *environment, from Origin, text string) {
		if ip := e.vars["RABBITMQ_NODE_IP_ADDRESS"]; ip != "" && ip != "auto" {
			text = ip + ":" + text
		}
		e.put(from, "listeners.tcp.default", text)
	},
	"RABBITMQ_NODE_IP_ADDRESS": func(e *environment, from Origin, text string) {
		if e.vars["RABBITMQ_NODE_PORT"] == "" && text != "auto" {
			e.put(from, "listeners.tcp.default", text+":5672")
		}
	},
	"RABBITMQ_LOGS": func(e *environment, from Origin, text string) {
		if text == "-" {
			e.put(from, "log.console", "true")
			return
		}
		e.put(from, "log.console", "false")
		e.put(from, "log.file", text)
	},
	"RABBITMQ_LOG": func(e *environment, from Origin, text string) {
		for word := range strings.SplitSeq(text, ",") {
			category, level, found := strings.Cut(word, ".")
			switch {
			case strings.HasPrefix(word, "+"), strings.HasPrefix(word, "-"): // colours, one line
			case found:
				e.put(from, "log."+category+".level", level)
			default:
				e.put(from, "log.default.level", word)
			}
		}
	},
}

// quietVariables are about what is not here, and change nothing that a client
// could see: nobody needs to be warned of them.
var quietVariables = func() (names []string) {
	for name := range strings.FieldsSeq(`ADVANCED_CONFIG_FILE CONF_ENV_FILE CTL_ERL_ARGS DIST_PORT ERLANG_COOKIE
		FEATURE_FLAGS FEATURE_FLAGS_FILE HOME IO_THREAD_POOL_SIZE KEEP_PID_FILE_ON_EXIT MNESIA_BASE MNESIA_DIR MOTD_FILE
		PID_FILE PLUGINS_DIR PLUGINS_EXPAND_DIR PRODUCT_NAME QUORUM_DIR SCHEDULER_BIND_TYPE SERVER_ADDITIONAL_ERL_ARGS
		SERVER_CODE_PATH SERVER_ERL_ARGS SERVER_START_ARGS STREAM_DIR USE_LONGNAME`) {
		names = append(names, "RABBITMQ_"+name)
	}
	return names
}()
