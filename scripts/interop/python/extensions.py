"""Transactions, and what RabbitMQ adds to the specification."""

import pika
from pika import exceptions

from client import Inbox, connect, drain, equal, private, put, refused, unique

REPLY_TO = "amq.rabbitmq.reply-to"


def transactions():
    with connect() as connection:
        channel, other = connection.channel(), connection.channel()
        queue = private(other)
        channel.tx_select()
        channel.basic_publish("", queue, b"dropped")
        channel.tx_rollback()
        channel.basic_publish("", queue, b"0")
        channel.basic_publish("", queue, b"1")
        equal(other.queue_declare(queue, passive=True).method.message_count, 0)
        channel.tx_commit()
        equal(other.queue_declare(queue, passive=True).method.message_count, 2)
        method, _, body = channel.basic_get(queue)
        equal(body, b"0")
        channel.basic_ack(method.delivery_tag)
        channel.tx_rollback()  # the ack only: the message stays with the channel
        equal(drain(other, queue), ["1"])
        channel.basic_nack(method.delivery_tag, requeue=True)
        equal(drain(other, queue), [])
        channel.tx_commit()
        equal(drain(other, queue), ["0"])
        channel.basic_publish("", queue, b"lost")
        channel.close()
        equal(drain(other, queue), [])


def transactions_refused():
    with connect() as connection:
        for end in ("tx_commit", "tx_rollback"):
            channel = connection.channel()
            with refused(406, "PRECONDITION_FAILED - channel is not transactional"):
                getattr(channel, end)()
            equal(channel.is_open, False)
        channel = connection.channel()
        channel.tx_select()
        with refused(406, "PRECONDITION_FAILED - cannot switch from tx to confirm mode"):
            channel.confirm_delivery()
        channel = connection.channel()
        channel.confirm_delivery()
        with refused(406, "PRECONDITION_FAILED - cannot switch from confirm to tx mode"):
            channel.tx_select()
        channel = connection.channel()
        channel.tx_select()
        with refused(404, "NOT_FOUND - no exchange 'nope' in vhost '/'"):
            channel.basic_publish("nope", "", b"lost")
            channel.tx_commit()


def exchange_bindings():
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        source, middle, queue = unique(), unique(), private(channel)
        channel.exchange_declare(source, "topic")
        channel.exchange_declare(middle, "fanout", auto_delete=True)
        channel.exchange_bind(middle, source, "a.#")
        channel.queue_bind(queue, middle)
        put(channel, source, "a.b", "0")
        put(channel, source, "b", "lost")
        put(channel, middle, "b", "1")
        equal(drain(channel, queue), ["0", "1"])
        channel.exchange_unbind(middle, source, "a.#")
        put(channel, source, "a.b", "lost")
        equal(drain(channel, queue), [])
        channel.queue_unbind(queue, middle)  # its last binding
        with refused(404, f"NOT_FOUND - no exchange '{middle}' in vhost '/'"):
            connection.channel().exchange_bind(middle, source)
        with refused(403, "ACCESS_REFUSED - operation not permitted on the default exchange"):
            connection.channel().exchange_bind("", source)
        channel.exchange_delete(source)


def alternate_exchange():
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        main, spare, queue = unique(), unique(), private(channel)
        channel.exchange_declare(spare, "fanout")
        channel.exchange_declare(main, "direct", arguments={"alternate-exchange": spare})
        channel.queue_bind(queue, spare)
        channel.basic_publish(main, "nowhere", b"0", mandatory=True)
        equal(drain(channel, queue), ["0"])
        text = (
            f"PRECONDITION_FAILED - inequivalent arg 'alternate-exchange' for exchange '{main}' in vhost '/': "
            f"received none but current is the value '{spare}' of type 'longstr'"
        )
        with refused(406, text):
            connection.channel().exchange_declare(main, "direct")
        channel.exchange_delete(spare)
        try:
            channel.basic_publish(main, "nowhere", b"1", mandatory=True)
            raise AssertionError("an unroutable mandatory message did not come back")
        except exceptions.UnroutableError:
            pass
        channel.exchange_delete(main)


def copies():
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        to, cc, bcc = (private(channel) for _ in range(3))
        put(channel, "", to, "x", headers={"CC": [cc, to], "BCC": [bcc], "more": 1})
        for queue in (to, cc, bcc):
            method, properties, body = channel.basic_get(queue, auto_ack=True)
            equal((method.routing_key, body, method.message_count), (to, b"x", 0))
            equal(properties.headers, {"CC": [cc, to], "more": 1})
        channel = connection.channel()
        channel.confirm_delivery()
        with refused(406, "PRECONDITION_FAILED - "):
            put(channel, "", to, "x", headers={"CC": cc})


def direct_reply_to():
    with connect() as connection, connect() as serving:
        server = serving.channel()
        server.confirm_delivery()
        queue = private(server)

        def answer(channel, method, properties, body):
            equal(properties.reply_to.startswith(REPLY_TO + "."), True, properties.reply_to)
            correlation = pika.BasicProperties(correlation_id=properties.correlation_id)
            channel.basic_publish("", properties.reply_to, body.upper(), correlation)

        server.basic_consume(queue, answer, auto_ack=True)
        exchange = unique()
        server.exchange_declare(exchange, "fanout", auto_delete=True)
        server.queue_bind(queue, exchange)
        client = connection.channel()
        inbox = Inbox(client, REPLY_TO, auto_ack=True)
        for i in range(3):
            asked = pika.BasicProperties(reply_to=REPLY_TO, correlation_id=str(i))
            client.basic_publish(exchange, "", b"question", asked)
            serving.process_data_events(time_limit=30)
            method, properties, body = inbox.next()
            equal((body, properties.correlation_id, method.exchange), (b"QUESTION", str(i), ""))
        with refused(406, "PRECONDITION_FAILED - fast reply consumer does not exist"):
            channel = connection.channel()
            channel.confirm_delivery()
            channel.basic_publish("", queue, b"", pika.BasicProperties(reply_to=REPLY_TO))
        with refused(406, "PRECONDITION_FAILED - reply consumer cannot acknowledge"):
            connection.channel().basic_consume(REPLY_TO, print)


def consumer_priority():
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        queue = private(channel)
        low = Inbox(channel, queue, auto_ack=True)
        high = Inbox(channel, queue, auto_ack=True, arguments={"x-priority": 10})
        put(channel, "", queue, *range(4))
        equal(high.bodies(4), ["0", "1", "2", "3"])
        channel.basic_cancel(high.tag)
        put(channel, "", queue, "4")
        equal(low.bodies(1), ["4"])


def single_active_consumer():
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        queue = channel.queue_declare("", exclusive=True, arguments={"x-single-active-consumer": True}).method.queue
        first, second = Inbox(channel, queue, auto_ack=True), Inbox(channel, queue, auto_ack=True)
        put(channel, "", queue, "0", "1")
        equal(first.bodies(2), ["0", "1"])
        channel.basic_cancel(first.tag)
        put(channel, "", queue, "2")
        equal(second.bodies(1), ["2"])


def blocked_callbacks():
    with connect() as connection:
        called = []
        connection.add_on_connection_blocked_callback(lambda *_: called.append("blocked"))
        connection.add_on_connection_unblocked_callback(lambda *_: called.append("unblocked"))
        channel = connection.channel()
        channel.confirm_delivery()
        put(channel, "", private(channel), "0")
        equal(called, [])


def queue_arguments():
    accepted = {
        "x-message-ttl": 3_600_000, "x-expires": 3_600_000, "x-max-length": 10, "x-max-length-bytes": 10_000,
        "x-max-priority": 5, "x-queue-mode": "lazy", "x-overflow": "reject-publish", "x-queue-type": "classic",
        "x-dead-letter-exchange": "amq.fanout", "x-dead-letter-routing-key": "key", "x-single-active-consumer": True,
        "x-other": "of a user",
    }
    refusals = (
        ("x-message-ttl", "5", '"expected integer, got longstr"'), ("x-message-ttl", -1, "{value_negative,-1}"),
        ("x-expires", 0, "{value_zero,0}"), ("x-max-length", -1, "{value_negative,-1}"),
        ("x-max-priority", 256, "{max_value_exceeded,256}"), ("x-overflow", "nosuch", "invalid_overflow"),
        ("x-queue-mode", "nosuch", "\"unsupported queue mode 'nosuch'\""),
        ("x-queue-type", "nosuch", "\"unsupported queue type 'nosuch'\""),
        ("x-dead-letter-routing-key", "key", "routing_key_but_no_dlx_defined"),
        ("x-single-active-consumer", "true", "{unacceptable_type,longstr}"),
    )
    with connect() as connection:
        admin, name = connection.channel(), unique()
        for _ in range(2):
            admin.queue_declare(name, exclusive=True, arguments=accepted)
        different = (
            f"PRECONDITION_FAILED - inequivalent arg 'x-message-ttl' for queue '{name}' in vhost '/': "
            "received '1' but current is '3600000'"
        )
        with refused(406, different):
            connection.channel().queue_declare(name, exclusive=True, arguments={**accepted, "x-message-ttl": 1})
        for key, value, reason in refusals:
            bad = unique()
            with refused(406, f"PRECONDITION_FAILED - invalid arg '{key}' for queue '{bad}' in vhost '/': {reason}"):
                connection.channel().queue_declare(bad, exclusive=True, arguments={key: value})


STEPS = (
    transactions, transactions_refused, exchange_bindings, alternate_exchange, copies, direct_reply_to,
    consumer_priority, single_active_consumer, blocked_callbacks, queue_arguments,
)
