package amqp

import "testing"

func TestPlainIsNulUserNulPassword(t *testing.T) {
	tests := []struct {
		response, user, password string
		ok                       bool
	}{
		{"\x00guest\x00secret", "guest", "secret", true},
		{"\x00guest\x00", "guest", "", true},
		{"\x00\x00secret", "", "secret", true},
		{"\x00\xff\x00\xfe", "\xff", "\xfe", true},
		{"", "", "", false},
		{"\x00", "", "", false},
		{"guest\x00secret", "", "", false},
		{"\x00guest", "", "", false},
		{"other\x00guest\x00secret", "", "", false},
		{"\x00guest\x00secret\x00", "", "", false},
	}
	for _, tt := range tests {
		user, password, err := ParsePlain([]byte(tt.response))
		if user != tt.user || password != tt.password || (err == nil) != tt.ok {
			t.Errorf("%q: %q, %q, %v", tt.response, user, password, err)
		}
	}
}

func TestAMQPlainIsATableWithoutItsLength(t *testing.T) {
	tests := []struct {
		name           string
		table          Table
		user, password string
		ok             bool
	}{
		{"as clients send it", Table{{"LOGIN", "guest"}, {"PASSWORD", "secret"}}, "guest", "secret", true},
		{"bytes will do", Table{{"PASSWORD", []byte("secret")}, {"LOGIN", []byte("guest")}}, "guest", "secret", true},
		{"other keys do not matter", Table{{"X", nil}, {"LOGIN", "guest"}, {"PASSWORD", ""}}, "guest", "", true},
		{"the first counts", Table{{"LOGIN", "a"}, {"PASSWORD", "b"}, {"LOGIN", "c"}}, "a", "b", true},
		{"nothing", nil, "", "", false},
		{"no password", Table{{"LOGIN", "guest"}}, "", "", false},
		{"no login", Table{{"PASSWORD", "secret"}}, "", "", false},
		{"lower case", Table{{"login", "guest"}, {"password", "secret"}}, "", "", false},
		{"a number", Table{{"LOGIN", int32(1)}, {"PASSWORD", "secret"}}, "", "", false},
	}
	for _, tt := range tests {
		user, password, err := ParseAMQPlain(appendTableBody(nil, tt.table))
		if user != tt.user || password != tt.password || (err == nil) != tt.ok {
			t.Errorf("%s: %q, %q, %v", tt.name, user, password, err)
		}
	}
	if _, _, err := ParseAMQPlain([]byte("\x05LOGIN")); err == nil {
		t.Error("half a table passes")
	}
}
