package config

import (
	"fmt"
	"os"
	"path/filepath"
)

// Where RabbitMQ has its files.
const (
	systemFile     = "/etc/rabbitmq/rabbitmq"
	systemFiles    = "/etc/rabbitmq/conf.d/*.conf"
	systemAdvanced = "/etc/rabbitmq/advanced.config"
)

// reader reads the files that there are.
type reader struct {
	confReader
	set *Set
}

// readAll reads the files that are named, or else the main file and those of
// conf.d after it. A main file in Erlang's syntax is read last, as RabbitMQ
// does.
func (r *reader) readAll(from Sources) {
	if len(from.Files) > 0 {
		for _, f := range from.Files {
			r.readNamed(f)
		}
		return
	}
	system := func(path string) string {
		if from.System {
			return path
		}
		return ""
	}
	path, given := r.env("RABBITMQ_CONFIG_FILE")
	if !given {
		path = system(systemFile)
	}
	main := mainFile(path)
	if given && main == "" {
		r.set.note(Warning, "RABBITMQ_CONFIG_FILE: there is neither %s nor %[1]s.conf nor %[1]s.config", path)
	}
	more, named := r.env("RABBITMQ_CONFIG_FILES")
	if !named {
		more = system(systemFiles)
	}
	files, err := confFiles(more)
	if err != nil {
		r.faults = append(r.faults, fault{Origin{}, fmt.Errorf("RABBITMQ_CONFIG_FILES: want a directory or a pattern, got %q", more)})
	} else if named && len(files) == 0 {
		r.set.note(Warning, "RABBITMQ_CONFIG_FILES: there is no file %s", more)
	}
	if filepath.Ext(main) == ".config" {
		files = append(files, main)
	} else if main != "" {
		files = append([]string{main}, files...)
	}
	for _, f := range files {
		r.readFile(f)
	}
	advanced, ok := r.env("RABBITMQ_ADVANCED_CONFIG_FILE")
	if !ok {
		advanced = system(systemAdvanced)
	}
	if isFile(advanced) {
		r.set.note(Warning, "%s is not read: what it says has to be said in rabbitmq.conf", advanced)
	}
}

// readNamed reads a file that must be there, or the *.conf of a directory.
func (r *reader) readNamed(path string) {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		files, _ := confFiles(path)
		if len(files) == 0 {
			r.faults = append(r.faults, fault{Origin{Source: path}, fmt.Errorf("%s: want a directory with *.conf files", path)})
		}
		for _, f := range files {
			r.readFile(f)
		}
		return
	}
	r.readFile(path)
}

// readFile reads a file in the syntax that its name promises.
func (r *reader) readFile(path string) {
	r.set.Files = append(r.set.Files, path)
	if filepath.Ext(path) == ".config" {
		r.readTerms(path)
		return
	}
	r.read(path, 0)
}

// mainFile finds the file that a path means, with a suffix or without. Of both
// kinds, RabbitMQ takes the older one.
func mainFile(path string) string {
	if path == "" {
		return ""
	}
	for _, p := range []string{path, path + ".config", path + ".conf"} {
		if isFile(p) {
			return p
		}
	}
	return ""
}

func isFile(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular()
}
