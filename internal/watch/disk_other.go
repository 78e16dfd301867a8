//go:build !linux && !darwin && !freebsd

package watch

import "errors"

// FreeDisk is not known here.
func FreeDisk(string) (uint64, error) { return 0, errors.ErrUnsupported }
