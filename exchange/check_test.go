package exchange

import (
	"errors"
	"math"
	"testing"

	"github.com/leveretmq/leveret/amqp"
)

func TestHeadersExchangeRefusesOtherWaysToMatch(t *testing.T) {
	const (
		value = "PRECONDITION_FAILED - Invalid x-match field value "
		modes = "; expected all, any, all-with-x, or any-with-x"
		kind  = "PRECONDITION_FAILED - Invalid x-match field type "
		str   = "); expected longstr"
	)
	for _, c := range []struct {
		mode any
		want string // empty: accepted
	}{
		{"all", ""},
		{"any", ""},
		{"all-with-x", ""},
		{"any-with-x", ""},

		// XTYP-25
		{"foo", value + `<<"foo">>` + modes},
		{"ALL", value + `<<"ALL">>` + modes},
		{"", value + `<<>>` + modes},
		{"\x00\x01", value + `<<0,1>>` + modes},
		{"a\x7fb", value + `<<97,127,98>>` + modes},
		{"a\r\v\b\f\x1b\n\tz", value + `<<"a\r\v\b\f\e\n\tz">>` + modes},
		{`a"b\c`, value + `<<"a\"b\\c">>` + modes},
		{"caf\xe9", value + "<<\"caf\xe9\">>" + modes},

		// XTYP-26
		{[]byte("all"), kind + `binary (value <<"all">>` + str},
		{true, kind + "bool (value true" + str},
		{int8(-5), kind + "byte (value -5" + str},
		{uint8(200), kind + "unsignedbyte (value 200" + str},
		{int16(-5), kind + "short (value -5" + str},
		{uint16(5), kind + "unsignedshort (value 5" + str},
		{int32(5), kind + "signedint (value 5" + str},
		{uint32(5), kind + "unsignedint (value 5" + str},
		{int64(1 << 40), kind + "long (value 1099511627776" + str},
		{float32(0.1), kind + "float (value 0.10000000149011612" + str},
		{1.5, kind + "double (value 1.5" + str},
		{amqp.Decimal{Scale: 2, Value: 12345}, kind + "decimal (value {2,12345}" + str},
		{amqp.Timestamp(1700000000), kind + "timestamp (value 1700000000" + str},
		{nil, kind + "void (value undefined" + str},
		{amqp.Array{}, kind + "array (value []" + str},
		{amqp.Array{int32(1), "a"}, kind + `array (value [{signedint,1},{longstr,<<"a">>}]` + str},
		{amqp.Array{amqp.Table{{Key: "a", Value: true}}}, kind + `array (value [{table,[{<<"a">>,bool,true}]}]` + str},
		{amqp.Table{}, kind + "table (value []" + str},
		{amqp.Table{{Key: "k", Value: int32(1)}}, kind + `table (value [{<<"k">>,signedint,1}]` + str},
	} {
		args := amqp.Table{{Key: "a", Value: "b"}, {Key: "x-match", Value: c.mode}}
		if got := replyText(CheckBinding(Headers, "k", args)); got != c.want {
			t.Errorf("x-match=%v: got %q, want %q", c.mode, got, c.want)
		}
	}
}

func TestTheFirstOfSeveralXMatchIsChecked(t *testing.T) {
	good := amqp.Table{{Key: "x-match", Value: "all"}, {Key: "x-match", Value: "foo"}}
	if err := CheckBinding(Headers, "", good); err != nil {
		t.Error(err)
	}
	bad := amqp.Table{{Key: "x-match", Value: "foo"}, {Key: "x-match", Value: "all"}}
	if err := CheckBinding(Headers, "", bad); err == nil {
		t.Error("accepted")
	}
}

func TestOnlyHeadersExchangesRefuseBindings(t *testing.T) {
	args := amqp.Table{{Key: "x-match", Value: int32(5)}}
	for _, kind := range []string{Direct, Fanout, Topic} {
		if err := CheckBinding(kind, "#.#.#", args); err != nil {
			t.Errorf("%s: %v", kind, err)
		}
	}
	if err := CheckBinding(Headers, "k", nil); err != nil {
		t.Error(err)
	}
}

func replyText(err error) string {
	var e *amqp.Error
	if !errors.As(err, &e) {
		return ""
	}
	return e.ReplyText()
}

func TestFloatsAreQuotedAsErlangPrintsThem(t *testing.T) {
	minusZero := math.Copysign(0, -1)
	for _, c := range []struct {
		f    float64
		want string
	}{
		{0, "0.0"},
		{minusZero, "-0.0"},
		{1, "1.0"},
		{-0.001, "-0.001"},
		{0.0001, "0.0001"},
		{0.00012345, "1.2345e-4"},
		{0.00001, "1.0e-5"},
		{5e-324, "5.0e-324"},
		{100, "100.0"},
		{1000, "1.0e3"},
		{-100000, "-1.0e5"},
		{123456, "123456.0"},
		{1200000, "1.2e6"},
		{12345.678, "12345.678"},
		{12345678901234, "12345678901234.0"},
		{9007199254740991, "9007199254740991.0"},
		{9007199254740992, "9.007199254740992e15"},
		{123456789012345680, "1.2345678901234568e17"},
		{1e300, "1.0e300"},
	} {
		if got := string(appendTerm(nil, c.f)); got != c.want {
			t.Errorf("%v: got %s, want %s", c.f, got, c.want)
		}
	}
}
