package archtest

import (
	"strings"
	"testing"
)

// TestRulesBite shows every rule a fault, and the same without the fault.
func TestRulesBite(t *testing.T) {
	lines := func(n int) string { return strings.Repeat("\n", n) }
	tests := []struct {
		rule      string
		file      string
		bad, good string
	}{
		{
			"imports follow the arrows", "amqp/conn.go",
			`package amqp; import _ "github.com/leveretmq/leveret/broker"`,
			`package amqp; import _ "github.com/leveretmq/leveret/amqp/internal/pool"`,
		},
		{
			"imports follow the arrows", "amqp/conn.go",
			`package amqp; import _ "github.com/leveretmq/leveret/internal/config"`,
			`package amqp; import _ "github.com/leveretmq/leveret/internal/invariant"`,
		},
		{"libraries stay in their rooms", "amqp/conn.go", `package amqp; import _ "github.com/rs/zerolog"`, `package amqp; import _ "net"`},
		{"libraries stay in their rooms", "broker/log.go", `package broker; import _ "example.com/new"`, `package broker; import _ "github.com/rs/zerolog"`},
		{"libraries stay in their rooms", "broker/brokertest/a.go", `package brokertest; import _ "github.com/rs/zerolog"`, `package brokertest; import _ "testing"`},
		{"pure files are pure", "broker/unacked.go", `package broker; import _ "sync/atomic"`, `package broker; import _ "slices"`},
		{"files are short", "broker/a.go", "package broker" + lines(601), "package broker" + lines(600)},
		{
			"functions are short", "broker/a.go",
			"package broker\nfunc f() {" + lines(80) + "}",
			"package broker\n//archtest:long one case a method\nfunc f() {" + lines(80) + "}",
		},
		{
			"functions are short", "broker/a.go",
			"package broker\n//archtest:long \nfunc f() {" + lines(80) + "}",
			"package broker\nfunc f() {" + lines(79) + "}",
		},
		{
			"packages export few names", "exchange/a.go",
			"package exchange\ntype (A int; B int; C int; D int; E int; F int; G int; H int; I int; J int; K int; L int; M int)",
			"package exchange\nconst (A = 1; B = 1; C = 1; D = 1; E = 1; F = 1; G = 1; H = 1; I = 1; J = 1; K = 1; L = 1; M = 1)",
		},
		{"packages are explained", "broker/a.go", "package broker", "// Package broker is.\npackage broker"},
		{"exported names are explained", "broker/a.go", "package broker\ntype T int", "package broker\n\n// T is.\ntype T int"},
		{"exported names are explained", "broker/a.go", "package broker\nfunc (t *T[E]) M() {}", "package broker\nfunc (t *t) M() {}"},
		{"exported names are explained", "broker/a.go", "package broker\nconst (\n A = 1\n)", "package broker\n\n// One.\nconst (\n A = 1\n B = 2\n)"},
		{"nothing is polled", "broker/a_test.go", `package broker; import "time"; func f() { time.Sleep(1) }`, `package broker; func f() { time.Sleep(1) }`},
		{"nothing is polled", "amqp/conn.go", `package amqp; import "time"; func f() { time.NewTicker(1) }`, `package amqp; import "time"; func f() { time.AfterFunc(1, f) }`},
		{"the clock is asked", "broker/queue.go", `package broker; import "time"; var x = time.Now()`, `package broker; import "time"; var x = time.Second`},
		{"the clock is asked", "amqp/heartbeat.go", `package amqp; import "time"; var x = time.AfterFunc(1, f)`, `package amqp; func f() { time.Now() }`},
		{"goroutines are few", "amqp/conn.go", "package amqp; func f() {" + strings.Repeat("go f();", maxGoStatements+1) + "}", "package amqp; func f() {" + strings.Repeat("go f();", maxGoStatements) + "}"},
		{"goroutines are few", "amqp/conn.go", "package amqp; func f() {" + strings.Repeat("wg.Go(f);", maxGoStatements+1) + "}", "package amqp; func f() {" + strings.Repeat("f(f);", maxGoStatements+1) + "}"},
		{"nothing is left for later", "amqp/conn.go", "package amqp // TO" + "DO: more", "package amqp // todos are rare"},
	}
	find := make(map[string]func([]*source) []string)
	for _, r := range rules {
		find[r.name] = r.find
	}
	bitten := make(map[string]bool)
	for _, tt := range tests {
		t.Run(tt.rule, func(t *testing.T) {
			if found := find[tt.rule](sources(t, tt.file, tt.bad)); len(found) == 0 {
				t.Errorf("nothing found in %.300q", tt.bad)
			}
			if found := find[tt.rule](sources(t, tt.file, tt.good)); len(found) > 0 {
				t.Errorf("found %q in %.300q", found, tt.good)
			}
		})
		bitten[tt.rule] = true
	}
	for _, r := range rules {
		if !bitten[r.name] {
			t.Errorf("no fault is shown to the rule %q", r.name)
		}
	}
}

func sources(t *testing.T, name, content string) []*source {
	t.Helper()
	s, err := parse(name, []byte(content))
	if err != nil {
		t.Fatal(err)
	}
	return []*source{s}
}
