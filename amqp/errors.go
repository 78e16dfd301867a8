package amqp

import "errors"

// What a reader finds wrong. The functions below give it the form in which the
// peer learns of it.
var (
	errTruncated     = errors.New("too few bytes or too many")
	errUnknownTag    = errors.New("unknown type of field value")
	errNotFinite     = errors.New("float that is no number")
	errTooDeep       = errors.New("field table nested too deep")
	errMalformedUTF8 = errors.New("short string is not UTF-8")
)

// errShortMethod is for a method frame that cannot hold the ids (FRM-06).
func errShortMethod(payload []byte) *Error {
	e := FrameError.Errorf("%s: unknown_frame", describeFrame(FrameMethod, payload))
	e.NoMethod = true
	return e
}

// methodError turns what decode returned into what the peer is told. RabbitMQ
// drops the connection without a word for a malformed field table (FRM-09).
func methodError(payload []byte, err error) *Error {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e
	case errors.Is(err, errMalformedUTF8):
		return &Error{Code: FrameError, Text: "Malformed UTF-8 in shortstr", NoMethod: true}
	}
	return &Error{Code: FrameError, Text: "cannot decode " + formatOctets(payload[4:]), Err: err}
}

// tableError is for a field table that is not one (FRM-09).
func tableError(err error) *Error {
	return &Error{Code: SyntaxError, Text: "malformed field table", Err: err}
}
