// Package definitions reads and writes RabbitMQ's definitions, the JSON in which
// users, vhosts, permissions, parameters, policies, exchanges, queues and bindings
// go from one broker to another.
//
// What RabbitMQ has written in any of its versions is understood, also where it
// writes a list of pairs for an object. What is written here RabbitMQ imports.
package definitions
