package config

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"unicode/utf8"
)

// entry is a key with a value, as a source has it.
type entry struct {
	name, text string
	origin     Origin
}

// maxIncludes bounds how deep files include files.
const maxIncludes = 8

var (
	confKey     = regexp.MustCompile(`^(\\\.|[A-Za-z0-9_-])+(\.(\\\.|[A-Za-z0-9_-])+)*$`)
	confInclude = regexp.MustCompile(`^include[ \t]+([A-Za-z0-9_.*/-]+)$`)
	confEnv     = regexp.MustCompile(`\$\(([^)]*)\)`)
)

// wantPlain is said of values that only RabbitMQ's passphrase opens.
const wantPlain = "want a plain value: encrypted: ones cannot be read here, $(NAME) stands for a variable"

// confReader reads files in the syntax of rabbitmq.conf.
type confReader struct {
	env     func(name string) (string, bool)
	entries []entry
	faults  []fault
}

// read reads a file, and those that it includes.
func (r *confReader) read(path string, depth int) {
	b, err := os.ReadFile(path)
	switch {
	case err != nil:
		r.faults = append(r.faults, fault{Origin{Source: path}, err})
	case depth > maxIncludes:
		r.faults = append(r.faults, fault{Origin{Source: path}, fmt.Errorf("%s: want files that include each other at most %d deep", path, maxIncludes)})
	case !utf8.Valid(b):
		r.faults = append(r.faults, fault{Origin{Source: path}, fmt.Errorf("%s: want UTF-8", path)})
	default:
		r.parse(path, strings.TrimPrefix(string(b), "\uFEFF"), depth)
	}
}

// parse takes the settings of a file: KEY = VALUE lines, where # begins a
// comment. A value in single quotes may hold it, and line ends.
func (r *confReader) parse(path, rest string, depth int) {
	for line := 1; rest != ""; {
		at := Origin{Source: path, Line: line, rank: fromFile}
		text, after, _ := strings.Cut(rest, "\n")
		text = strings.TrimSpace(text)
		if before, _, found := strings.Cut(text, "#"); found && !strings.Contains(before, "=") {
			text = strings.TrimSpace(before) // of a comment, or an include
		}
		key, value, isSetting := strings.Cut(text, "=")
		switch {
		case text == "":
		case confInclude.MatchString(text):
			r.include(at, confInclude.FindStringSubmatch(text)[1], depth)
		case !isSetting:
			r.fault(at, strings.Fields(text)[0], "want KEY = VALUE") // what follows may be a secret
		default:
			key, value = strings.TrimSpace(key), strings.TrimLeft(value, " \t")
			if strings.HasPrefix(value, "'") {
				_, quoted, _ := strings.Cut(rest, "'")
				after = r.quoted(at, key, quoted)
			} else {
				value, _, _ = strings.Cut(value, "#")
				r.plain(at, key, strings.TrimRight(value, " \t\r"))
			}
		}
		line += strings.Count(rest[:len(rest)-len(after)], "\n")
		rest = after
	}
}

// quoted takes a value up to its closing quote as it is, and returns the line
// after it.
func (r *confReader) quoted(at Origin, key, text string) (after string) {
	value, after, closed := strings.Cut(text, "'")
	end, after, _ := strings.Cut(after, "\n")
	if end = strings.TrimSpace(end); !closed || end != "" && end[0] != '#' {
		r.fault(at, key, "want nothing but a value between single quotes")
	} else {
		r.setting(at, key, value)
	}
	return after
}

// plain takes a value that has what variables say for $(NAME).
func (r *confReader) plain(at Origin, key, value string) {
	missing := false
	value = confEnv.ReplaceAllStringFunc(value, func(ref string) string {
		name := ref[2 : len(ref)-1]
		text, ok := r.env(name)
		if !ok {
			missing = true
			r.fault(at, key, fmt.Sprintf("want the environment variable %s to be set", name))
		}
		return text
	})
	if !missing {
		r.setting(at, key, value)
	}
}

// setting takes one setting.
func (r *confReader) setting(at Origin, key, value string) {
	switch {
	case !confKey.MatchString(key):
		r.fault(at, key, "want a key of letters, digits, -, _ and dots")
	case value == "":
		r.fault(at, key, "want a value")
	case strings.HasPrefix(value, "encrypted:"):
		r.fault(at, key, wantPlain)
	default:
		r.entries = append(r.entries, entry{key, value, at})
	}
}

// include reads the files that a pattern names, beside the one that includes
// them.
func (r *confReader) include(at Origin, pattern string, depth int) {
	path := pattern
	if !filepath.IsAbs(path) {
		path = filepath.Join(filepath.Dir(at.Source), path)
	}
	files, err := confFiles(path)
	if err != nil || len(files) == 0 {
		r.fault(at, "include", fmt.Sprintf("want a file, got %q", pattern))
	}
	for _, f := range files {
		r.read(f, depth+1)
	}
}

func (r *confReader) fault(at Origin, key, want string) {
	r.faults = append(r.faults, fault{at, fmt.Errorf("%s: %s: %s", at, key, want)})
}

// confFiles are the files that a pattern names, or the *.conf of a directory,
// by name.
func confFiles(pattern string) ([]string, error) {
	if info, err := os.Stat(pattern); err == nil && info.IsDir() {
		pattern = filepath.Join(pattern, "*.conf")
	}
	matches, err := filepath.Glob(pattern) // sorted
	var files []string
	for _, m := range matches {
		if info, err := os.Stat(m); err == nil && info.Mode().IsRegular() {
			files = append(files, m)
		}
	}
	return files, err
}
