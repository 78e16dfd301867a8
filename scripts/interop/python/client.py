"""What every step needs of a client."""

import contextlib
import itertools
import os
import sys
import time

import pika
from pika import exceptions

URL = sys.argv[1] if len(sys.argv) > 1 else "amqp://guest:guest@127.0.0.1:5672/"
PATIENCE = 30  # seconds for one answer

_prefix = f"interop.python.{os.getpid()}.{time.time_ns()}"
_serial = itertools.count(1)


def unique():
    return f"{_prefix}.{next(_serial)}"


def parameters(**changes):
    """The broker's connection parameters, with changes."""
    p = pika.URLParameters(URL)
    p.blocked_connection_timeout = PATIENCE
    for name, value in changes.items():
        setattr(p, name, value)
    return p


@contextlib.contextmanager
def connect(**changes):
    """A connection that is closed cleanly unless the broker has closed it."""
    connection = pika.BlockingConnection(parameters(**changes))
    try:
        yield connection
    finally:
        if connection.is_open:
            connection.close()


def private(channel):
    """Declares an exclusive queue that the server names."""
    return channel.queue_declare("", exclusive=True).method.queue


def put(channel, exchange, key, *bodies, **properties):
    """Publishes on a channel in confirm mode: each call returns with the ack."""
    for body in bodies:
        channel.basic_publish(exchange, key, as_bytes(body), pika.BasicProperties(**properties))


def as_bytes(body):
    return body if isinstance(body, bytes) else str(body).encode()


def drain(channel, queue):
    """Fetches all that is ready in a queue."""
    bodies = []
    while True:
        method, _, body = channel.basic_get(queue, auto_ack=True)
        if method is None:
            return bodies
        bodies.append(body.decode())


class Inbox:
    """A consumer whose deliveries are taken one by one."""

    def __init__(self, channel, queue, **options):
        self._channel = channel
        self._deliveries = []
        self.tag = channel.basic_consume(queue, self._deliver, **options)

    def _deliver(self, _channel, method, properties, body):
        self._deliveries.append((method, properties, body))

    def next(self):
        deadline = time.monotonic() + PATIENCE
        while not self._deliveries:
            left = deadline - time.monotonic()
            if left <= 0:
                raise AssertionError(f"no delivery within {PATIENCE} s")
            self._channel.connection.process_data_events(time_limit=left)
        return self._deliveries.pop(0)

    def bodies(self, n):
        return [self.next()[2].decode() for _ in range(n)]


def equal(got, want, what=""):
    if got != want:
        raise AssertionError(f"{what}: got {got!r}, want {want!r}".lstrip(": "))


@contextlib.contextmanager
def refused(code, text, kind=exceptions.ChannelClosedByBroker):
    """What is done within must be refused with this reply code and text."""
    try:
        yield
    except kind as e:
        equal(e.reply_code, code)
        if not e.reply_text.startswith(text):
            raise AssertionError(f"got {e.reply_text!r}, want {text!r}") from e
    else:
        raise AssertionError(f"accepted, want {code} {text!r}")
