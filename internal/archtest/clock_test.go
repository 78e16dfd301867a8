package archtest

import (
	"path"
	"slices"
)

// wallClock lists the files of the broker that read the time of the operating
// system: they measure how long something takes, or bound how long they wait.
var wallClock = []string{
	"broker/broker.go",
	"broker/failure.go",
	"broker/pause.go",
	"broker/recover.go",
	"broker/session.go",
}

// theClockIsAsked has all else in the broker that knows the time learn it from
// amqp.Clock: so tests can move it.
func theClockIsAsked(files []*source) (found []string) {
	for _, s := range files {
		if s.isTest() || path.Dir(s.path) != "broker" && s.path != "amqp/heartbeat.go" || slices.Contains(wallClock, s.path) {
			continue
		}
		found = append(found, s.callsOf("ask the clock of the vhost: tests move it",
			"time", "Now", "Since", "Until", "AfterFunc")...)
	}
	return found
}
