package main

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// seconds is a flag that takes 90, 90s or 1m30s, within what connection.tune
// can carry: whole seconds in 16 bits.
type seconds time.Duration

func newSeconds(d time.Duration) *seconds {
	s := seconds(d)
	return &s
}

// Set implements flag.Value.
func (s *seconds) Set(text string) error {
	d, err := time.ParseDuration(text)
	if n, nerr := strconv.ParseUint(text, 10, 16); nerr == nil {
		d, err = time.Duration(n)*time.Second, nil
	}
	if err != nil || d < 0 || d%time.Second != 0 || d > math.MaxUint16*time.Second {
		return fmt.Errorf("want whole seconds from 0 to %d, got %q", math.MaxUint16, text)
	}
	*s = seconds(d)
	return nil
}

// String implements flag.Value.
func (s *seconds) String() string { return strconv.Itoa(int(time.Duration(*s) / time.Second)) }
