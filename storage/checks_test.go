package storage

import "flag"

// Model tests play fewer sequences than rapid would by itself: with
// -rapid.checks there are more.
func init() { _ = flag.Set("rapid.checks", "30") }
