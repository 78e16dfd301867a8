package main

import (
	"runtime/debug"

	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/broker"
	"github.com/leveretmq/leveret/internal/config"
	"github.com/leveretmq/leveret/internal/watch"
)

// alarms have a broker hold up publishers while it is short of memory or disk.
type alarms struct {
	broker *broker.Broker
	log    zerolog.Logger
}

// hysteresis is the part of a limit by which a resource must be inside of it
// again for its alarm to clear: a twentieth.
const hysteresis = 20

// watchMemory raises the memory alarm while more is used than the watermark
// says. 0 raises it for good. It returns what ends that.
func (a alarms) watchMemory(watermark config.Amount) (stop func()) {
	total, err := watch.TotalMemory()
	if err != nil && watermark.Part != 0 {
		a.log.Warn().Err(err).Msgf("no memory alarm: give vm_memory_high_watermark as a size")
		return func() {}
	}
	limit := watermark.Of(total)
	if err == nil {
		limit = min(limit, total)
		a.log.Info().Msgf("Memory high watermark set to %d MiB (%d bytes) of %d MiB (%d bytes) total", limit>>20, limit, total>>20, total)
	}
	r := watch.Resource{
		Spare:  func() (int64, error) { return int64(limit) - int64(watch.UsedMemory()), nil },
		Margin: int64(limit / hysteresis),
		Changed: func(short bool, spare int64) {
			a.log.Info().Msgf("vm_memory_high_watermark %s. Memory used:%d allowed:%d", setOrClear(short), int64(limit)-spare, limit)
			a.broker.SetAlarm(broker.MemoryAlarm, short)
		},
	}
	if limit > 0 {
		r.Reclaim = debug.FreeOSMemory // garbage is no shortage
	}
	return watch.Memory(r).Stop
}

// watchDisk raises the disk alarm while less is free in a directory than the
// limit says. It returns what ends that.
func (a alarms) watchDisk(dir string, free config.Amount) (stop func()) {
	total, err := watch.TotalMemory()
	if err != nil && free.Part != 0 {
		a.log.Warn().Err(err).Msgf("no disk alarm: give disk_free_limit as a size")
		return func() {}
	}
	limit := free.Of(total)
	a.log.Info().Msgf("Disk free limit set to %dMB", limit/1e6)
	return watch.Disk(watch.Resource{
		Spare: func() (int64, error) {
			n, err := watch.FreeDisk(dir)
			return int64(n) - int64(limit), err
		},
		Margin: int64(limit / hysteresis),
		Changed: func(short bool, spare int64) {
			a.log.Info().Msgf("Free disk space is %s. Free bytes: %d. Limit: %d", sufficient(!short), int64(limit)+spare, limit)
			a.broker.SetAlarm(broker.DiskAlarm, short)
		},
		Failed: func(err error) {
			a.log.Error().Err(err).Msg("free disk space cannot be read: the disk alarm stays as it is")
		},
	}).Stop
}

func setOrClear(on bool) string {
	if on {
		return "set"
	}
	return "clear"
}

func sufficient(enough bool) string {
	if enough {
		return "sufficient"
	}
	return "insufficient"
}
