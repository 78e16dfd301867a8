package oracle

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// stages are the verbs of the handshake, each of which goes as far as its name
// says and ends the connection's step there.
var stages = []string{"start", "login", "tune", "open"}

// open takes the handshake to the stage that the verb names: start (the
// broker's connection.start has come), login (its tune too), tune (tune-ok was
// sent), open (the connection is open, and so are the channels named). What is
// to be set otherwise stands as key=value: user, pass, vhost, caps (a list
// with commas), and the values of tune-ok: channel-max, frame-max, heartbeat
// (which is 0 unless set).
func (g *game) open(o order) error {
	set := map[string]string{
		"user": "guest", "pass": "guest", "vhost": "/", "caps": "",
		"channel-max": "2047", "frame-max": "131072", "heartbeat": "0",
	}
	var channels []uint16
	for _, a := range o.args {
		key, value, ok := keyValue(a)
		if n, err := strconv.ParseUint(a, 10, 16); err == nil {
			channels = append(channels, uint16(n))
		} else if _, known := set[key]; ok && known {
			set[key] = value
		} else {
			return fmt.Errorf("open does not know %s", a)
		}
	}
	h := handshake{p: o.p, timeout: time.After(opening)}
	h.shake(set, slices.Index(stages, o.verb), channels)
	if h.failed != nil {
		g.events = append(g.events, *h.failed)
	}
	o.p.opened = h.failed == nil && o.verb == "open"
	return nil
}

func (h *handshake) shake(set map[string]string, stage int, channels []uint16) {
	h.p.send([]byte(amqp.ProtocolHeader))
	h.expect("connection.start")
	if stage < 1 {
		return
	}
	h.send("connection.start-ok", "mechanism=PLAIN", "locale=en_US",
		"client-properties={capabilities={"+capabilities(set["caps"])+"}}",
		`response="\x00"+`+set["user"]+`+"\x00"+`+set["pass"])
	h.expect("connection.tune")
	if stage < 2 {
		return
	}
	h.send("connection.tune-ok", "channel-max="+set["channel-max"], "frame-max="+set["frame-max"], "heartbeat="+set["heartbeat"])
	if stage < 3 {
		return
	}
	h.send("connection.open", "virtual-host="+set["vhost"])
	h.expect("connection.open-ok")
	for _, ch := range channels {
		h.channel = ch
		h.send("channel.open")
		h.expect("channel.open-ok")
	}
}

func capabilities(list string) string {
	if list == "" {
		return ""
	}
	return strings.ReplaceAll(list, ",", "=true ") + "=true"
}

// handshake is a dialogue that goes as expected, up to the first answer that
// does not.
type handshake struct {
	p       *peer
	channel uint16
	timeout <-chan time.Time
	failed  *event
}

func (h *handshake) send(name string, args ...string) {
	if h.failed == nil {
		h.p.send(methodFrame(h.channel, name, args...))
	}
}

func (h *handshake) expect(name string) {
	if h.failed != nil {
		return
	}
	if e := h.p.next(h.timeout); !e.is(name) {
		if e.end != "" {
			e.lines = []string{e.end}
		}
		h.failed = &e
	}
}

// reopen answers the server's channel.close and opens the channel again.
func (g *game) reopen(o order) error {
	h := handshake{p: o.p, channel: o.channel, timeout: time.After(patience)}
	delete(o.p.confirms, o.channel)
	h.send("channel.close-ok")
	h.send("channel.open")
	h.expect("channel.open-ok")
	if h.failed != nil {
		g.events = append(g.events, *h.failed)
	}
	return nil
}

// cleanUp ends what connections are left and deletes what was declared.
func (g *game) cleanUp() {
	defer g.undoAll()
	for _, p := range g.order {
		p.shut(false)
	}
	g.clearPolicies()
	var calls [][]string
	for _, x := range g.exchanges {
		calls = append(calls, []string{"exchange.delete", "exchange=" + strconv.Quote(x)})
	}
	for _, q := range g.queues {
		if strings.HasPrefix(q, "amq.rabbitmq.") {
			continue // no queue
		}
		calls = append(calls, []string{"queue.delete", "queue=" + strconv.Quote(q)})
	}
	if len(calls) == 0 {
		return
	}
	p, err := dial(g.ctx, g.addr, "cleaner")
	if err != nil {
		return
	}
	if err := g.open(order{p: p, verb: "open"}); err != nil {
		return
	}
	for i, c := range calls {
		h := handshake{p: p, channel: uint16(i + 1), timeout: time.After(patience)}
		h.send("channel.open")
		h.expect("channel.open-ok")
		h.send(c[0], c[1:]...)
		h.expect(c[0] + "-ok")
		h.send("channel.close")
		h.expect("channel.close-ok")
	}
	g.leave(p)
}
