package broker

// Alarm is a resource of which the broker may run short.
type Alarm string

// The alarms that there are, named as clients are told in connection.blocked.
const (
	MemoryAlarm Alarm = "memory"
	DiskAlarm   Alarm = "disk"
)

// SetAlarm raises or clears an alarm. From the first that is raised until all
// have cleared, nothing is read from a connection once it publishes; a client
// that declared the capability connection.blocked is told. Consumers go on
// (CTL-09 to CTL-13, HB-09).
func (b *Broker) SetAlarm(a Alarm, on bool) {
	switch {
	case !b.server.SetAlarm(string(a), on):
	case on:
		b.options.Log.Warn().Msgf("%s resource limit alarm set: publishers will be blocked until it clears", a)
	default:
		b.options.Log.Info().Msgf("%s resource limit alarm cleared", a)
	}
}
