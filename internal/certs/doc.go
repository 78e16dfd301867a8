// Package certs keeps the certificate of a server and the authorities that its
// clients are verified with, as files have them, also when those change.
package certs
