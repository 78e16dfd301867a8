package oracle

import (
	"encoding/hex"
	"fmt"
	"hash/crc32"
	"regexp"
	"strconv"
	"strings"
)

// parseText reads a string value: pieces joined by +, each of them a quoted
// string, hex:0aff, a bare word, or N*piece for a repetition.
func parseText(s string) (string, error) {
	var b strings.Builder
	for _, piece := range splitOutside(s, '+') {
		text, err := parsePiece(piece)
		if err != nil {
			return "", err
		}
		b.WriteString(text)
	}
	return b.String(), nil
}

var repeated = regexp.MustCompile(`^([0-9]+)\*(.+)$`)

func parsePiece(s string) (string, error) {
	if m := repeated.FindStringSubmatch(s); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return "", err
		}
		text, err := parsePiece(m[2])
		return strings.Repeat(text, n), err
	}
	if h, ok := strings.CutPrefix(s, "hex:"); ok {
		b, err := hex.DecodeString(h)
		return string(b), err
	}
	if strings.HasPrefix(s, `"`) {
		return strconv.Unquote(s)
	}
	return s, nil
}

// parseBytes reads the octets of raw frames and streams: words of hexadecimal
// digits, "text", s"text" (with a one-octet length before it) or N*word.
func parseBytes(words []string) ([]byte, error) {
	var out []byte
	for _, w := range words {
		b, err := parseOctets(w)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", w, err)
		}
		out = append(out, b...)
	}
	return out, nil
}

func parseOctets(w string) ([]byte, error) {
	if m := repeated.FindStringSubmatch(w); m != nil {
		n, err := strconv.Atoi(m[1])
		if err != nil {
			return nil, err
		}
		b, err := parseOctets(m[2])
		return []byte(strings.Repeat(string(b), n)), err
	}
	switch {
	case strings.HasPrefix(w, `"`):
		text, err := strconv.Unquote(w)
		return []byte(text), err
	case strings.HasPrefix(w, `s"`):
		text, err := strconv.Unquote(w[1:])
		return append([]byte{byte(len(text))}, text...), err
	}
	return hex.DecodeString(w)
}

var bareText = regexp.MustCompile(`^[A-Za-z0-9_.*%/-]+$`)

// printText writes a string as parseText reads it: bare when nothing in it is
// special, a run of one octet as a repetition, quoted otherwise.
func printText(s string) string {
	if n := len(s); n > 40 && strings.Count(s, s[:1]) == n {
		return fmt.Sprintf("%d*%s", n, printText(s[:1]))
	}
	if bareText.MatchString(s) && !repeated.MatchString(s) {
		return s
	}
	return strconv.Quote(s)
}

// printBody writes a message body: short ones in full, others as their length
// and checksum.
func printBody(body []byte) string {
	if len(body) <= 64 {
		return strconv.Quote(string(body))
	}
	return fmt.Sprintf("(%d octets, crc32 %08x)", len(body), crc32.ChecksumIEEE(body))
}

// hexBytes returns b in hexadecimal, long ones cut to their beginning and
// their length.
func hexBytes(b []byte) string {
	const most = 512
	if len(b) > most {
		return fmt.Sprintf("%x... (%d octets, crc32 %08x)", b[:16], len(b), crc32.ChecksumIEEE(b))
	}
	return hex.EncodeToString(b)
}
