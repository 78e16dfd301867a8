package config

import (
	"math"
	"strconv"
	"strings"
)

// Amount is a size in bytes, or a part of the memory.
type Amount struct {
	Bytes uint64
	Part  float64 // Bytes is 0 then
}

// Of is the amount in bytes, where total is the memory.
func (a Amount) Of(total uint64) uint64 {
	if a.Part == 0 {
		return a.Bytes
	}
	return min(uint64(a.Part*float64(total)), maxSize)
}

// ParseAmount reads one as it is configured; false if it is none.
func ParseAmount(s string) (Amount, bool) { return parseAmount(s) }

// parseAmount reads a size, or a part of the memory with a decimal point: 0.6.
// No more than a byte is not asked for, so 1 is 1.0.
func parseAmount(s string) (Amount, bool) {
	if n, ok := parseSize(s); ok && n != 1 {
		return Amount{Bytes: n}, true
	}
	a, ok := parsePart(s)
	return a, ok && (a.Part <= 1 || strings.Contains(s, "."))
}

func parsePart(s string) (Amount, bool) {
	f, err := strconv.ParseFloat(s, 64)
	return Amount{Part: f}, err == nil && strings.Trim(s, "0123456789.") == ""
}

// maxSize is more than there is of anything, and leaves room for a difference.
const maxSize = math.MaxInt64 / 2

// units are the letters of units and the powers that they stand for.
const units = "kmgtp"

// parseSize reads a whole number with a unit: kB, MB, GB, TB and PB, or K, M, G,
// T and P, are powers of 1000; KiB and so on, or Ki, powers of 1024. Case does
// not matter. The result fits into 62 bits.
func parseSize(s string) (uint64, bool) {
	digits := strings.TrimRight(s, "kKmMgGtTpPiIbB")
	n, err := strconv.ParseUint(digits, 10, 62)
	if err != nil {
		return 0, false
	}
	unit := strings.ToLower(s[len(digits):])
	if unit == "" {
		return n, true
	}
	power := strings.IndexByte(units, unit[0]) + 1
	base := uint64(1000)
	switch unit[1:] {
	case "i", "ib":
		base = 1024
	case "", "b":
	default:
		power = 0
	}
	for range power {
		if n > maxSize/base {
			return 0, false
		}
		n *= base
	}
	return n, power > 0
}
