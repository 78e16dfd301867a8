// Package config reads what configures a broker: files in the syntax of
// rabbitmq.conf, environment variables and flags. Where several of them give
// the same key, the later in this order wins:
//
//  1. the default
//  2. the configuration file, then the files of the directory conf.d by name;
//     in all of them, the last line wins
//  3. RABBITMQ_* variables
//  4. LEVERET_* variables
//  5. flags
//
// Keys that belong together, such as listeners.tcp.*, are replaced together by
// a later source.
//
// What there is to be configured is data: see Keys.
package config
