package amqp

import (
	"strconv"
	"strings"
)

// RabbitMQ's reply texts quote bytes and values as Erlang prints them, and
// clients' tests compare those texts: so do we.

// FormatBinary prints b in one line as Erlang prints a binary: <<"abc">> if all
// bytes are printable Latin-1, <<0,20,0>> otherwise. Like RabbitMQ's texts the
// result has those bytes as they are and need not be UTF-8.
func FormatBinary(b []byte) string {
	if len(b) == 0 || !printable(b) {
		return formatOctets(b)
	}
	out := append(make([]byte, 0, len(b)+6), `<<"`...)
	for _, c := range b {
		out = appendEscaped(out, c)
	}
	return string(append(out, `">>`...))
}

// formatOctets prints b as numbers, whatever they are.
func formatOctets(b []byte) string {
	out := append(make([]byte, 0, 4*len(b)+4), "<<"...)
	for i, c := range b {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendUint(out, uint64(c), 10)
	}
	return string(append(out, ">>"...))
}

func printable(b []byte) bool {
	for _, c := range b {
		if escapes[c] == 0 && (c < ' ' || c > '~' && c < 0xA0) {
			return false
		}
	}
	return true
}

// escapes has the letter of each byte that is printed with a backslash.
var escapes = [256]byte{
	'\b': 'b', '\t': 't', '\n': 'n', '\v': 'v', '\f': 'f', '\r': 'r', 0x1B: 'e', '"': '"', '\\': '\\',
}

func appendEscaped(dst []byte, c byte) []byte {
	if e := escapes[c]; e != 0 {
		return append(dst, '\\', e)
	}
	return append(dst, c)
}

// shownOctets is how much of a frame a text shows, in bytes.
const shownOctets = 16

// describeFrame shows a frame as the texts of frame errors do (FRM-02, FRM-13):
// «type 1, all octets = <<0,50>>».
func describeFrame(t FrameType, payload []byte) string {
	size := "all"
	if len(payload) > shownOctets {
		payload, size = payload[:shownOctets], "first 16"
	}
	text := "type " + strconv.Itoa(int(t)) + ", " + size + " octets = "
	return text + breakOctets(FormatBinary(payload), len(text))
}

// describeBadEnd is describeFrame with what stood in the place of the end octet.
func describeBadEnd(t FrameType, payload []byte, end byte) string {
	text := describeFrame(t, payload) + ": "
	column := len(text) - strings.LastIndexByte(text, '\n') - 1
	const reason, edge = "{invalid_frame_end_marker,", 78
	text += reason
	number := strconv.Itoa(int(end))
	if column+len(reason)+len(number)+len("}") > edge {
		text += "\n" + strings.Repeat(" ", column+len("{"))
	}
	return text + number + "}"
}

// breakOctets breaks what formatOctets printed where Erlang does, given the
// column it begins at: no number ends beyond column 78, unless with it the
// whole ends at 81 at most. Quoted text is too short to need it.
func breakOctets(s string, column int) string {
	const edge, lastEdge = 78, 81
	if column+len(s) <= lastEdge || s[2] == '"' {
		return s
	}
	indent := column + len("<<")
	out, at := "<<", indent
	for i, number := range strings.Split(s[2:len(s)-2], ",") {
		if i > 0 {
			out, at = out+",", at+1
			if at+len(number) > edge {
				out, at = out+"\n"+strings.Repeat(" ", indent), indent
			}
		}
		out, at = out+number, at+len(number)
	}
	return out + ">>"
}
