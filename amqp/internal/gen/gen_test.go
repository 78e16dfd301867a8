package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const packageDir = "../.."

func TestTheGeneratedFileIsFresh(t *testing.T) {
	methods, err := parseDir(packageDir)
	if err != nil {
		t.Fatal(err)
	}
	want, err := emit(methods)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(packageDir, "zmethods.go"))
	if err != nil || string(got) != string(want) {
		t.Errorf("zmethods.go is not what go generate writes (%v)", err)
	}
}

func TestTheGeneratedFileIsWrittenBesideTheMethods(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "methods_x.go", "package x\n\n// XPing is x.ping (7,1), both ways.\ntype XPing struct{ _ uint16 }\n")
	write(t, dir, "methods_x_test.go", "package x\n\ntype Unrelated struct{}\n")
	if err := run(dir); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(dir, "zmethods.go"))
	if err != nil || !strings.Contains(string(got), "idXPing MethodID = 7<<16 | 1") {
		t.Errorf("%s, %v", got, err)
	}
}

func write(t *testing.T, dir, name, text string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestDocCommentsSayWhatTheSpecSays(t *testing.T) {
	methods, err := parseDir(packageDir)
	if err != nil {
		t.Fatal(err)
	}
	byName := map[string]method{}
	for _, m := range methods {
		byName[m.name] = m
	}
	text, err := os.ReadFile(filepath.Join(packageDir, "testdata", "spec.txt"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		cols := strings.Fields(line) // source name class method from synchronous content answers : arguments
		if len(cols) < 9 || cols[0] == "#" {
			continue
		}
		m := byName[cols[1]]
		class, _, _ := strings.Cut(cols[1], ".")
		var answers []string
		for _, answer := range strings.Split(cols[7], ",") {
			if answer != "-" {
				answers = append(answers, camel(class+"-"+answer))
			}
		}
		if m.goName != camel(strings.Replace(cols[1], ".", "-", 1)) || !slices.Equal(m.answers, answers) {
			t.Errorf("%s: %s answered by %v", cols[1], m.goName, m.answers)
		}
		if from := map[bool]string{m.fromClient: "client", m.fromServer: "server", m.fromClient && m.fromServer: "both"}[true]; from != cols[4] {
			t.Errorf("%s: from %s", cols[1], from)
		}
		if sync := len(answers) > 0 || strings.HasSuffix(cols[1], "-ok") && cols[5] == "sync" || cols[1] == "basic.get-empty"; sync != (cols[5] == "sync") {
			t.Errorf("%s: synchronous %t", cols[1], sync)
		}
		if m.content != (cols[6] == "content") {
			t.Errorf("%s: content %t", cols[1], m.content)
		}
		delete(byName, cols[1])
	}
	if len(byName) > 0 {
		t.Errorf("not in the spec: %v", byName)
	}
}

func camel(words string) string {
	var b strings.Builder
	for _, word := range strings.Split(words, "-") {
		b.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return b.String()
}

func TestStructsThatAreNoMethodsAreRefused(t *testing.T) {
	const doc = "// XPing is x.ping (7,1), both ways.\n"
	for name, src := range map[string]string{
		"no comment":         "type XPing struct{}",
		"another's comment":  "// XPong is x.pong (7,1), both ways.\ntype XPing struct{}",
		"no direction":       "// XPing is x.ping (7,1).\ntype XPing struct{}",
		"an unknown type":    doc + "type XPing struct{ A int }",
		"bytes without tag":  doc + "type XPing struct{ A []byte }",
		"two names":          doc + "type XPing struct{ A, B bool }",
		"an embedded struct": doc + "type XPing struct{ Table }",
	} {
		dir := t.TempDir()
		write(t, dir, "methods_x.go", "package x\n\n"+src+"\n")
		if err := run(dir); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	dir := t.TempDir()
	write(t, dir, "methods_x.go", "package x\n\nfunc {")
	if err := run(dir); err == nil {
		t.Error("what is no Go: no error")
	}
}

func TestWhatIsNoStructIsPassedOver(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "methods_x.go", "package x\n\ntype Kind int\n\ntype quiet struct{}\n\nvar V = 1\n\nfunc F() {}\n")
	methods, err := parseDir(dir)
	if err != nil || len(methods) > 0 {
		t.Errorf("%v, %v", methods, err)
	}
}

func TestArgumentsOfEveryKindAreEncoded(t *testing.T) {
	dir := t.TempDir()
	write(t, dir, "methods_x.go", "package x\n\n// XAll is x.all (7,1), both ways.\n"+`type XAll struct {
	_ bool
	A uint8
	_ uint8
	B1, _ bool
}
`)
	if _, err := parseDir(dir); err == nil {
		t.Fatal("two names pass")
	}
	write(t, dir, "methods_x.go", "package x\n\n// XAll is x.all (7,1), both ways.\n"+`type XAll struct {
	_  bool
	A  uint8
	_  uint32
	B1 bool
	_  bool
	B2 bool
	B3 bool
	B4 bool
	B5 bool
	B6 bool
	B7 bool
	B8 bool
	_  []byte `+"`amqp:\"longstr\"`"+`
	R  string `+"`amqp:\"raw\"`"+`
}
`)
	methods, err := parseDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	src, err := emit(methods)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"dst = append(dst, 0)\n\tdst = append(dst, m.A)\n\tdst = append(dst, 0, 0, 0, 0)\n",
		"bit(m.B1, 0)|bit(m.B2, 2)|bit(m.B3, 3)|bit(m.B4, 4)|bit(m.B5, 5)|bit(m.B6, 6)|bit(m.B7, 7))\n\tdst = append(dst, bit(m.B8, 0))\n",
		"m.R = r.rawstr(m.R)\n",
	} {
		if !strings.Contains(string(src), want) {
			t.Errorf("%q is missing in\n%s", want, src)
		}
	}
	if file, err := parser.ParseFile(token.NewFileSet(), "zmethods.go", src, 0); err != nil {
		t.Error(err)
	} else if ast.FileExports(file); file.Name.Name != "amqp" {
		t.Error(file.Name)
	}
}
