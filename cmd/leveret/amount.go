package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// size is a flag that takes a number of bytes as RabbitMQ spells it: 536870912,
// 512MiB, 1GB.
type size struct {
	text  string
	bytes uint64
}

func newSize(text string) *size {
	s := new(size)
	if err := s.Set(text); err != nil {
		panic(err)
	}
	return s
}

// Set implements flag.Value.
func (s *size) Set(text string) error {
	n, ok := parseSize(text)
	if !ok {
		return fmt.Errorf("want a size such as 536870912, 512MiB or 1GB, got %q", text)
	}
	*s = size{text, n}
	return nil
}

// String implements flag.Value.
func (s *size) String() string { return s.text }

// amount is a flag that takes a size, or a part of the memory, with a decimal
// point: 0.6. No more than a byte is not asked for, so 1 is 1.0.
type amount struct {
	size
	part float64 // of the memory; bytes is 0 then
}

func newAmount(text string) *amount {
	a := new(amount)
	if err := a.Set(text); err != nil {
		panic(err)
	}
	return a
}

// Set implements flag.Value.
func (a *amount) Set(text string) error {
	if a.size.Set(text) == nil && a.bytes != 1 {
		a.part = 0
		return nil
	}
	part, err := strconv.ParseFloat(text, 64)
	if err != nil || strings.Trim(text, "0123456789.") != "" || part > 1 && !strings.Contains(text, ".") {
		return fmt.Errorf("want a size such as 536870912, 512MiB or 1GB, or a part of the memory such as 0.6, got %q", text)
	}
	*a = amount{size{text: text}, part}
	return nil
}

// of is the amount in bytes, where total is the memory.
func (a amount) of(total uint64) uint64 {
	if a.part == 0 {
		return a.bytes
	}
	return min(uint64(a.part*float64(total)), maxSize)
}

// maxSize is more than there is of anything, and leaves room for a difference.
const maxSize = math.MaxInt64 / 2

// units are the letters of units and the powers that they stand for.
const units = "kmgtp"

// parseSize reads a whole number with a unit: kB, MB, GB, TB and PB, or K, M, G,
// T and P, are powers of 1000; KiB and so on, or Ki, powers of 1024. Case does
// not matter. The result fits into 62 bits.
func parseSize(text string) (uint64, bool) {
	digits := strings.TrimRight(text, "kKmMgGtTpPiIbB")
	n, err := strconv.ParseUint(digits, 10, 62)
	if err != nil {
		return 0, false
	}
	unit := strings.ToLower(text[len(digits):])
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
