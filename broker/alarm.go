package broker

import "sync"

// Alarm is a resource of which the broker may run short.
type Alarm string

// The alarms that there are, named as clients are told in connection.blocked.
const (
	MemoryAlarm Alarm = "memory"
	DiskAlarm   Alarm = "disk"
)

// shortages are the alarms that are raised, by whom.
type shortages struct {
	mu      sync.Mutex // held while clients are told, so that the last word holds
	watched map[Alarm]bool
	stored  bool // the store has no room on the disk to go on
}

// SetAlarm raises or clears an alarm. From the first that is raised until all
// have cleared, nothing is read from a connection once it publishes; a client
// that declared the capability connection.blocked is told. Consumers go on
// (CTL-09 to CTL-13, HB-09). A disk alarm that the store has raised by itself
// holds until the store clears it as well.
func (b *Broker) SetAlarm(a Alarm, on bool) {
	b.shortages.mu.Lock()
	defer b.shortages.mu.Unlock()
	if b.shortages.watched == nil {
		b.shortages.watched = make(map[Alarm]bool)
	}
	b.shortages.watched[a] = on
	b.tellAlarm(a)
}

// Alarms are those that are raised.
func (b *Broker) Alarms() (raised []Alarm) {
	b.shortages.mu.Lock()
	defer b.shortages.mu.Unlock()
	for _, a := range []Alarm{DiskAlarm, MemoryAlarm} {
		if b.shortages.of(a) {
			raised = append(raised, a)
		}
	}
	return raised
}

// of tells whether an alarm is raised. s.mu is held.
func (s *shortages) of(a Alarm) bool { return s.watched[a] || a == DiskAlarm && s.stored }

// storeShort is told by the store when it has no room on the disk to go on, and
// when it has again.
func (b *Broker) storeShort(short bool) {
	b.shortages.mu.Lock()
	defer b.shortages.mu.Unlock()
	b.shortages.stored = short
	b.tellAlarm(DiskAlarm)
}

// tellAlarm tells clients and the log of an alarm if it has changed.
func (b *Broker) tellAlarm(a Alarm) {
	on := b.shortages.of(a)
	switch {
	case !b.server.SetAlarm(string(a), on):
	case on:
		b.options.Log.Warn().Msgf("%s resource limit alarm set: publishers will be blocked until it clears", a)
	default:
		b.options.Log.Info().Msgf("%s resource limit alarm cleared", a)
	}
}
