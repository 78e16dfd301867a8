package oracle

import (
	"fmt"
	"maps"
	"os"
	"reflect"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

func TestScriptsAreWrittenAsTheyWereRead(t *testing.T) {
	all := scripts(t)
	maps.Copy(all, loadScripts(t, ownScripts))
	for path, script := range all {
		want, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if string(script.Text()) != string(want) {
			t.Errorf("%s is not in its normal form", path)
		}
	}
}

func TestScriptsThatAreNoneAreRefused(t *testing.T) {
	for _, text := range []string{
		"=== a scenario without a row\n",
		"=== CHAN-02\n",
		"=== CHAN-02 an answer to nothing\n    < 1 channel.open-ok\n",
	} {
		if _, err := Parse(text); err == nil {
			t.Errorf("Parse took %q", text)
		}
	}
}

func TestTextsHaveManyForms(t *testing.T) {
	tests := []struct{ in, want string }{
		{`abc`, "abc"},
		{`"a b\r\n\xff"`, "a b\r\n\xff"},
		{`hex:00ff`, "\x00\xff"},
		{`3*ab`, "ababab"},
		{`"x "+2*"é"+hex:00`, "x éé\x00"},
		{`""`, ""},
	}
	for _, tt := range tests {
		if got, err := parseText(tt.in); got != tt.want || err != nil {
			t.Errorf("parseText(%s) = %q, %v, want %q", tt.in, got, err, tt.want)
		}
	}
}

func TestOctetsHaveManyForms(t *testing.T) {
	got, err := parseBytes([]string{"00ff", `"ab"`, `s"cd"`, "3*01"})
	if want := "\x00\xffab\x02cd\x01\x01\x01"; string(got) != want || err != nil {
		t.Errorf("parseBytes = %q, %v, want %q", got, err, want)
	}
}

func TestTablesAreWrittenAsTheyWereRead(t *testing.T) {
	const text = `{t=true b=b:-5 B=B:5 s=s:-6 u=u:6 I=I:-7 i=i:7 l=l:-8 f=f:1.5 d=d:-2.5 D=D:2/314` +
		` S="a b" x=x:"\x00" A=[I:1 "}" {}] T=T:9 F={a="b"} V=void "odd key"=I:1 t=false}`
	table, err := parseTable(text)
	if err != nil {
		t.Fatal(err)
	}
	if got := printTable(table); got != text {
		t.Errorf("printTable = %s\nwant         %s", got, text)
	}
	if first := (amqp.Field{Key: "t", Value: true}); !reflect.DeepEqual(table[0], first) {
		t.Errorf("first field = %v, want %v", table[0], first)
	}
}

func TestConfirmsAreShownAsSets(t *testing.T) {
	p := &peer{confirms: map[uint16]*confirms{1: {}}}
	g := &game{prefix: "oabc001.", vars: map[string]string{}}
	for range 6 {
		p.confirms[1].published()
	}
	for _, m := range []amqp.Method{
		&amqp.BasicAck{DeliveryTag: 6},
		&amqp.BasicAck{DeliveryTag: 3, Multiple: true},
		&amqp.BasicNack{DeliveryTag: 5, Multiple: true},
	} {
		g.record(p, event{channel: 1, method: m})
	}
	want := []string{"1 confirmed 1-3,6", "1 refused 4-5"}
	if got := g.answer(); !reflect.DeepEqual(got, want) {
		t.Errorf("answer = %q, want %q", got, want)
	}
}

func TestAnswersAreSortedByChannelAndMasked(t *testing.T) {
	g := &game{prefix: "oabc001."}
	g.events = []event{
		{lines: []string{"0 connection.close"}},
		{channel: 2, lines: []string{"2 queue=oabc001.q"}},
		{channel: 1, lines: []string{"1 queue=amq.gen-abcdefghijklmnopqrstuv"}},
		{channel: 2, lines: []string{"2 " + "6f616263303031" + "2e71"}},
		{end: "closed", lines: []string{"closed"}},
	}
	want := []string{"1 queue=amq.gen-*", "2 queue=%q", "2 (%)71", "0 connection.close", "closed"}
	if got := g.answer(); !reflect.DeepEqual(got, want) {
		t.Errorf("answer = %q, want %q", got, want)
	}
}

func TestReplyNamesAreMaskedAndKnown(t *testing.T) {
	g := &game{prefix: "oabc001.", vars: map[string]string{}}
	names := []string{replyPrefix + "g2dkAAZyYWJiaXQ=.c/tr==", replyPrefix + "0123456789abcdef"}
	for _, name := range []string{names[0], names[1], names[0], "oabc001.own", replyPrefix + "x"} {
		g.record(&peer{}, event{replyTo: name, lines: []string{"reply-to=" + printText(name)}})
	}
	want := []string{
		"reply-to=amq.rabbitmq.reply-to.*1", "reply-to=amq.rabbitmq.reply-to.*2", "reply-to=amq.rabbitmq.reply-to.*1",
		"reply-to=%own", "reply-to=amq.rabbitmq.reply-to.x",
	}
	if got := g.answer(); !reflect.DeepEqual(got, want) {
		t.Errorf("answer = %q, want %q", got, want)
	}
	for i, name := range names {
		if got, err := parseText(g.expand(fmt.Sprintf("$reply%d", i+1))); got != name || err != nil {
			t.Errorf("$reply%d = %q, %v, want %q", i+1, got, err, name)
		}
	}
}

func TestDeviationsReplaceLines(t *testing.T) {
	d, err := parseDeviation("CHAN-02 title\nwhy\nnot\n\n  b\n- c\n+ C\n\n- c\n+ D\n+ E")
	if err != nil {
		t.Fatal(err)
	}
	if d.Why != "why not" {
		t.Errorf("Why = %q", d.Why)
	}
	got, err := d.Apply([]string{"c", "b", "c", "c", "d"})
	if want := []string{"c", "b", "C", "D", "E", "d"}; !reflect.DeepEqual(got, want) || err != nil {
		t.Errorf("Apply = %q, %v, want %q", got, err, want)
	}
	if _, err := d.Apply([]string{"b", "C"}); err == nil {
		t.Error("Apply found a line that is not there")
	}
}

func TestDiffShowsWhatIsOnOneSide(t *testing.T) {
	got := Diff([]string{"1", "2", "3", "4", "5", "6", "7"}, []string{"1", "2", "3", "4", "x", "6", "7"})
	if want := "  2\n  3\n  4\n- 5\n+ x\n  6\n  7\n"; got != want {
		t.Errorf("Diff = %q, want %q", got, want)
	}
	if got := Diff([]string{"1"}, []string{"1"}); got != "" {
		t.Errorf("Diff of the same = %q", got)
	}
}
