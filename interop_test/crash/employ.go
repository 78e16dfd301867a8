package crash

import "fmt"

// prepare declares what publishers and consumers use.
func (l *life) prepare() error {
	conn, err := l.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err != nil {
		return err
	}
	for _, q := range l.everyQueue() {
		if _, err := ch.QueueDeclare(q, true, false, false, false, nil); err != nil {
			return err
		}
	}
	if err := ch.ExchangeDeclare(l.prefix+"fan", "fanout", true, false, false, false, nil); err != nil {
		return err
	}
	if err := ch.ExchangeDeclare(l.direct, "direct", true, false, false, false, nil); err != nil {
		return err
	}
	for _, q := range l.queues("f0", "f1", "f2") {
		if err := ch.QueueBind(q, "", l.prefix+"fan", false, nil); err != nil {
			return err
		}
	}
	for _, q := range l.queues("w0", "f2") {
		if err := ch.QueueBind(q, "two", l.direct, false, nil); err != nil {
			return err
		}
	}
	return l.layCourses(ch)
}

func (r *round) everyQueue() []string {
	return r.queues("w0", "w1", "w2", "w3", "f0", "f1", "f2", "t0", "t1")
}

// employ sets everybody to work: four publish, four consume, and others do what
// they do.
func (l *life) employ() {
	limit := 200 + l.rand.IntN(3000)
	for i, window := range windows {
		l.start(fmt.Sprint("publisher", i), sending(l.targets, window, limit))
	}
	l.start("consumer0", taking(oneByOne, l.queues("w0", "w1", "f0")...))
	l.start("consumer1", taking(byTheDozen, l.queues("w1", "w2", "f1")...))
	l.start("consumer2", taking(inTwoMinds, l.queues("w2", "w3", "f0", "f2")...))
	l.start("consumer3", taking(never, l.queues("w0", "w3", "t1")...))
	l.start("transactor", transacting(l.targets))
	l.start("mover", moving(l.prefix+"t0", target{"", l.prefix + "t1", l.queues("t1"), nil}))
	l.employOnCourses(limit)
	for i, c := range l.churners {
		l.start(fmt.Sprint("churner", i), c.churning)
	}
}
