package oracle

import "github.com/leveretmq/leveret/amqp"

// Format writes a method as a step of a script has it, without the fields that
// are zero.
func Format(m amqp.Method) string { return m.ID().String() + printFields(m, false) }

// FormatProperties writes the properties of a message for the same step.
func FormatProperties(p amqp.BasicProperties) string { return printFields(&p, false) }
