package dropin

import (
	"flag"
	"fmt"
	"os"
	"testing"

	"go.uber.org/goleak"
)

// image is what the Dockerfile makes, in directories.
var image *built

func TestMain(m *testing.M) {
	flag.Parse()
	dir, err := os.MkdirTemp("", "leveret-dropin")
	if err == nil {
		image, err = build("../..", dir)
	}
	code := 1
	if err == nil {
		code = m.Run()
		if code == 0 {
			err = goleak.Find()
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	_ = os.RemoveAll(dir)
	os.Exit(code)
}
