//go:build !unix

package control

import "io/fs"

// mine tells whether a file belongs to who runs this process: nobody knows.
func mine(fs.FileInfo) bool { return true }
