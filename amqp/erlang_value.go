package amqp

import (
	"strconv"
	"strings"
)

// FormatValue prints a field value as RabbitMQ quotes it when it refuses an
// argument: strings bare, numbers and lists as Erlang prints them (QDEC-25 to
// QDEC-28).
func FormatValue(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case []byte:
		return string(v)
	}
	return formatTerm(v)
}

// formatTerm prints a field value without its type.
func formatTerm(v any) string {
	if n, ok := number(v); ok {
		return n.String()
	}
	switch v := v.(type) {
	case bool:
		return strconv.FormatBool(v)
	case string:
		return FormatBinary([]byte(v))
	case []byte:
		return FormatBinary(v)
	case Decimal:
		return "{" + strconv.Itoa(int(v.Scale)) + "," + strconv.FormatUint(uint64(v.Value), 10) + "}"
	case Array:
		items := make([]string, len(v))
		for i, item := range v {
			items[i] = "{" + TypeName(item) + "," + formatTerm(item) + "}"
		}
		return "[" + strings.Join(items, ",") + "]"
	case Table:
		items := make([]string, len(v))
		for i, f := range v {
			items[i] = "{" + FormatBinary([]byte(f.Key)) + "," + TypeName(f.Value) + "," + formatTerm(f.Value) + "}"
		}
		return "[" + strings.Join(items, ",") + "]"
	case nil:
		return "undefined"
	}
	panic(badFieldValue(v))
}

// formatFloat prints the shortest digits that mean f, as 1.5 or as 1.5e300,
// whichever is shorter.
func formatFloat(f float64) string {
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'e', -1, 64), "e")
	sign := ""
	if mantissa[0] == '-' {
		sign, mantissa = "-", mantissa[1:]
	}
	if f == 0 {
		return sign + "0.0"
	}
	exp, _ := strconv.Atoi(exponent)
	digits := strings.Replace(mantissa, ".", "", 1)
	plain := sign + placePoint(digits, exp+1)
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	scientific := sign + mantissa + "e" + strconv.Itoa(exp)
	large := f >= 1<<53 || f <= -1<<53 // whose plain digits would feign precision
	if exp < -1 || exp+1 >= len(digits) {
		if large || len(plain) > len(scientific) {
			return scientific
		}
	}
	return plain
}

// placePoint returns the number 0.digits times ten to the power of place.
func placePoint(digits string, place int) string {
	switch {
	case place <= 0:
		return "0." + strings.Repeat("0", -place) + digits
	case place >= len(digits):
		return digits + strings.Repeat("0", place-len(digits)) + ".0"
	}
	return digits[:place] + "." + digits[place:]
}
