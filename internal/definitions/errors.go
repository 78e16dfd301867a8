package definitions

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
)

// ParseError is why a document is no definitions.
type ParseError struct {
	Line, Column int    // from 1, in bytes
	Object       string // such as queues[2], empty if it is about none
	Err          error
}

// Error says where it is, and what.
func (e *ParseError) Error() string {
	where := fmt.Sprintf("line %d, column %d: ", e.Line, e.Column)
	if e.Object != "" {
		where += e.Object + ": "
	}
	return where + e.Err.Error()
}

// Unwrap is the reason.
func (e *ParseError) Unwrap() error { return e.Err }

// fail says where the error is that came with an object, whose place is start. That
// of json knows its own.
func (p *parser) fail(start int64, object string, err error) error {
	var syntax *json.SyntaxError
	var kind *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		if start = syntax.Offset; !strings.HasPrefix(err.Error(), "unexpected end") {
			start-- // of the character that is wrong
		}
	case errors.As(err, &kind):
		start += max(kind.Offset-1, 0)
		err = fmt.Errorf("%s: want %s, got %s", kind.Field, kindName(kind.Type), kind.Value)
	}
	before := p.data[:min(max(start, 0), int64(len(p.data)))]
	line := bytes.LastIndexByte(before, '\n')
	return &ParseError{1 + bytes.Count(before, []byte("\n")), len(before) - line, object, err}
}

// kindName is what JSON calls a type of a document.
func kindName(t reflect.Type) string {
	switch t.Kind() {
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Int:
		return "an integer"
	case reflect.Slice:
		return "a list"
	default:
		return "an object"
	}
}
