package amqp

import "fmt"

// ReplyCode is the number that tells a peer why something was refused
// (0-9-1 s. 1.4.2.7).
type ReplyCode uint16

// The reply codes, in the spec's words. Soft ones close the channel, hard ones
// the connection; see [ReplyCode.Hard].
const (
	ReplySuccess       ReplyCode = 200
	ContentTooLarge    ReplyCode = 311
	NoRoute            ReplyCode = 312
	NoConsumers        ReplyCode = 313
	ConnectionForced   ReplyCode = 320
	InvalidPath        ReplyCode = 402
	AccessRefused      ReplyCode = 403
	NotFound           ReplyCode = 404
	ResourceLocked     ReplyCode = 405
	PreconditionFailed ReplyCode = 406
	FrameError         ReplyCode = 501
	SyntaxError        ReplyCode = 502
	CommandInvalid     ReplyCode = 503
	ChannelError       ReplyCode = 504
	UnexpectedFrame    ReplyCode = 505
	ResourceError      ReplyCode = 506
	NotAllowed         ReplyCode = 530
	NotImplemented     ReplyCode = 540
	InternalError      ReplyCode = 541
)

// String returns the code's name as reply texts carry it: NOT_FOUND. A number
// that is no reply code is printed as it is.
func (c ReplyCode) String() string {
	switch c {
	case ReplySuccess:
		return "REPLY_SUCCESS"
	case ContentTooLarge:
		return "CONTENT_TOO_LARGE"
	case NoRoute:
		return "NO_ROUTE"
	case NoConsumers:
		return "NO_CONSUMERS"
	case ConnectionForced:
		return "CONNECTION_FORCED"
	case InvalidPath:
		return "INVALID_PATH"
	case AccessRefused:
		return "ACCESS_REFUSED"
	case NotFound:
		return "NOT_FOUND"
	case ResourceLocked:
		return "RESOURCE_LOCKED"
	case PreconditionFailed:
		return "PRECONDITION_FAILED"
	case FrameError:
		return "FRAME_ERROR"
	case SyntaxError:
		return "SYNTAX_ERROR"
	case CommandInvalid:
		return "COMMAND_INVALID"
	case ChannelError:
		return "CHANNEL_ERROR"
	case UnexpectedFrame:
		return "UNEXPECTED_FRAME"
	case ResourceError:
		return "RESOURCE_ERROR"
	case NotAllowed:
		return "NOT_ALLOWED"
	case NotImplemented:
		return "NOT_IMPLEMENTED"
	case InternalError:
		return "INTERNAL_ERROR"
	}
	return fmt.Sprintf("%d", uint16(c))
}

// Hard tells whether the code ends the connection; a soft code ends only the
// channel (FRM-32).
func (c ReplyCode) Hard() bool {
	switch c {
	case ConnectionForced, InvalidPath, NotAllowed, NotImplemented, InternalError:
		return true
	}
	return c >= FrameError && c <= ResourceError
}

// Errorf returns the condition c with a formatted explanation.
func (c ReplyCode) Errorf(format string, args ...any) *Error {
	return &Error{Code: c, Text: fmt.Sprintf(format, args...)}
}

// Error is a condition that the peer is told about. Everything else is ours
// alone.
type Error struct {
	// Code says what happened and, by [ReplyCode.Hard], what it costs.
	Code ReplyCode

	// Text explains, without the code's name. It may be empty.
	Text string

	// Hard raises a soft code to the connection, as a refused login does.
	Hard bool

	// NoMethod says that the error is not the fault of a particular method: the
	// close carries 0/0 for class and method, even if a method was at work.
	NoMethod bool

	// Err is the cause, for the log and never for the wire.
	Err error
}

// Error returns the reply text and, behind it, the cause.
func (e *Error) Error() string {
	if e.Err != nil {
		return e.ReplyText() + ": " + e.Err.Error()
	}
	return e.ReplyText()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// IsHard tells whether the error ends the connection.
func (e *Error) IsHard() bool { return e.Hard || e.Code.Hard() }

// maxShortstr is the most bytes that a short string can carry.
const maxShortstr = 255

// ReplyText returns the text for the wire, "NOT_FOUND - no queue 'q'", or the
// name alone if there is no explanation (FRM-33). A text that no short string
// can carry is cut to 252 bytes and "..." (FRM-31).
func (e *Error) ReplyText() string {
	text := e.Code.String()
	if e.Text != "" {
		text += " - " + e.Text
	}
	if len(text) > maxShortstr {
		text = text[:maxShortstr-3] + "..."
	}
	return text
}
