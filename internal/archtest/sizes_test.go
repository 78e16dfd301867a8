package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"path"
	"slices"
	"strings"
)

const (
	maxFileLines     = 600
	maxFunctionLines = 80

	// longDirective, in a function or in its comment, gives the reason why it
	// is longer than that.
	longDirective = "//archtest:long "
)

// exportBudget is how many names a package may export at its top level. The
// structs of AMQP's methods, in files methods_*.go, and generated files do not
// count; a group of constants or variables counts once.
var exportBudget = map[string]int{
	"exchange": 12,
	"broker":   60,
	"storage":  30,
	"amqp":     70,
}

func filesAreShort(files []*source) (found []string) {
	for _, s := range files {
		if s.isGenerated() || s.isTest() {
			continue
		}
		if n := s.lines(); n > maxFileLines {
			found = append(found, s.finding(s.ast, "%d lines, more than %d: split it by idea", n, maxFileLines))
		}
	}
	return found
}

func functionsAreShort(files []*source) (found []string) {
	for _, s := range files {
		if s.isGenerated() || s.isTest() {
			continue
		}
		for _, d := range s.ast.Decls {
			f, ok := d.(*ast.FuncDecl)
			if !ok {
				continue
			}
			n := s.fset.Position(f.End()).Line - s.fset.Position(f.Pos()).Line + 1
			if n > maxFunctionLines && !s.hasReason(f) {
				found = append(found, s.finding(f, "%s has %d lines, more than %d: split it, or say why not with %sREASON",
					f.Name.Name, n, maxFunctionLines, longDirective))
			}
		}
	}
	return found
}

// hasReason looks for the directive, with some text after it.
func (s *source) hasReason(f *ast.FuncDecl) bool {
	from := f.Pos()
	if f.Doc != nil {
		from = f.Doc.Pos()
	}
	for _, group := range s.ast.Comments {
		for _, c := range group.List {
			reason, ok := strings.CutPrefix(c.Text, longDirective)
			if ok && strings.TrimSpace(reason) != "" && from <= c.Pos() && c.Pos() < f.End() {
				return true
			}
		}
	}
	return false
}

func packagesExportFewNames(files []*source) (found []string) {
	exported := make(map[string][]string)
	for _, s := range files {
		dir, base := path.Split(s.path)
		if s.isGenerated() || s.isTest() || strings.HasPrefix(base, "methods_") {
			continue
		}
		dir = path.Clean(dir)
		exported[dir] = append(exported[dir], exportedNames(s.ast)...)
	}
	for _, dir := range slices.Sorted(maps.Keys(exported)) {
		budget, ok := exportBudget[dir]
		if names := exported[dir]; ok && len(names) > budget {
			found = append(found, fmt.Sprintf("package %s exports %d names, more than its budget of %d: %s",
				dir, len(names), budget, strings.Join(names, " ")))
		}
	}
	return found
}

// exportedNames lists exported types and functions, and the first exported
// name of every group of constants or variables.
func exportedNames(f *ast.File) (names []string) {
	for _, d := range f.Decls {
		switch d := d.(type) {
		case *ast.FuncDecl:
			if d.Recv == nil && d.Name.IsExported() {
				names = append(names, d.Name.Name)
			}
		case *ast.GenDecl:
			for _, spec := range d.Specs {
				if first := exportedInSpec(spec); first != "" {
					names = append(names, first)
					if d.Tok == token.CONST || d.Tok == token.VAR {
						break
					}
				}
			}
		}
	}
	return names
}

func exportedInSpec(spec ast.Spec) string {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		if spec.Name.IsExported() {
			return spec.Name.Name
		}
	case *ast.ValueSpec:
		for _, name := range spec.Names {
			if name.IsExported() {
				return name.Name
			}
		}
	}
	return ""
}
