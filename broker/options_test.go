package broker

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A name that stands for nothing is refused, and not replaced by the default.
func TestOptionsWithoutAMeaningAreRefused(t *testing.T) {
	for want, o := range map[string]Options{
		"unknown DefaultQueueType 'quorun'":            {DefaultQueueType: "quorun"},
		"unknown PasswordHashing 'sha256'":             {PasswordHashing: "sha256"},
		"unknown PasswordHashing '" + HashingMD5 + "'": {PasswordHashing: HashingMD5},
	} {
		for _, dir := range []string{"", filepath.Join(t.TempDir(), "data")} {
			o.DataDir = dir
			if _, err := Open(o); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("got %v, want %s", err, want)
			}
			if _, err := os.Stat(dir); err == nil {
				t.Errorf("%s: there is a directory", want)
			}
		}
		func() {
			defer func() {
				if err, _ := recover().(error); err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("panics with %v, want %s", err, want)
				}
			}()
			New(o)
		}()
	}
}
