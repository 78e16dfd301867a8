package amqp

import (
	"bytes"
	"encoding/binary"
	"os"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// specMethod is a row of testdata/spec.txt.
type specMethod struct {
	name    string
	id      MethodID
	from    string
	content bool
	args    []specArg
}

type specArg struct{ name, kind string }

func readSpec(t *testing.T) (methods []specMethod, properties []specArg) {
	t.Helper()
	text, err := os.ReadFile("testdata/spec.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		head, args, _ := strings.Cut(strings.TrimSpace(line), " : ")
		cols := strings.Fields(head)
		switch {
		case len(cols) == 0 || cols[0] == "#":
		case cols[0] == "property":
			properties = append(properties, specArgs(cols[1])...)
		case len(cols) == 8:
			class, _ := strconv.Atoi(cols[2])
			method, _ := strconv.Atoi(cols[3])
			methods = append(methods, specMethod{
				name: cols[1], id: MethodID(class<<16 | method), from: cols[4],
				content: cols[6] == "content", args: specArgs(args),
			})
		default:
			t.Fatalf("spec.txt: %q", line)
		}
	}
	return methods, properties
}

func specArgs(s string) (args []specArg) {
	for _, word := range strings.Fields(s) {
		if name, kind, ok := strings.Cut(word, ":"); ok {
			args = append(args, specArg{name, kind})
		}
	}
	return args
}

func TestMethodsAreThoseOfTheSpec(t *testing.T) {
	spec, _ := readSpec(t)
	known := map[MethodID]bool{}
	for _, s := range spec {
		known[s.id] = true
		m := newMethod(s.id)
		if m == nil {
			t.Errorf("%s is missing", s.name)
			continue
		}
		if m.ID() != s.id || s.id.String() != s.name {
			t.Errorf("%s: %T has id %d, named %s", s.name, m, m.ID(), s.id)
		}
		if got := s.id.HasContent(); got != s.content {
			t.Errorf("%s: content %t", s.name, got)
		}
		if got := s.id.FromClient(); got != (s.from != "server") {
			t.Errorf("%s: from client %t", s.name, got)
		}
	}
	for class := range MethodID(256) {
		for method := range MethodID(256) {
			if id := class<<16 | method; newMethod(id) != nil && !known[id] {
				t.Errorf("%s is not in the spec", id)
			}
		}
	}
}

func TestArgumentsHaveTheSpecsNamesTypesAndOrder(t *testing.T) {
	kinds := map[reflect.Type]string{
		reflect.TypeFor[bool](): "bit", reflect.TypeFor[uint8](): "octet", reflect.TypeFor[uint16](): "short",
		reflect.TypeFor[uint32](): "long", reflect.TypeFor[uint64](): "longlong",
		reflect.TypeFor[string](): "shortstr", reflect.TypeFor[[]byte](): "longstr", reflect.TypeFor[Table](): "table",
	}
	spec, _ := readSpec(t)
	for _, s := range spec {
		var got []specArg
		for f := range fields(newMethod(s.id)) {
			got = append(got, specArg{f.Name, kinds[f.Type]})
		}
		want := make([]specArg, len(s.args))
		for i, a := range s.args {
			want[i] = specArg{goName(a.name), a.kind}
		}
		if len(got)+len(want) > 0 && !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %v\nwant %v", s.name, got, want)
		}
	}
}

// fields yields the struct fields of a method with their values.
func fields(m Method) func(func(reflect.StructField, reflect.Value) bool) {
	v := reflect.ValueOf(m).Elem()
	return func(yield func(reflect.StructField, reflect.Value) bool) {
		for i := range v.NumField() {
			if !yield(v.Type().Field(i), v.Field(i)) {
				return
			}
		}
	}
}

// goName returns the name of the struct field for an argument of the spec.
func goName(arg string) string {
	switch arg {
	case "reserved":
		return "_"
	case "nowait":
		return "NoWait"
	}
	var name strings.Builder
	for _, word := range strings.Split(arg, "-") {
		if word == "id" {
			word = "ID"
		}
		name.WriteString(strings.ToUpper(word[:1]) + word[1:])
	}
	return name.String()
}

func TestMethodsAreEncodedAsTheSpecSays(t *testing.T) {
	spec, _ := readSpec(t)
	for _, s := range spec {
		for _, odd := range []bool{false, true} {
			m := newMethod(s.id)
			fill(m, odd)
			payload := specEncode(s, m)

			frame := AppendMethod([]byte("before"), 0x1234, m)
			want := AppendFrame([]byte("before"), FrameMethod, 0x1234, payload)
			if !bytes.Equal(frame, want) {
				t.Errorf("%s:\n got % x\nwant % x", s.name, frame, want)
			}
			back, err := DecodeMethod(payload)
			if err != nil || !reflect.DeepEqual(back, m) {
				t.Errorf("%s came back as %+v, %v; want %+v", s.name, back, err, m)
			}
			reused := newMethod(s.id)
			fill(reused, !odd)
			if err := Decode(reused, payload); err != nil || !reflect.DeepEqual(reused, m) {
				t.Errorf("%s decoded over other arguments is %+v, %v; want %+v", s.name, reused, err, m)
			}
		}
	}
}

// fill gives every argument a value of its own; odd tells which bits are set.
func fill(m Method, odd bool) {
	n := 0
	for f, v := range fields(m) {
		if f.Name == "_" {
			continue
		}
		n++
		switch v.Kind() {
		case reflect.Bool:
			v.SetBool(n%2 == 1 == odd)
		case reflect.String:
			v.SetString(strings.Repeat("é", n) + strconv.FormatBool(odd))
		case reflect.Slice:
			if f.Type == reflect.TypeFor[Table]() {
				v.Set(reflect.ValueOf(Table{{"n", int32(n)}, {"odd", odd}}))
			} else {
				v.SetBytes([]byte{byte(n), 0, 0xFF})
			}
		default:
			v.SetUint((0xF102030405060708 + uint64(n)) << (64 - 8*f.Type.Size()) >> (64 - 8*f.Type.Size()))
		}
	}
}

// specEncode is a second encoder: slow, reflective, driven by the spec's table.
func specEncode(s specMethod, m Method) []byte {
	b := binary.BigEndian.AppendUint32(nil, uint32(s.id))
	v := reflect.ValueOf(m).Elem()
	bitsUsed := 0
	for i, a := range s.args {
		if a.kind != "bit" {
			bitsUsed = 0
		}
		f := v.Field(i)
		switch a.kind {
		case "bit":
			if bitsUsed%8 == 0 {
				b = append(b, 0)
			}
			if f.Bool() {
				b[len(b)-1] |= 1 << (bitsUsed % 8)
			}
			bitsUsed++
		case "octet":
			b = append(b, byte(f.Uint()))
		case "short":
			b = binary.BigEndian.AppendUint16(b, uint16(f.Uint()))
		case "long":
			b = binary.BigEndian.AppendUint32(b, uint32(f.Uint()))
		case "longlong":
			b = binary.BigEndian.AppendUint64(b, f.Uint())
		case "shortstr":
			b = append(append(b, byte(f.Len())), f.String()...)
		case "longstr":
			b = append(binary.BigEndian.AppendUint32(b, uint32(f.Len())), f.Bytes()...)
		case "table":
			var body []byte
			for j := range f.Len() {
				field := f.Index(j).Interface().(Field)
				body = append(append(body, byte(len(field.Key))), field.Key...)
				switch value := field.Value.(type) {
				case int32:
					body = binary.BigEndian.AppendUint32(append(body, 'I'), uint32(value))
				case bool:
					body = append(body, 't', map[bool]byte{true: 1}[value])
				}
			}
			b = append(binary.BigEndian.AppendUint32(b, uint32(len(body))), body...)
		}
	}
	return b
}
