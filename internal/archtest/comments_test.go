package archtest

import (
	"fmt"
	"go/ast"
	"go/token"
	"maps"
	"path"
	"regexp"
	"slices"
)

// packagesAreExplained wants one package comment in every package.
func packagesAreExplained(files []*source) (found []string) {
	explained := make(map[string]bool)
	for _, s := range files {
		if s.isTest() {
			continue
		}
		dir := path.Dir(s.path)
		explained[dir] = explained[dir] || s.ast.Doc != nil
	}
	for _, dir := range slices.Sorted(maps.Keys(explained)) {
		if !explained[dir] {
			found = append(found, fmt.Sprintf("package %s has no package comment: write its doc.go", dir))
		}
	}
	return found
}

// exportedNamesAreExplained wants a comment on every exported type, function,
// constant and variable, and on exported methods of exported types. A group of
// constants or variables may have one comment for all.
func exportedNamesAreExplained(files []*source) (found []string) {
	for _, s := range files {
		if s.isGenerated() || s.isTest() {
			continue
		}
		for _, d := range s.ast.Decls {
			switch d := d.(type) {
			case *ast.FuncDecl:
				if d.Name.IsExported() && d.Doc == nil && receiverIsExported(d) {
					found = append(found, s.finding(d, "%s is exported and has no comment", d.Name.Name))
				}
			case *ast.GenDecl:
				found = append(found, unexplainedSpecs(s, d)...)
			}
		}
	}
	return found
}

func unexplainedSpecs(s *source, d *ast.GenDecl) (found []string) {
	for _, spec := range d.Specs {
		name := exportedInSpec(spec)
		if name == "" || explains(spec) || d.Doc != nil && (d.Tok != token.TYPE || !d.Lparen.IsValid()) {
			continue
		}
		found = append(found, s.finding(spec, "%s is exported and has no comment", name))
	}
	return found
}

// explains reports whether a declaration has a comment of its own.
func explains(spec ast.Spec) bool {
	switch spec := spec.(type) {
	case *ast.TypeSpec:
		return spec.Doc != nil || spec.Comment != nil
	case *ast.ValueSpec:
		return spec.Doc != nil || spec.Comment != nil
	default:
		return true
	}
}

// receiverIsExported is true for functions, which have no receiver.
func receiverIsExported(f *ast.FuncDecl) bool {
	if f.Recv == nil {
		return true
	}
	t := f.Recv.List[0].Type
	for {
		switch x := t.(type) {
		case *ast.StarExpr:
			t = x.X
		case *ast.IndexExpr:
			t = x.X
		case *ast.IndexListExpr:
			t = x.X
		case *ast.Ident:
			return x.IsExported()
		default:
			return true
		}
	}
}

// laterMark is a promise in a comment.
var laterMark = regexp.MustCompile(`\b(TO` + `DO|FIX` + `ME|XX` + `X|HA` + `CK)\b`)

func nothingIsLeftForLater(files []*source) (found []string) {
	for _, s := range files {
		for _, group := range s.ast.Comments {
			for _, c := range group.List {
				if mark := laterMark.FindString(c.Text); mark != "" {
					found = append(found, s.finding(c, "%s: do it now, or describe it in an issue", mark))
				}
			}
		}
	}
	return found
}
