package archtest

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path"
	"strings"
	"testing"
)

// modulePath is what imports of our own packages begin with.
const modulePath = "github.com/leveretmq/leveret"

// testRoom is the package that others import in their tests: no library comes with
// it but those that the broker itself needs.
const testRoom = "broker/brokertest"

// source is one parsed Go file.
type source struct {
	path string // from the root of the tree, with slashes
	fset *token.FileSet
	ast  *ast.File
}

// parse reads one file under the name that the rules see.
func parse(name string, content []byte) (*source, error) {
	s := &source{path: name, fset: token.NewFileSet()}
	var err error
	s.ast, err = parser.ParseFile(s.fset, name, content, parser.ParseComments|parser.SkipObjectResolution)
	return s, err
}

// parseTree reads every Go file below a directory, without testdata.
func parseTree(t *testing.T, tree fs.FS) []*source {
	t.Helper()
	var files []*source
	err := fs.WalkDir(tree, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if base := d.Name(); name != "." && (strings.HasPrefix(base, ".") || base == "testdata" || base == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		if path.Ext(name) != ".go" {
			return nil
		}
		content, err := fs.ReadFile(tree, name)
		if err != nil {
			return err
		}
		s, err := parse(name, content)
		files = append(files, s)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// room is the first element of the file's path: amqp, broker, cmd, ... What is for
// the tests of others has a room of its own.
func (s *source) room() string { return roomOf(s.path) }

func roomOf(p string) string {
	if within(p, testRoom) {
		return testRoom
	}
	room, _, _ := strings.Cut(p, "/")
	return room
}

// isTest is true for tests, and for all that serves tests alone.
func (s *source) isTest() bool {
	return strings.HasSuffix(s.path, "_test.go") || s.room() == "interop_test"
}

// isTool is true for what is not part of the broker: generators, what lies in
// scripts, and the load generator.
func (s *source) isTool() bool {
	return s.room() == "scripts" || strings.Contains(s.path, "/internal/gen/") || strings.HasPrefix(s.path, "internal/perf/")
}

func (s *source) isGenerated() bool { return ast.IsGenerated(s.ast) }

func (s *source) lines() int { return s.fset.File(s.ast.Pos()).LineCount() }

// finding is a fault at a place, in words that say what to do.
func (s *source) finding(n ast.Node, format string, args ...any) string {
	return fmt.Sprintf("%s: %s", s.fset.Position(n.Pos()), fmt.Sprintf(format, args...))
}

// imports maps the names that a file uses for packages to their paths.
func (s *source) imports() map[string]string {
	names := make(map[string]string)
	for _, spec := range s.ast.Imports {
		p := strings.Trim(spec.Path.Value, `"`)
		name := path.Base(p)
		if spec.Name != nil {
			name = spec.Name.Name
		}
		names[name] = p
	}
	return names
}

// callsOf finds calls of functions of the package at importPath.
func (s *source) callsOf(advice, importPath string, names ...string) (found []string) {
	ast.Inspect(s.ast, func(n ast.Node) bool {
		if s.calls(n, importPath, names...) {
			found = append(found, s.finding(n, "%s", advice))
		}
		return true
	})
	return found
}

// calls reports whether n calls function name of the package at importPath.
func (s *source) calls(n ast.Node, importPath string, names ...string) bool {
	call, ok := n.(*ast.CallExpr)
	if !ok {
		return false
	}
	sel, ok := call.Fun.(*ast.SelectorExpr)
	if !ok {
		return false
	}
	pkg, ok := sel.X.(*ast.Ident)
	if !ok || s.imports()[pkg.Name] != importPath {
		return false
	}
	for _, name := range names {
		if sel.Sel.Name == name {
			return true
		}
	}
	return false
}
