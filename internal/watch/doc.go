// Package watch tells when memory or free disk space runs short, and when it
// no longer does.
//
//	memory.go, cgroup.go, disk_*.go   read how much there is: no decisions
//	level.go                          decides: no clock, no reading
//	watch.go                          when to read, and who is told
//
// It does not know what a shortage is good for; package main has it raise the
// broker's alarms.
package watch
