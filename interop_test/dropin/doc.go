// Package dropin puts leveret where RabbitMQ was: it builds the image as the
// Dockerfile says, as far as that goes without a container engine, starts it as the
// modules of testcontainers, compose files and CI services start RabbitMQ's, and
// waits for it in their ways: literally, with the words, expressions, settings and
// commands that they use.
package dropin
