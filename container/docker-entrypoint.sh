#!/bin/sh
# Runs what the container is asked for, by default the broker:
#
#   docker run leveret                                the broker
#   docker run leveret --log-level debug              with flags
#   docker run leveret rabbitmqctl version            something else
#
# The broker runs as the user rabbitmq, who owns its data. A volume where RabbitMQ's
# image keeps data gets that of leveret, in a directory of its own.
set -eu

case ${1-} in
'' | -*) set -- rabbitmq-server "$@" ;;
esac

if [ "$1" = rabbitmq-server ]; then
  if [ "$LEVERET_DATA_DIR" = /var/lib/leveret ] && mountpoint -q /var/lib/rabbitmq; then
    export LEVERET_DATA_DIR=/var/lib/rabbitmq/leveret
  fi
  if [ "$(id -u)" = 0 ]; then
    mkdir -p "$LEVERET_DATA_DIR"
    chown -R rabbitmq: "$LEVERET_DATA_DIR" /var/lib/leveret
    exec setuidgid rabbitmq "$@"
  fi
fi
exec "$@"
