package main

import (
	"bytes"
	"fmt"
)

// zeroes are the encodings of reserved arguments.
var zeroes = map[string]string{
	"octet": "0", "short": "0, 0", "long": "0, 0, 0, 0", "shortstr": "0", "longstr": "0, 0, 0, 0", "table": "0, 0, 0, 0",
}

// appends are the statements that append an argument.
var appends = map[string]string{
	"octet":    "dst = append(dst, m.%s)",
	"short":    "dst = binary.BigEndian.AppendUint16(dst, m.%s)",
	"long":     "dst = binary.BigEndian.AppendUint32(dst, m.%s)",
	"longlong": "dst = binary.BigEndian.AppendUint64(dst, m.%s)",
	"shortstr": "dst = appendShortstr(dst, m.%s)",
	"longstr":  "dst = appendLongstr(dst, m.%s)",
	"table":    "dst = AppendTable(dst, m.%s)",
}

func emitAppend(b *bytes.Buffer, f field) {
	if f.goName == "_" {
		fmt.Fprintf(b, "\tdst = append(dst, %s)\n", zeroes[f.kind])
		return
	}
	fmt.Fprintf(b, "\t"+appends[f.kind]+"\n", f.goName)
}

func emitDecode(b *bytes.Buffer, f field) {
	switch {
	case f.goName == "_" && f.kind == "longstr":
		b.WriteString("\tr.bytes(r.long())\n")
	case f.goName == "_" && f.kind == "shortstr":
		b.WriteString("\tr.shortstr(\"\")\n")
	case f.goName == "_":
		fmt.Fprintf(b, "\tr.%s()\n", f.kind)
	case f.kind == "shortstr":
		fmt.Fprintf(b, "\tm.%[1]s = r.%[2]s(m.%[1]s)\n", f.goName, f.reader())
	default:
		fmt.Fprintf(b, "\tm.%s = r.%s()\n", f.goName, f.kind)
	}
}

func emitAppendBits(b *bytes.Buffer, fields []field) {
	b.WriteString("\tdst = append(dst, ")
	first := true
	for i, f := range fields {
		if f.goName == "_" {
			continue
		}
		if !first {
			b.WriteString(" | ")
		}
		fmt.Fprintf(b, "bit(m.%s, %d)", f.goName, i)
		first = false
	}
	if first {
		b.WriteString("0")
	}
	b.WriteString(")\n")
}

func emitDecodeBits(b *bytes.Buffer, fields []field) {
	if len(fields) == 1 && fields[0].goName == "_" {
		b.WriteString("\tr.octet()\n")
		return
	}
	b.WriteString("\tbits := r.octet()\n")
	for i, f := range fields {
		if f.goName != "_" {
			fmt.Fprintf(b, "\tm.%s = bits&%d != 0\n", f.goName, 1<<i)
		}
	}
}
