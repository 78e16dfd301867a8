// Command gen reads the method structs of package amqp and writes zmethods.go:
// their ids, their encodings and the tables that look them up.
//
// It is run by go generate in the package's directory. What it needs to know of
// a method stands in the first sentence of its doc comment; see [parseDir].
package main

import (
	"fmt"
	"os"
)

func main() {
	if err := run("."); err != nil {
		fmt.Fprintln(os.Stderr, "gen:", err)
		os.Exit(1)
	}
}

func run(dir string) error {
	methods, err := parseDir(dir)
	if err != nil {
		return err
	}
	src, err := emit(methods)
	if err != nil {
		return err
	}
	return os.WriteFile(dir+"/zmethods.go", src, 0o644)
}
