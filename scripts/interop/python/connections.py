"""Connections, channels, and the errors that end them."""

from pika import PlainCredentials, exceptions

from client import connect, drain, equal, private, put, refused, unique

NO_QUEUE = "NOT_FOUND - no queue 'nope' in vhost '/'"
NO_EXCHANGE = "NOT_FOUND - no exchange 'nope' in vhost '/'"


def server_properties():
    with connect() as connection:
        properties = connection._impl.server_properties
        equal(properties["product"], "RabbitMQ")
        for name in ("publisher_confirms", "basic.nack", "consumer_cancel_notify"):
            equal(connection._impl.server_capabilities[name], True, name)


def tuning():
    with connect(heartbeat=7, frame_max=8192, channel_max=12) as connection:
        tuned = connection._impl.params
        equal((tuned.heartbeat, tuned.frame_max, tuned.channel_max), (7, 8192, 12))
    with connect(heartbeat=None) as connection:
        tuned = connection._impl.params
        equal((tuned.heartbeat, tuned.frame_max, tuned.channel_max), (60, 131072, 2047))
    with connect(heartbeat=0) as connection:
        equal(connection._impl.params.heartbeat, 0)
        connection.channel()


def heartbeats():
    with connect(heartbeat=1) as connection:
        connection.process_data_events(time_limit=3.5)
        connection.channel().queue_declare("", exclusive=True)


def wrong_password():
    text = (
        "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. "
        "For details see the broker logfile."
    )
    try:
        with connect(credentials=PlainCredentials("guest", "wrong")):
            raise AssertionError("the wrong password was accepted")
    except exceptions.ProbableAuthenticationError as e:
        if f"(403) '{text}'" not in str(e):
            raise AssertionError(f"got {e}, want {text}") from e


def unknown_vhost():
    try:
        with connect(virtual_host="nope"):
            raise AssertionError("an unknown vhost was opened")
    except exceptions.ProbableAccessDeniedError as e:
        if "(530) 'NOT_ALLOWED - vhost nope not found'" not in str(e):
            raise AssertionError(f"got {e}") from e


def channel_errors():
    with connect() as connection:
        admin = connection.channel()
        queue, name = private(admin), unique()
        admin.queue_declare(name, durable=True)
        different = (
            f"PRECONDITION_FAILED - inequivalent arg 'durable' for queue '{name}' in vhost '/': "
            "received 'false' but current is 'true'"
        )
        locked = f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{name}' in vhost '/'"
        reserved = "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'"
        for code, text, call in (
            (404, NO_QUEUE, lambda c: c.queue_declare("nope", passive=True)),
            (404, NO_EXCHANGE, lambda c: c.exchange_declare("nope", passive=True)),
            (404, NO_EXCHANGE, lambda c: c.queue_bind(queue, "nope")),
            (404, NO_QUEUE, lambda c: c.basic_consume("nope", print)),
            (404, NO_QUEUE, lambda c: c.basic_get("nope")),
            (404, NO_QUEUE, lambda c: c.queue_purge("nope")),
            (406, different, lambda c: c.queue_declare(name, durable=False)),
            (405, locked, lambda c: c.queue_declare(name, exclusive=True)),
            (403, reserved, lambda c: c.queue_declare("amq.mine")),
        ):
            channel = connection.channel()
            with refused(code, text):
                call(channel)
            equal(channel.is_open, False)
            admin.queue_declare(queue, passive=True)  # nothing else is closed
        with refused(406, "PRECONDITION_FAILED - unknown delivery tag 7"):
            channel = connection.channel()
            channel.basic_ack(7)
            channel.queue_declare(queue, passive=True)
        with refused(404, NO_EXCHANGE):
            channel = connection.channel()
            channel.confirm_delivery()
            channel.basic_publish("nope", "", b"lost")
        admin.queue_delete(name)


def locked_for_others():
    with connect() as owner, connect() as other:
        queue = private(owner.channel())
        text = f"RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{queue}' in vhost '/'"
        for call in (
            lambda c: c.queue_declare(queue, passive=True),
            lambda c: c.basic_get(queue),
            lambda c: c.basic_consume(queue, print),
            lambda c: c.queue_delete(queue),
        ):
            with refused(405, text):
                call(other.channel())
        owner.close()
        with refused(404, f"NOT_FOUND - no queue '{queue}' in vhost '/'"):
            other.channel().queue_declare(queue, passive=True)


def connection_errors():
    closed = exceptions.ConnectionClosedByBroker
    with connect() as connection:
        with refused(503, "COMMAND_INVALID - unknown exchange type 'nosuch'", closed):
            connection.channel().exchange_declare(unique(), "nosuch")
    with connect() as connection:
        with refused(540, "NOT_IMPLEMENTED - prefetch_size!=0 (5)", closed):
            connection.channel().basic_qos(prefetch_size=5)


def reconnecting():
    name = unique()
    for _ in range(10):
        with connect() as connection:
            channel = connection.channel()
            channel.confirm_delivery()
            equal(channel.queue_declare(name, exclusive=True).method.message_count, 0)
            put(channel, "", name, "0", "1")


def many_channels():
    with connect() as connection:
        channels = [connection.channel() for _ in range(200)]
        queue = private(channels[0])
        for i, channel in enumerate(channels):
            channel.confirm_delivery()
            put(channel, "", queue, i)
        equal(drain(channels[-1], queue), [str(i) for i in range(200)])
        for channel in channels:
            channel.close()


STEPS = (
    server_properties, tuning, heartbeats, wrong_password, unknown_vhost, channel_errors, locked_for_others,
    connection_errors, reconnecting, many_channels,
)
