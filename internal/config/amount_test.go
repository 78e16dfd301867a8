package config

import "testing"

func TestSizesAreSpelledAsRabbitMQDoes(t *testing.T) {
	for text, want := range map[string]uint64{
		"0": 0, "536870912": 512 << 20,
		"512MiB": 512 << 20, "512Mi": 512 << 20, "512mib": 512 << 20,
		"1GB": 1e9, "1gb": 1e9, "1G": 1e9, "3kB": 3000, "3K": 3000, "3KiB": 3 << 10, "3kiB": 3 << 10,
		"2TB": 2e12, "2TiB": 2 << 40, "1PB": 1e15, "1P": 1e15, "1PiB": 1 << 50,
		"4611686018427387903": 1<<62 - 1,
	} {
		if n, ok := parseSize(text); !ok || n != want {
			t.Errorf("%s: got %d, %t, want %d", text, n, ok, want)
		}
		if a, ok := parseAmount(text); !ok || a.Of(1<<30) != want {
			t.Errorf("%s: got %d, %t, want %d", text, a.Of(1<<30), ok, want)
		}
	}
}

func TestWhatIsNoSizeIsRefused(t *testing.T) {
	for _, text := range []string{
		"", "B", "MB", "-1", "+1", "1.5MB", "1 MB", "0x10", "1e3", "1B", "1iB", "1MM", "1MiBB", "1bK", "1XB", "all",
		"4611686018427387904", "9223372036854775808", "4096PiB", "99999999999999999999", "9999999999999999PB",
	} {
		if n, ok := parseSize(text); ok {
			t.Errorf("%q: got %d", text, n)
		}
		if a, ok := parseAmount(text); ok {
			t.Errorf("%q: got %+v", text, a)
		}
	}
}

func TestAnAmountMayBeAPartOfTheMemory(t *testing.T) {
	const total = 1000
	for text, want := range map[string]uint64{
		"0.6": 600, ".25": 250, "1.0": 1000, "1": 1000, "1.5": 1500, "0.0": 0, "9999999999999999.5": maxSize,
	} {
		a, ok := parseAmount(text)
		if !ok || a.Of(total) != want {
			t.Errorf("%s: got %d, %t, want %d", text, a.Of(total), ok, want)
		}
	}
	for _, text := range []string{".", "0.6.1", "-0.5", "0.5MB", "NaN", "Inf", "1e-1", "60%"} {
		if a, ok := parseAmount(text); ok {
			t.Errorf("%q: got %+v", text, a)
		}
	}
}
