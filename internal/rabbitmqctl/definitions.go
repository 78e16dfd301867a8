package rabbitmqctl

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
)

func needFile(r *run) error {
	if !r.values.Has("file") {
		return wrong("not enough arguments.")
	}
	if f := r.values.Get("format"); f != "" && f != "json" {
		return wrong("Format should be json")
	}
	dir := filepath.Dir(r.values.Get("file"))
	if info, err := os.Stat(dir); err != nil || !info.IsDir() {
		return &usageError{"Bad argument: Directory " + dir + " does not exist", exitData}
	}
	return nil
}

// sourceOfDefinitions is a file, or standard input.
func sourceOfDefinitions(r *run) error {
	source := "standard input"
	if f := r.values.Get("file"); f != "" && f != "-" {
		source = `a file at "` + f + `"`
		if _, err := os.Stat(f); err != nil {
			return &usageError{"Bad argument: File " + f + " does not exist", exitData}
		}
	}
	r.values.Set("source", source)
	return nil
}

func readDefinitions(r *run) error {
	var b []byte
	var err error
	if f := r.values.Get("file"); f != "" && f != "-" {
		b, err = os.ReadFile(f)
	} else {
		b, err = io.ReadAll(r.In)
	}
	if err != nil {
		return &refusal{exitData, err.Error()}
	}
	if err := json.Unmarshal(b, new(json.RawMessage)); err != nil {
		return &refusal{exitData, fmt.Sprintf("Failed to deserialise input (format: JSON) (error: {:unexpected_token, %q})", unexpected(b, err))}
	}
	r.values.Set("definitions", string(b))
	return nil
}

// unexpected is what there is in place of JSON: of a long text some, from where it is
// wrong.
func unexpected(b []byte, err error) string {
	const most = 100
	var wrong *json.SyntaxError
	if len(b) > most && errors.As(err, &wrong) {
		b = b[max(0, min(int(wrong.Offset)-1, len(b)-1)):]
	}
	return strings.TrimSpace(string(b[:min(most, len(b))]))
}
