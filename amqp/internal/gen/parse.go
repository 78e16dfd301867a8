package main

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// method is what a struct and its doc comment say of a method.
type method struct {
	goName     string   // QueueDeclare
	name       string   // queue.declare
	class, id  int      // 50, 10
	fromClient bool     // a client may send it
	fromServer bool     // a server may send it
	content    bool     // a content header and a body follow
	answers    []string // Go names of the methods that answer it
	fields     []field
}

// field is an argument. goName is "_" for a reserved one.
type field struct {
	goName string
	kind   string // the spec's type: bit, octet, short, long, longlong, shortstr, longstr, table
	raw    bool   // a shortstr of any bytes
}

// reader names the method of package amqp's reader that takes the argument.
func (f field) reader() string {
	if f.raw {
		return "rawstr"
	}
	return f.kind
}

var sentence = regexp.MustCompile(
	`^(\w+) is ([a-z]+\.[a-z-]+) \((\d+),(\d+)\), (client to server|server to client|both ways)` +
		`(, with content)?(?:, answered by (\w+)(?: or (\w+))?)?\.`)

// parseDir reads every exported struct of dir's methods_*.go and returns the
// methods by ascending id. Each doc comment begins as in
//
//	QueueDeclare is queue.declare (50,10), client to server, answered by QueueDeclareOk.
//
// or with "server to client", "both ways"; ", with content" stands before the
// answer.
func parseDir(dir string) ([]method, error) {
	files, err := filepath.Glob(filepath.Join(dir, "methods_*.go"))
	if err != nil {
		return nil, err
	}
	var methods []method
	for _, name := range files {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), name, nil, parser.ParseComments)
		if err != nil {
			return nil, err
		}
		found, err := parseFile(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		methods = append(methods, found...)
	}
	slices.SortFunc(methods, func(a, b method) int { return (a.class<<16 | a.id) - (b.class<<16 | b.id) })
	return methods, nil
}

func parseFile(file *ast.File) ([]method, error) {
	var methods []method
	for _, decl := range file.Decls {
		gen, ok := decl.(*ast.GenDecl)
		if !ok || gen.Tok != token.TYPE {
			continue
		}
		spec := gen.Specs[0].(*ast.TypeSpec)
		st, ok := spec.Type.(*ast.StructType)
		if !ok || !spec.Name.IsExported() {
			continue
		}
		m, err := parseMethod(spec.Name.Name, gen.Doc.Text(), st)
		if err != nil {
			return nil, err
		}
		methods = append(methods, m)
	}
	return methods, nil
}

func parseMethod(goName, doc string, st *ast.StructType) (method, error) {
	match := sentence.FindStringSubmatch(strings.Join(strings.Fields(doc), " "))
	if match == nil || match[1] != goName {
		return method{}, fmt.Errorf("%s: the doc comment does not begin with its method", goName)
	}
	class, _ := strconv.Atoi(match[3])
	id, _ := strconv.Atoi(match[4])
	m := method{
		goName: goName, name: match[2], class: class, id: id,
		fromClient: match[5] != "server to client",
		fromServer: match[5] != "client to server",
		content:    match[6] != "",
	}
	for _, answer := range match[7:] {
		if answer != "" {
			m.answers = append(m.answers, answer)
		}
	}
	for _, f := range st.Fields.List {
		parsed, err := parseField(f)
		if err != nil {
			return method{}, fmt.Errorf("%s: %w", goName, err)
		}
		m.fields = append(m.fields, parsed)
	}
	return m, nil
}

// kinds maps the Go types of arguments to the spec's. A []byte needs its tag; a
// string tagged "raw" may be any bytes, the others are UTF-8.
var kinds = map[string]string{
	"bool": "bit", "uint8": "octet", "uint16": "short", "uint32": "long", "uint64": "longlong",
	"string": "shortstr", "Table": "table", `[]byte amqp:"longstr"`: "longstr", `string amqp:"raw"`: "shortstr",
}

func parseField(f *ast.Field) (field, error) {
	if len(f.Names) != 1 {
		return field{}, fmt.Errorf("a field needs one name")
	}
	goType, tag := "", ""
	switch t := f.Type.(type) {
	case *ast.Ident:
		goType = t.Name
	case *ast.ArrayType:
		goType = "[]byte"
	}
	if f.Tag != nil {
		text, _ := strconv.Unquote(f.Tag.Value)
		tag = " " + string(reflect.StructTag(text))
	}
	kind, ok := kinds[goType+tag]
	if !ok {
		return field{}, fmt.Errorf("%s has a type of no argument: %s%s", f.Names[0].Name, goType, tag)
	}
	return field{goName: f.Names[0].Name, kind: kind, raw: tag == ` amqp:"raw"`}, nil
}
