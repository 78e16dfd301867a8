package config

import "strconv"

// Origin tells where a value comes from.
type Origin struct {
	Source string // a file, --flag or VARIABLE; empty: the default
	Line   int    // of a file, from 1
	rank   rank
}

// rank orders the sources: a later one wins.
type rank int

const (
	fromDefault  rank = iota
	fromFile          // rabbitmq.conf and those of conf.d
	fromRabbitMQ      // RABBITMQ_* variables
	fromLeveret       // LEVERET_* variables
	fromFlag
)

// Beyond reports whether o is of a source that wins over the one of other.
func (o Origin) Beyond(other Origin) bool { return o.rank > other.rank }

// String is FILE:LINE, --flag, VARIABLE or default.
func (o Origin) String() string {
	switch {
	case o.rank == fromDefault:
		return "default"
	case o.Line > 0:
		return o.Source + ":" + strconv.Itoa(o.Line)
	}
	return o.Source
}

// IsFlag reports whether it is the command line.
func (o Origin) IsFlag() bool { return o.rank == fromFlag }

// IsFile reports whether it is a file of configuration.
func (o Origin) IsFile() bool { return o.rank == fromFile }
