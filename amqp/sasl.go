package amqp

import (
	"bytes"
	"errors"
)

var (
	errPlain    = errors.New("response is not NUL user NUL password")
	errAMQPlain = errors.New("response is not a table with LOGIN and PASSWORD")
)

// ParsePlain reads a response of the SASL mechanism PLAIN: NUL, user, NUL,
// password and nothing else (CONN-05).
func ParsePlain(response []byte) (user, password string, err error) {
	if bytes.Count(response, []byte{0}) != 2 || response[0] != 0 {
		return "", "", errPlain
	}
	u, p, _ := bytes.Cut(response[1:], []byte{0})
	return string(u), string(p), nil
}

// ParseAMQPlain reads a response of the mechanism AMQPLAIN: the body of a field
// table, without its length, with the strings LOGIN and PASSWORD (CONN-06).
func ParseAMQPlain(response []byte) (user, password string, err error) {
	t, err := decodeTableBody(response, 0)
	if err != nil {
		return "", "", err
	}
	login, _ := t.Get("LOGIN")
	secret, _ := t.Get("PASSWORD")
	if !isText(login) || !isText(secret) {
		return "", "", errAMQPlain
	}
	return FormatValue(login), FormatValue(secret), nil
}

func isText(v any) bool {
	switch v.(type) {
	case string, []byte:
		return true
	}
	return false
}
