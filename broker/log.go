package broker

import (
	"errors"

	"github.com/rs/zerolog"

	"github.com/leveretmq/leveret/amqp"
)

// logTrace writes the life of connections to the log: one line each for a
// connection that opened and one that ended, more only when something failed.
func logTrace(log zerolog.Logger) amqp.Trace {
	with := func(e *zerolog.Event, c *amqp.Conn) *zerolog.Event {
		e = e.Stringer("peer", c.RemoteAddr())
		if name := c.Name(); name != "" {
			e = e.Str("name", name)
		}
		if c.User() != "" {
			e = e.Str("user", c.User())
		}
		if c.Vhost() != "" {
			e = e.Str("vhost", c.Vhost())
		}
		return e
	}
	return amqp.Trace{
		Starved: func(cause error) {
			log.Error().Err(cause).Msg("cannot accept connections")
		},
		Opened: func(c *amqp.Conn) {
			with(log.Info(), c).Msg("connection opened")
		},
		ChannelClosed: func(c *amqp.Conn, channel uint16, cause *amqp.Error) {
			with(log.Warn(), c).Uint16("channel", channel).Err(cause).Msg("channel closed")
		},
		Closed: func(c *amqp.Conn, cause error) {
			var e *amqp.Error
			switch {
			case cause == nil:
				with(log.Info(), c).Msg("connection closed")
			case errors.As(cause, &e) && e.Code == amqp.InternalError:
				with(log.Error(), c).Err(cause).Msg("connection failed")
			case e != nil && e.Code == amqp.ConnectionForced:
				with(log.Info(), c).Err(cause).Msg("connection closed")
			default:
				with(log.Warn(), c).Err(cause).Msg("connection closed")
			}
		},
	}
}
