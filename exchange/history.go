package exchange

import "github.com/leveretmq/leveret/amqp"

// historyLength is the argument of a recent history exchange that says how many
// messages it remembers, and usualHistory how many without it (XTYP-36).
const (
	historyLength = "x-recent-history-length"
	usualHistory  = 20
)

// HistoryLength is how many messages an exchange of that type with these
// arguments remembers for those that are bound to it later; most remember none.
func HistoryLength(kind string, args amqp.Table) int64 {
	if kind != RecentHistory {
		return 0
	}
	value, ok := args.Get(historyLength)
	if !ok {
		return usualHistory
	}
	n, _ := signed(value)
	return n
}

// checkHistory is XTYP-37.
func checkHistory(args amqp.Table) error {
	value, ok := args.Get(historyLength)
	if !ok {
		return nil
	}
	if n, ok := signed(value); !ok || n < 1 {
		return amqp.PreconditionFailed.Errorf("Invalid argument %s, '%s' must be a positive integer",
			appendTerm(nil, value), historyLength)
	}
	return nil
}

// signed is the value of an integer of a signed type.
func signed(v any) (n int64, ok bool) {
	switch v := v.(type) {
	case int8:
		return int64(v), true
	case int16:
		return int64(v), true
	case int32:
		return int64(v), true
	case int64:
		return v, true
	}
	return 0, false
}
