package archtest

import (
	"path"
	"slices"
	"strings"
)

// arrows lists, for each room, the other rooms it may import. A room that is
// not listed does not exist yet: add it on purpose. Tests may import anything.
var arrows = map[string][]string{
	"amqp":     {},
	"exchange": {"amqp"},
	"storage":  {},
	"broker":   {"amqp", "exchange", "storage"},
	testRoom:   {"amqp", "broker", "storage", "internal"},
	"cmd":      {"amqp", "broker", "storage", "internal"},
	"examples": {},
	"internal": {"amqp", "broker"},
	"scripts":  {"amqp", "internal"},
}

// leaves lists packages that import none of ours; every room may import them.
var leaves = []string{"internal/expression", "internal/invariant", "internal/raw"}

// libraries lists the rooms where a library may be imported outside tests. A
// library that is not listed has not been chosen yet: add it with a record of
// the reasons in docs/adr.
var libraries = map[string][]string{
	"github.com/HdrHistogram":        {"internal"},
	"github.com/dgraph-io/badger":    {"storage"},
	"github.com/dgraph-io/ristretto": {"storage"}, // what Badger's options are made of
	"github.com/fsnotify/fsnotify":   {"cmd"},
	"github.com/rabbitmq/amqp091-go": {"examples"},
	"github.com/rs/zerolog":          {"cmd", "broker"},
	"github.com/urfave/cli":          {"cmd"},
	"github.com/xrash/smetrics":      {"internal"},
	"golang.org/x/crypto":            {"broker"},
	"golang.org/x/sys":               {"storage", "cmd"},
}

// pure lists files that decide and do nothing else; time is a parameter there.
var pure = []string{
	"exchange/*.go",
	"broker/confirms.go",
	"broker/message.go",
	"broker/ready.go",
	"broker/transaction.go",
	"broker/unacked.go",
}

// impure lists packages, with those below them, that pure files do without.
var impure = []string{"context", "log", "math/rand", "net", "os", "runtime", "sync", "syscall", "time"}

func importsFollowArrows(files []*source) (found []string) {
	for _, s := range files {
		if s.isTest() {
			continue
		}
		allowed, ok := arrows[s.room()]
		if !ok {
			found = append(found, s.finding(s.ast, "room %q is not in the table of arrows: add it on purpose", s.room()))
			continue
		}
		for _, spec := range s.ast.Imports {
			p := strings.Trim(spec.Path.Value, `"`)
			ours, ok := strings.CutPrefix(p, modulePath+"/")
			if !ok || slices.Contains(leaves, ours) {
				continue
			}
			if to := roomOf(ours); to != s.room() && !slices.Contains(allowed, to) {
				found = append(found, s.finding(spec, "%s may not import %s, only %v", s.room(), to, allowed))
			}
		}
	}
	return found
}

func librariesStayInRooms(files []*source) (found []string) {
	for _, s := range files {
		if s.isTest() {
			continue
		}
		for _, spec := range s.ast.Imports {
			p := strings.Trim(spec.Path.Value, `"`)
			if first := roomOf(p); !strings.Contains(first, ".") || within(p, modulePath) {
				continue // the standard library has no dot in the first element
			}
			if !slices.Contains(libraryRooms(p), s.room()) {
				found = append(found, s.finding(spec, "%s may not import %s, see the table of libraries", s.room(), p))
			}
		}
	}
	return found
}

func libraryRooms(importPath string) []string {
	for lib, rooms := range libraries {
		if within(importPath, lib) {
			return rooms
		}
	}
	return nil
}

func pureFilesArePure(files []*source) (found []string) {
	for _, s := range files {
		isPure := slices.ContainsFunc(pure, func(pattern string) bool {
			ok, _ := path.Match(pattern, s.path)
			return ok
		})
		if !isPure || s.isTest() {
			continue
		}
		for _, spec := range s.ast.Imports {
			p := strings.Trim(spec.Path.Value, `"`)
			if slices.ContainsFunc(impure, func(of string) bool { return within(p, of) }) {
				found = append(found, s.finding(spec, "a pure file may not import %q: take what it gives as a parameter", p))
			}
		}
	}
	return found
}

// within reports whether import path p is parent or below it.
func within(p, parent string) bool { return p == parent || strings.HasPrefix(p, parent+"/") }
