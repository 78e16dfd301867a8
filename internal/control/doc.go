// Package control is how an operator's commands reach a broker that runs: HTTP
// over a Unix socket that its owner alone may open.
//
// A command is a POST to /name with its arguments as a form, so that curl will
// do as well:
//
//	curl --unix-socket leveret-data/leveret.sock -d vhost=/ -d columns=name http://leveret/list_queues
//
// The answer is lines of JSON: any number of {"progress":...}, then one
// {"result":...} or {"error":...}.
//
// # Where the socket is
//
// It is leveret.sock in the data directory. Without one it is in
// $XDG_RUNTIME_DIR, or else in a directory of the user below the directory for
// temporary files. [Candidates] are where commands look for it.
package control
