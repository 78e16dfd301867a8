"""Exchanges, queues and bindings."""

import re

from client import Inbox, connect, drain, equal, private, put, refused, unique

ROUTES = {  # per type: the keys published, and what each binding brings
    "direct": (["a", "a.b", "b"], {"a": ["a"], "a.b": ["a.b"]}),
    "fanout": (["a", "b"], {"": ["a", "b"], "x": ["a", "b"]}),
    "topic": (
        ["a", "a.b", "a.b.c", "b", "a..b", ""],
        {
            "a.*": ["a.b"],
            "a.#": ["a", "a.b", "a.b.c", "a..b"],
            "#": ["a", "a.b", "a.b.c", "b", "a..b", ""],
            "*": ["a", "b"],
            "a.*.b": ["a..b"],
            "": [""],
        },
    ),
}


def routing_by_key():
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        for kind, (keys, bindings) in ROUTES.items():
            exchange = unique()
            channel.exchange_declare(exchange, kind)
            channel.exchange_declare(exchange, passive=True)
            queues = {key: private(channel) for key in bindings}
            for key, queue in queues.items():
                channel.queue_bind(queue, exchange, key)
            for key in keys:
                put(channel, exchange, key, key)
            for key, queue in queues.items():
                equal(drain(channel, queue), bindings[key], f"{kind} {key!r}")
                channel.queue_unbind(queue, exchange, key)
            channel.exchange_delete(exchange, if_unused=True)


def routing_by_headers():
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        exchange = unique()
        channel.exchange_declare(exchange, "headers", auto_delete=True)
        bindings = {
            "all": ({"x-match": "all", "n": 1, "s": "one"}, ["both"]),
            "any": ({"x-match": "any", "n": 1, "s": "one"}, ["both", "number"]),
            "empty": ({}, ["both", "number", "string", "none"]),
        }
        queues = {}
        for name, (arguments, _) in bindings.items():
            queues[name] = private(channel)
            channel.queue_bind(queues[name], exchange, "", arguments)
        put(channel, exchange, "k", "both", headers={"n": 1, "s": "one", "more": True})
        put(channel, exchange, "k", "number", headers={"n": 1})
        put(channel, exchange, "k", "string", headers={"n": "1"})
        put(channel, exchange, "k", "none")
        for name, (_, want) in bindings.items():
            equal(drain(channel, queues[name]), want, name)


def server_named_queues():
    with connect() as connection:
        channel = connection.channel()
        declared = channel.queue_declare("", exclusive=True).method
        if not re.fullmatch(r"amq\.gen-[\w-]{22}", declared.queue):
            raise AssertionError(f"name {declared.queue}")
        equal((declared.message_count, declared.consumer_count), (0, 0))
        text = f"ACCESS_REFUSED - queue name '{declared.queue}' contains reserved prefix 'amq.*'"
        with refused(403, text):
            connection.channel().queue_declare(declared.queue, exclusive=True)


def purge_and_delete():
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        name = unique()
        channel.queue_declare(name, durable=True)
        put(channel, "", name, "0", "1", "2")
        with refused(406, f"PRECONDITION_FAILED - queue '{name}' in vhost '/' not empty"):
            connection.channel().queue_delete(name, if_empty=True)
        equal(channel.queue_purge(name).method.message_count, 3)
        put(channel, "", name, "0", "1")
        equal(channel.queue_delete(name).method.message_count, 2)
        equal(channel.queue_delete(name).method.message_count, 0)


def auto_delete():
    with connect() as connection:
        channel = connection.channel()
        name = unique()
        channel.queue_declare(name, auto_delete=True)
        inbox = Inbox(channel, name)
        equal(channel.queue_declare(name, passive=True).method.consumer_count, 1)
        channel.basic_cancel(inbox.tag)
        with refused(404, f"NOT_FOUND - no queue '{name}' in vhost '/'"):
            connection.channel().queue_declare(name, passive=True)


def consumer_is_told_of_deletion():
    with connect() as connection:
        channel, other = connection.channel(), connection.channel()
        queue = private(channel)
        cancelled = []
        channel.add_on_cancel_callback(lambda frame: cancelled.append(frame.method.consumer_tag))
        inbox = Inbox(channel, queue)
        other.queue_delete(queue)
        while not cancelled:
            connection.process_data_events(time_limit=30)
        equal(cancelled, [inbox.tag])


STEPS = (
    routing_by_key, routing_by_headers, server_named_queues, purge_and_delete, auto_delete,
    consumer_is_told_of_deletion,
)
