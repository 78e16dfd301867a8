package watch

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// tank is a resource whose readings the test sets.
type tank struct {
	mu       sync.Mutex
	spare    int64
	err      error
	garbage  int64 // what Reclaim gives back
	looks    int
	reclaims []time.Time
	told     []bool
	failures int
}

func (k *tank) resource(margin int64) Resource {
	return Resource{
		Spare:   k.look,
		Margin:  margin,
		Changed: func(short bool, _ int64) { k.told = append(k.told, short) },
		Failed:  func(error) { k.failures++ },
	}
}

func (k *tank) look() (int64, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.looks++
	return k.spare, k.err
}

// hold sets what there is from now on.
func (k *tank) hold(spare, garbage int64, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.spare, k.garbage, k.err = spare, garbage, err
}

func (k *tank) reclaim() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.reclaims = append(k.reclaims, time.Now())
	k.spare, k.garbage = k.spare+k.garbage, 0
}

// after lets time pass, with all that is to happen in it.
func after(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestShortagesAreToldOnceEachWay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &tank{spare: 100e6}
		w := Memory(k.resource(5e6))
		defer w.Stop()
		for _, spare := range []int64{-1, -1e9, 0, 4e6, 5e6, 0, -1} {
			k.hold(spare, 0, nil)
			after(time.Second)
		}
		if want := []bool{true, false, true}; !slices.Equal(k.told, want) {
			t.Errorf("told %v, want %v", k.told, want)
		}
	})
}

func TestAShortageAtTheStartIsToldAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &tank{spare: -1}
		defer Disk(k.resource(0)).Stop()
		if !slices.Equal(k.told, []bool{true}) {
			t.Errorf("told %v", k.told)
		}
	})
}

// What fills the last gigabyte at the rate that is reckoned with is noticed
// before it is far past the limit.
func TestAFastFillIsNoticedCloseToTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		k := &tank{}
		r := k.resource(0)
		var noticed int64
		r.Spare = func() (int64, error) { return 1e9 - int64(500e6*time.Since(began).Seconds()), nil }
		r.Changed = func(_ bool, spare int64) { noticed = spare }
		defer Memory(r).Stop()
		after(5 * time.Second)
		if noticed >= 0 || noticed < -15e6 {
			t.Errorf("noticed with %d bytes spare", noticed)
		}
	})
}

func TestWhatHasPlentyIsLookedAtSeldom(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &tank{spare: 1e15}
		w := Disk(k.resource(0))
		defer w.Stop()
		after(time.Minute)
		if k.looks > 7 {
			t.Errorf("looked %d times in a minute", k.looks)
		}
	})
}

func TestGarbageIsNoShortage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &tank{spare: -1, garbage: 1e6}
		r := k.resource(0)
		r.Reclaim = k.reclaim
		defer Memory(r).Stop()
		after(time.Second)
		if len(k.told) != 0 || len(k.reclaims) != 1 {
			t.Errorf("told %v after reclaiming %d times", k.told, len(k.reclaims))
		}
	})
}

// A collection that takes half a second is done every five, however long the
// shortage lasts.
func TestReclaimingTakesATenthOfTheTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &tank{spare: -1}
		r := k.resource(0)
		r.Reclaim = func() { k.reclaim(); <-time.After(500 * time.Millisecond) }
		w := Memory(r)
		after(time.Minute)
		w.Stop()
		if n := len(k.reclaims); n < 11 || n > 13 {
			t.Errorf("reclaimed %d times in a minute", n)
		}
		if !slices.Equal(k.told, []bool{true}) {
			t.Errorf("told %v", k.told)
		}
	})
}

func TestAShortageEndsWhenReclaimingHelps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &tank{spare: -1}
		r := k.resource(10)
		r.Reclaim = k.reclaim
		defer Memory(r).Stop()
		k.hold(-1, 11, nil) // consumers have drained what is still resident
		after(2 * time.Second)
		if !slices.Equal(k.told, []bool{true, false}) {
			t.Errorf("told %v", k.told)
		}
	})
}

func TestAFailureToReadIsToldOnceAndChangesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &tank{spare: -1}
		w := Disk(k.resource(0))
		defer w.Stop()
		k.hold(1, 0, errors.New("gone"))
		after(time.Minute)
		if k.failures != 1 || len(k.told) != 1 {
			t.Errorf("%d failures, told %v", k.failures, k.told)
		}
		k.hold(1, 0, nil)
		after(time.Minute)
		k.hold(1, 0, errors.New("gone again"))
		after(time.Minute)
		if k.failures != 2 || !slices.Equal(k.told, []bool{true, false}) {
			t.Errorf("%d failures, told %v", k.failures, k.told)
		}
	})
}

func TestAStoppedWatchLooksNoMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		k := &tank{}
		w := Memory(k.resource(0))
		after(time.Second)
		w.Stop()
		looks := k.looks
		k.hold(-1, 0, nil)
		after(time.Minute)
		if k.looks != looks || len(k.told) != 0 {
			t.Errorf("looked %d times more, told %v", k.looks-looks, k.told)
		}
		w.Stop()
	})
}
