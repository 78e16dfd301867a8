package amqp

import (
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

// oneOfEach has a value of every type that a field can have.
var oneOfEach = Table{
	{"t", true},
	{"f", false},
	{"b", int8(-1)},
	{"B", uint8(200)},
	{"s", int16(-300)},
	{"u", uint16(60000)},
	{"I", int32(-70000)},
	{"i", uint32(4e9)},
	{"l", int64(-1 << 40)},
	{"f", float32(1.5)},
	{"d", math.Pi},
	{"D", Decimal{Scale: 2, Value: 314}},
	{"S", "text \xff\x00"},
	{"x", []byte{0, 0xFF}},
	{"A", Array{int32(1), "two", Array{}, nil}},
	{"T", Timestamp(1<<64 - 1)},
	{"F", Table{{"inner", Table{}}, {"inner", nil}}},
	{"V", nil},
	{"", "no key"},
	{"\xff", "any key"},
}

func TestTablesKeepEveryValueOrderAndDuplicate(t *testing.T) {
	encoded := AppendTable([]byte("before"), oneOfEach)
	got, rest, err := DecodeTable(append(encoded[len("before"):], "after"...))
	if err != nil || string(rest) != "after" || !reflect.DeepEqual(got, oneOfEach) {
		t.Errorf("got %v, %q, %v", got, rest, err)
	}
}

func TestTablesAreEncodedWithTheTagsThatClientsUse(t *testing.T) {
	tests := []struct {
		value any
		want  string
	}{
		{true, "t\x01"},
		{int8(-1), "b\xff"},
		{uint8(255), "B\xff"},
		{int16(-2), "s\xff\xfe"},
		{uint16(2), "u\x00\x02"},
		{int32(-2), "I\xff\xff\xff\xfe"},
		{uint32(2), "i\x00\x00\x00\x02"},
		{int64(2), "l\x00\x00\x00\x00\x00\x00\x00\x02"},
		{float32(1), "f\x3f\x80\x00\x00"},
		{1.0, "d\x3f\xf0\x00\x00\x00\x00\x00\x00"},
		{Decimal{1, 2}, "D\x01\x00\x00\x00\x02"},
		{"ab", "S\x00\x00\x00\x02ab"},
		{[]byte("ab"), "x\x00\x00\x00\x02ab"},
		{Array{nil, true}, "A\x00\x00\x00\x03Vt\x01"},
		{Timestamp(3), "T\x00\x00\x00\x00\x00\x00\x00\x03"},
		{Table{{"k", nil}}, "F\x00\x00\x00\x03\x01kV"},
		{nil, "V"},
	}
	for _, tt := range tests {
		if got := appendValue(nil, tt.value); string(got) != tt.want {
			t.Errorf("%T %v: % x", tt.value, tt.value, got)
		}
	}
}

func TestForeignEncodingsAreUnderstood(t *testing.T) {
	tests := []struct {
		wire string
		want any
	}{
		{"L\xff\xff\xff\xff\xff\xff\xff\xff", int64(-1)},
		{"t\x02", true},
	}
	for _, tt := range tests {
		got, _, err := DecodeTable(tableOf("k", tt.wire))
		if err != nil || !reflect.DeepEqual(got, Table{{"k", tt.want}}) {
			t.Errorf("%q: %v, %v", tt.wire, got, err)
		}
	}
}

// tableOf returns a table of one field whose value is given in bytes.
func tableOf(key, value string) []byte {
	return appendLongstr(nil, append(appendShortstr(nil, key), value...))
}

func TestMalformedTablesAreSyntaxErrors(t *testing.T) {
	tests := map[string][]byte{
		"nothing":                 {},
		"half a length":           {0, 0, 0},
		"a length too long":       {0, 0, 0, 3, 1, 'k'},
		"the longest length":      {0xFF, 0xFF, 0xFF, 0xFF},
		"a key too long":          {0, 0, 0, 2, 5, 'k'},
		"no type":                 {0, 0, 0, 2, 1, 'k'},
		"an unknown type":         tableOf("k", "?"),
		"half a number":           tableOf("k", "I\x00"),
		"a decimal without value": tableOf("k", "D\x01\x00"),
		"a string too long":       tableOf("k", "S\xff\xff\xff\xffx"),
		"bytes too long":          tableOf("k", "x\x00\x00\x00\x02x"),
		"an array too long":       tableOf("k", "A\x7f\xff\xff\xffV"),
		"a bad value in an array": tableOf("k", "A\x00\x00\x00\x01?"),
		"a bad value in a table":  tableOf("k", "F\x00\x00\x00\x03\x01k?"),
		"a table too long":        tableOf("k", "F\x00\x00\x00\x09\x01kV"),
		"not a number":            appendTestFloat(math.NaN()),
		"infinity":                appendTestFloat(math.Inf(-1)),
		"a short infinity":        tableOf("k", "f\xff\x80\x00\x00"),
	}
	for name, wire := range tests {
		got, rest, err := DecodeTable(wire)
		var e *Error
		if !errors.As(err, &e) || e.Code != SyntaxError || got != nil || rest != nil {
			t.Errorf("%s: %v, %v, %v", name, got, rest, err)
		}
		if r := (reader{src: wire}); skipped(&r) {
			t.Errorf("%s passes the quick check", name)
		}
	}
}

func appendTestFloat(f float64) []byte { return AppendTable(nil, Table{{"k", f}}) }

// skipped tells whether the check that builds nothing lets a table pass.
func skipped(r *reader) bool {
	r.skipTable(0)
	return r.end() == nil
}

func TestTablesNestTo64AndNoDeeper(t *testing.T) {
	nest := func(levels int, wrap func(any) any) []byte {
		var v any = Table{}
		for range levels - 2 {
			v = wrap(v)
		}
		return AppendTable(nil, Table{{"k", v}})
	}
	for name, wrap := range map[string]func(any) any{
		"tables": func(v any) any { return Table{{"k", v}} },
		"arrays": func(v any) any { return Array{v} },
	} {
		deep, deeper := nest(64, wrap), nest(65, wrap)
		if _, _, err := DecodeTable(deep); err != nil || !skipped(&reader{src: deep}) {
			t.Errorf("%s: 64 levels: %v", name, err)
		}
		if _, _, err := DecodeTable(deeper); err == nil || skipped(&reader{src: deeper}) {
			t.Errorf("%s: 65 levels pass", name)
		}
	}
}

func TestANestingBombIsRefusedCheaply(t *testing.T) {
	const levels = 20_000 // tables, each within the other, in one frame of usual size
	var bomb []byte
	for i := range levels {
		bomb = append(binary.BigEndian.AppendUint32(bomb, uint32(6*(levels-1-i))), 0, 'F')
	}
	wire := bomb[:len(bomb)-2]
	var e *Error
	if _, _, err := DecodeTable(wire); !errors.As(err, &e) || !errors.Is(e, errTooDeep) {
		t.Error(err)
	}
	if allocs := testing.AllocsPerRun(1, func() { _, _, _ = DecodeTable(wire) }); allocs > 10 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestADeclaredLengthAllocatesNothing(t *testing.T) {
	for _, tag := range "SxAF" {
		wire := tableOf("k", string(tag)+"\x7f\xff\xff\xff....")
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		_, _, _ = DecodeTable(wire)
		runtime.ReadMemStats(&after)
		if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 1<<16 {
			t.Errorf("%c: %d bytes", tag, bytes)
		}
	}
}

func TestGetFindsTheFirstOfAKey(t *testing.T) {
	table := Table{{"a", int32(1)}, {"b", nil}, {"a", int32(2)}}
	if v, ok := table.Get("a"); v != int32(1) || !ok {
		t.Errorf("a: %v, %t", v, ok)
	}
	if v, ok := table.Get("b"); v != nil || !ok {
		t.Errorf("b: %v, %t", v, ok)
	}
	if _, ok := table.Get("c"); ok {
		t.Error("c is there")
	}
}

func TestCanonicalIsTheIdentityOfABinding(t *testing.T) {
	five, long := int32(5), int64(5)
	tests := []struct {
		name string
		a, b Table
		same bool
	}{
		{"nothing", nil, Table{}, true},
		{"order of keys", Table{{"k", five}, {"a", long}, {"Z", nil}}, Table{{"Z", nil}, {"a", long}, {"k", five}}, true},
		{"width of integers", Table{{"k", five}}, Table{{"k", long}}, false},
		{"string and bytes", Table{{"k", "a"}}, Table{{"k", []byte("a")}}, false},
		{"order within a table", Table{{"k", Table{{"a", five}, {"b", five}}}}, Table{{"k", Table{{"b", five}, {"a", five}}}}, false},
		{"order of duplicates", Table{{"k", five}, {"k", long}}, Table{{"k", long}, {"k", five}}, false},
		{"a duplicate and none", Table{{"k", five}, {"k", five}}, Table{{"k", five}}, false},
		{"empty array and table", Table{{"k", Array{}}}, Table{{"k", Table{}}}, false},
	}
	for _, tt := range tests {
		if got := tt.a.Canonical() == tt.b.Canonical(); got != tt.same {
			t.Errorf("%s: same %t", tt.name, got)
		}
	}
}

func TestCanonicalLeavesTheTableAsItIs(t *testing.T) {
	table := Table{{"b", nil}, {"a", nil}}
	table.Canonical()
	if table[0].Key != "b" {
		t.Error("sorted in place")
	}
}

func TestTypesHaveRabbitMQsNames(t *testing.T) {
	want := "bool bool byte unsignedbyte short unsignedshort signedint unsignedint long float double decimal " +
		"longstr binary array timestamp table void longstr longstr"
	var got []string
	for _, f := range oneOfEach {
		got = append(got, TypeName(f.Value))
	}
	if strings.Join(got, " ") != want {
		t.Errorf("got %s", got)
	}
}

func TestForeignTypesAreBugs(t *testing.T) {
	for name, f := range map[string]func(){
		"AppendTable": func() { AppendTable(nil, Table{{"k", 1}}) },
		"TypeName":    func() { TypeName(uint64(1)) },
		"FormatValue": func() { FormatValue(struct{}{}) },
	} {
		func() {
			defer func() {
				if s, _ := recover().(string); !strings.HasPrefix(s, "BUG: amqp: ") {
					t.Errorf("%s: %v", name, s)
				}
			}()
			f()
		}()
	}
}
