package oracle

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/leveretmq/leveret/amqp"
)

// answer turns the events of a step into its lines, and forgets them. The
// order of a channel is kept; channels, whose order among each other no broker
// promises, are sorted by number with 0 at the end.
func (g *game) answer() []string {
	slices.SortStableFunc(g.events, func(a, b event) int { return rank(a) - rank(b) })
	var lines []string
	for i := 0; i < len(g.events); i++ {
		e := g.events[i]
		texts := e.lines
		if e.confirmed != "" {
			covered := slices.Clone(e.covered)
			for i+1 < len(g.events) && g.events[i+1].confirmed == e.confirmed && g.events[i+1].channel == e.channel {
				i++
				covered = append(covered, g.events[i].covered...)
			}
			texts = []string{fmt.Sprintf("%d %s %s", e.channel, e.confirmed, printRanges(covered))}
		}
		for _, text := range texts {
			if e.left != "" {
				text = "left on " + e.left + ": " + text
			}
			lines = append(lines, g.normalise(text))
		}
	}
	g.events = nil
	return lines
}

func rank(e event) int {
	if e.channel == 0 || e.end != "" {
		return 1 << 16
	}
	return int(e.channel)
}

var generated = regexp.MustCompile(`amq\.(gen|ctag)-[A-Za-z0-9_-]{22}`)

// replyPrefix begins the names that stand for reply consumers. Those that the
// broker made up go on for long, those in scripts do not.
const replyPrefix = "amq.rabbitmq.reply-to."

var replyName = regexp.MustCompile(`^amq\.rabbitmq\.reply-to\.[A-Za-z0-9+/=_.-]{16,}$`)

// normalise masks what differs from play to play.
func (g *game) normalise(text string) string {
	text = strings.ReplaceAll(text, g.prefix, "%")
	text = strings.ReplaceAll(text, hex.EncodeToString([]byte(g.prefix)), "(%)")
	for i, name := range g.replies {
		mask := replyPrefix + fmt.Sprintf("*%d", i+1)
		text = strings.NewReplacer(strconv.Quote(name), mask, name, mask).Replace(text)
	}
	text = deathTime.ReplaceAllStringFunc(text, maskNow)
	return generated.ReplaceAllString(text, "amq.$1-*")
}

var deathTime = regexp.MustCompile(`\btime=T:[0-9]+`)

// maskNow hides a time in seconds that is about the present one. One that a
// client made up stays.
func maskNow(text string) string {
	seconds, err := strconv.ParseInt(strings.TrimPrefix(text, "time=T:"), 10, 64)
	if err != nil || time.Since(time.Unix(seconds, 0)).Abs() > time.Hour {
		return text
	}
	return "time=T:now"
}

// learn notes the names that the broker made up.
func (g *game) learn(e event) {
	switch m := e.method.(type) {
	case *amqp.QueueDeclareOk:
		g.vars["queue"] = m.Queue
		g.queues = append(g.queues, m.Queue)
	case *amqp.BasicConsumeOk:
		g.vars["ctag"] = m.ConsumerTag
	case *amqp.BasicDeliver:
		g.vars["ctag"] = m.ConsumerTag
	}
	if replyName.MatchString(e.replyTo) && !slices.Contains(g.replies, e.replyTo) {
		g.replies = append(g.replies, e.replyTo)
		g.vars[fmt.Sprintf("reply%d", len(g.replies))] = strconv.Quote(e.replyTo)
	}
}

// maskServer sorts the mechanisms, whose order is left to chance, and hides
// server-properties: all of them, or, if it is asked for more, the values that
// are the broker's own. The product and the capabilities stay then.
func maskServer(m *amqp.ConnectionStart, verbose bool) {
	words := strings.Fields(string(m.Mechanisms))
	slices.Sort(words)
	m.Mechanisms = []byte(strings.Join(words, " "))
	if !verbose {
		m.ServerProperties = amqp.Table{{Key: "*", Value: "*"}}
	}
	for i, f := range m.ServerProperties {
		if _, text := f.Value.(string); text && f.Key != "product" {
			m.ServerProperties[i].Value = "*"
		}
	}
}
