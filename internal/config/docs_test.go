package config

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the tables of docs/configuration.md")

const (
	document   = "../../docs/configuration.md"
	tableBegin = "<!-- keys: go test ./internal/config -update -->\n"
	tableEnd   = "<!-- end of keys -->\n"
)

// The tables in the documentation are those of the code.
func TestTheDocumentationHasEveryKey(t *testing.T) {
	b, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, found := strings.Cut(string(b), tableBegin)
	_, after, ended := strings.Cut(rest, tableEnd)
	if !found || !ended {
		t.Fatalf("%s has no place for the keys", document)
	}
	want := before + tableBegin + tables() + tableEnd + after
	if *update {
		if err := os.WriteFile(document, []byte(want), 0o600); err != nil {
			t.Fatal(err)
		}
		return
	}
	if string(b) != want {
		t.Error("it differs: go test ./internal/config -update")
	}
}

// tables are Markdown.
func tables() string {
	var b strings.Builder
	b.WriteString("\n### Keys that act\n\n| key | flag, variable | default | meaning |\n|---|---|---|---|\n")
	var ignored []Key
	for _, k := range Keys() {
		if k.Effect != Acts {
			ignored = append(ignored, k)
			continue
		}
		if k.Flag == "pprof" {
			continue // for developers
		}
		fmt.Fprintf(&b, "| `%s`%s | %s | %s | %s. Takes %s |\n", k.Name, alias(k), strings.Join(givenBy(k), "<br>"), code(k.Default), prose(k.Usage), prose(k.Kind.Want))
	}
	b.WriteString("\n### Keys that are accepted and do nothing\n\nThe first row that fits a key holds.\n\n| why | keys |\n|---|---|\n")
	for i := 0; i < len(ignored); {
		why, names := ignored[i].Usage, []string{}
		for ; i < len(ignored) && ignored[i].Usage == why; i++ {
			names = append(names, code(ignored[i].Name))
		}
		fmt.Fprintf(&b, "| %s | %s |\n", why, strings.Join(names, ", "))
	}
	return b.String() + "\n"
}

func alias(k Key) string {
	if k.Alias == "" {
		return ""
	}
	return ", `" + k.Alias + "`"
}

func givenBy(k Key) (ways []string) {
	if k.Flag != "" {
		ways = append(ways, code("--"+k.Flag), code(k.LeveretVariable()))
	}
	if k.Variable != "" {
		ways = append(ways, code(k.Variable))
	}
	return ways
}

func code(s string) string {
	if s == "" {
		return ""
	}
	return "`" + s + "`"
}

func prose(s string) string {
	return strings.NewReplacer("`", "", "|", `\|`, "*", `\*`).Replace(s)
}
