package rabbitmqctl

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// formatters are those of --formatter; "" is the default of a command.
var formatters = map[string]bool{"": true, "table": true, "pretty_table": true, "json": true, "csv": true, "json_stream": true, "report": true, "string": true}

// end shows how a command ended, and returns the exit code.
func (r *run) end(o outcome) int {
	out := r.Out
	if o.code != 0 {
		out = r.Err
		if r.has("silent") {
			return o.code
		}
	}
	switch {
	case o.said:
	case r.last("formatter") == "json" && (o.json != nil || o.code == 0):
		v := o.json
		if v == nil {
			v = map[string]string{"message": o.text}
		}
		fmt.Fprintln(out, string(plainJSON(v)))
	case o.code != 0 && !o.bare:
		fmt.Fprintf(out, "Error:\n%s\n", o.text)
	case o.text != "":
		fmt.Fprintln(out, o.text)
	}
	return o.code
}

// plainJSON is JSON as RabbitMQ writes it, which leaves < and > alone.
func plainJSON(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return []byte(`{"error":"` + err.Error() + `"}`)
	}
	return bytes.TrimRight(b.Bytes(), "\n")
}

// list shows rows.
func (r *run) list(answer json.RawMessage) int {
	var rows [][]json.RawMessage
	if answer == nil { // nobody was asked
		answer = json.RawMessage("[]")
	}
	if err := json.Unmarshal(answer, &rows); err != nil {
		return r.end(outcome{text: "the broker's answer: " + err.Error(), code: exitSoftware})
	}
	return r.rows(rows)
}

// rows shows rows that are there.
func (r *run) rows(rows [][]json.RawMessage) int {
	head := r.columns
	if r.has("silent") || r.has("no-table-headers") || r.last("table-headers") == "false" {
		head = nil
	}
	switch r.last("formatter") {
	case "json":
		writeJSON(r.Out, r.columns, rows)
	case "json_stream":
		for _, row := range rows {
			fmt.Fprintf(r.Out, "%s\n\n", object(r.columns, row))
		}
	case "csv":
		writeCSV(r.Out, head, rows)
	case "pretty_table":
		writePretty(r.Out, r.columns, rows)
	default:
		if len(rows) == 0 && !r.command.live {
			fmt.Fprintln(r.Out)
			return 0
		}
		writeTable(r.Out, head, rows)
	}
	return 0
}

func writeTable(w io.Writer, head []string, rows [][]json.RawMessage) {
	if len(head) > 0 && len(rows) > 0 {
		fmt.Fprintln(w, strings.Join(head, "\t"))
	}
	for _, row := range rows {
		fmt.Fprintln(w, strings.Join(cells(row), "\t"))
	}
}

// writeJSON writes one object a line, so that a long list can be read on.
func writeJSON(w io.Writer, names []string, rows [][]json.RawMessage) {
	fmt.Fprintln(w, "[")
	for i, row := range rows {
		if i > 0 {
			fmt.Fprint(w, ",")
		}
		fmt.Fprintf(w, "%s\n", object(names, row))
	}
	fmt.Fprintln(w, "]")
}

func object(names []string, row []json.RawMessage) string {
	var b strings.Builder
	b.WriteByte('{')
	for i, name := range names {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%q:%s", name, row[i])
	}
	b.WriteByte('}')
	return b.String()
}

func writeCSV(w io.Writer, head []string, rows [][]json.RawMessage) {
	line := func(cells []string) {
		for i, c := range cells {
			if i > 0 {
				fmt.Fprint(w, ",")
			}
			fmt.Fprint(w, `"`+strings.ReplaceAll(c, `"`, `""`)+`"`)
		}
		fmt.Fprintln(w)
	}
	if len(head) > 0 && len(rows) > 0 {
		line(head)
	}
	for _, row := range rows {
		line(cells(row))
	}
}

// writePretty draws a table with lines around its cells.
func writePretty(w io.Writer, head []string, rows [][]json.RawMessage) {
	all := [][]string{head}
	for _, row := range rows {
		all = append(all, cells(row))
	}
	widths := make([]int, len(head))
	for _, row := range all {
		for i, c := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(c))
		}
	}
	rule := func(left, between, right string) {
		lines := make([]string, len(widths))
		for i, n := range widths {
			lines[i] = strings.Repeat("─", n+2)
		}
		fmt.Fprintln(w, left+strings.Join(lines, between)+right)
	}
	rule("┌", "┬", "┐")
	for n, row := range all {
		if n > 0 {
			rule("├", "┼", "┤")
		}
		for i, c := range row {
			fmt.Fprintf(w, "│ %s%s ", c, strings.Repeat(" ", widths[i]-utf8.RuneCountInString(c)))
		}
		fmt.Fprintln(w, "│")
	}
	rule("└", "┴", "┘")
}

// cells are values as text.
func cells(row []json.RawMessage) []string {
	all := make([]string, len(row))
	for i, raw := range row {
		d := json.NewDecoder(bytes.NewReader(raw))
		d.UseNumber()
		var v any
		if d.Decode(&v) != nil {
			all[i] = string(raw)
			continue
		}
		all[i] = cell(v)
	}
	return all
}

// cell is a value as RabbitMQ's tables show it: a table of fields as Erlang has
// it, a list of names in brackets, a list of numbers in braces.
func cell(v any) string {
	switch v := v.(type) {
	case nil:
		return ""
	case string:
		return v
	case []any:
		return list(v)
	}
	return string(plainJSON(v))
}

func list(all []any) string {
	parts := make([]string, len(all))
	for i, v := range all {
		switch v := v.(type) {
		case []any: // a field: its name, its type, its value; or, in an array, without a name
			parts[i] = field(v)
		default:
			parts[i] = cell(v)
		}
	}
	if len(all) > 0 {
		if _, is := all[0].(json.Number); is {
			return "{" + strings.Join(parts, ",") + "}"
		}
		if _, is := all[0].(string); is {
			return "[" + strings.Join(parts, ", ") + "]"
		}
	}
	return "[" + strings.Join(parts, ",") + "]"
}

func field(f []any) string {
	value := f[len(f)-1]
	shown := cell(value)
	if _, is := value.(string); is {
		shown = fmt.Sprintf("%q", value)
	}
	if len(f) == 3 {
		return fmt.Sprintf("{%q,%s}", f[0], shown)
	}
	return shown
}
