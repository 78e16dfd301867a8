package amqp

import (
	"errors"
	"io"
	"strings"
	"testing"
)

func TestReplyCodesHaveTheirNamesAndReach(t *testing.T) {
	tests := []struct {
		code ReplyCode
		name string
		hard bool
	}{
		{200, "REPLY_SUCCESS", false},
		{311, "CONTENT_TOO_LARGE", false},
		{312, "NO_ROUTE", false},
		{313, "NO_CONSUMERS", false},
		{320, "CONNECTION_FORCED", true},
		{402, "INVALID_PATH", true},
		{403, "ACCESS_REFUSED", false},
		{404, "NOT_FOUND", false},
		{405, "RESOURCE_LOCKED", false},
		{406, "PRECONDITION_FAILED", false},
		{501, "FRAME_ERROR", true},
		{502, "SYNTAX_ERROR", true},
		{503, "COMMAND_INVALID", true},
		{504, "CHANNEL_ERROR", true},
		{505, "UNEXPECTED_FRAME", true},
		{506, "RESOURCE_ERROR", true},
		{530, "NOT_ALLOWED", true},
		{540, "NOT_IMPLEMENTED", true},
		{541, "INTERNAL_ERROR", true},
		{999, "999", false},
	}
	for _, tt := range tests {
		if tt.code.String() != tt.name || tt.code.Hard() != tt.hard {
			t.Errorf("%d: %s, hard %t", uint16(tt.code), tt.code, tt.code.Hard())
		}
	}
}

func TestReplyTextsAreNameAndExplanation(t *testing.T) {
	long := strings.Repeat("x", 300)
	fits := strings.Repeat("x", 255-len("NOT_FOUND - "))
	tests := []struct{ text, want string }{
		{"", "NOT_FOUND"},
		{"no queue 'q' in vhost '/'", "NOT_FOUND - no queue 'q' in vhost '/'"},
		{fits, "NOT_FOUND - " + fits},
		{fits + "x", ("NOT_FOUND - " + fits)[:252] + "..."},
		{long, ("NOT_FOUND - " + long)[:252] + "..."},
	}
	for _, tt := range tests {
		if got := NotFound.Errorf("%s", tt.text).ReplyText(); got != tt.want {
			t.Errorf("%q: %q", tt.text, got)
		}
	}
}

func TestErrorsKeepTheirCauseForTheLog(t *testing.T) {
	e := &Error{Code: AccessRefused, Text: "login refused", Hard: true, Err: io.EOF}
	if !errors.Is(e, io.EOF) || e.Error() != "ACCESS_REFUSED - login refused: EOF" || strings.Contains(e.ReplyText(), "EOF") {
		t.Errorf("%v; to the peer %q", e, e.ReplyText())
	}
	if e := NotFound.Errorf("gone"); errors.Unwrap(e) != nil || e.Error() != e.ReplyText() {
		t.Errorf("%v", e)
	}
}

func TestASoftErrorCanBeRaisedToTheConnection(t *testing.T) {
	if !(&Error{Code: AccessRefused, Hard: true}).IsHard() || (&Error{Code: AccessRefused}).IsHard() || !(&Error{Code: NotAllowed}).IsHard() {
		t.Error("IsHard is not Hard or Code.Hard()")
	}
}
