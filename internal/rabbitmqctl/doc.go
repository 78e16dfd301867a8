// Package rabbitmqctl is RabbitMQ's command line for leveret: the tools
// rabbitmqctl, rabbitmq-diagnostics and rabbitmq-plugins, with their grammar, what they
// print and how they exit (ecosystem: the commands that containers and scripts
// run). A command is a row in a table: how it is called, which operation of package
// control it is, and how its answer is shown. What goes over the socket is said
// there.
//
// Recorded outputs of RabbitMQ 3.10.8 are in testdata. Known differences are in
// docs/commands.md.
package rabbitmqctl
