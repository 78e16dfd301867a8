"""Publishing, consuming, settling, confirming."""

import datetime
import decimal
import hashlib
import os

import pika
from pika import exceptions

from client import Inbox, connect, drain, equal, parameters, private, put, refused, unique


def prefetch_and_settling():
    with connect() as connection:
        publisher, channel = connection.channel(), connection.channel()
        publisher.confirm_delivery()
        queue = private(publisher)
        channel.basic_qos(prefetch_count=2)
        inbox = Inbox(channel, queue, consumer_tag="tag")
        equal(inbox.tag, "tag")
        put(publisher, "", queue, "0", "1", "2", "3")
        equal(publisher.queue_declare(queue, passive=True).method.message_count, 2)
        first, _, body = inbox.next()
        equal(body, b"0")
        equal((first.delivery_tag, first.redelivered, first.routing_key), (1, False, queue))
        second, _, body = inbox.next()
        equal(body, b"1")
        channel.basic_nack(first.delivery_tag, requeue=True)
        again, _, body = inbox.next()
        equal((body, again.redelivered, again.delivery_tag), (b"0", True, 3))
        channel.basic_reject(second.delivery_tag, requeue=False)
        third, _, body = inbox.next()
        equal(body, b"2")
        channel.basic_ack(third.delivery_tag, multiple=True)
        equal(inbox.bodies(1), ["3"])
        channel.close()  # gives back the last
        method, _, body = publisher.basic_get(queue)
        equal((body, method.redelivered, method.message_count), (b"3", True, 0))


def prefetch_of_a_channel():
    with connect() as connection:
        publisher, channel = connection.channel(), connection.channel()
        publisher.confirm_delivery()
        queue = private(publisher)
        channel.basic_qos(prefetch_count=3, global_qos=True)
        a, b = Inbox(channel, queue), Inbox(channel, queue)
        put(publisher, "", queue, *range(6))
        equal(publisher.queue_declare(queue, passive=True).method.message_count, 3)
        equal(a.bodies(2) + b.bodies(1), ["0", "2", "1"])


def fair_turns():
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        queue = private(channel)
        a, b = Inbox(channel, queue, auto_ack=True), Inbox(channel, queue, auto_ack=True)
        put(channel, "", queue, "0", "1", "2", "3")
        equal((a.bodies(2), b.bodies(2)), (["0", "2"], ["1", "3"]))


def requeue_in_order():
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        queue = private(channel)
        equal(channel.basic_get(queue), (None, None, None))
        put(channel, "", queue, *range(4))
        tags = [channel.basic_get(queue)[0].delivery_tag for _ in range(3)]
        channel.basic_nack(tags[1])
        channel.basic_nack(tags[0])
        channel.basic_ack(tags[2])
        equal(drain(channel, queue), ["0", "1", "3"])
        put(channel, "", queue, *range(3))
        for _ in range(3):
            channel.basic_get(queue)
        channel.basic_recover(requeue=True)
        equal(channel.basic_get(queue)[0].redelivered, True)
        channel.basic_nack(0, multiple=True, requeue=True)
        equal(drain(channel, queue), ["0", "1", "2"])


def exclusive_consumer():
    with connect() as connection:
        channel = connection.channel()
        queue = private(channel)
        Inbox(channel, queue, exclusive=True)
        with refused(403, f"ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use"):
            connection.channel().basic_consume(queue, print)


def mandatory_returns():
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.basic_publish("", unique(), b"dropped")
        key = unique()
        try:
            channel.basic_publish("", key, b"returned", pika.BasicProperties(message_id="id"), mandatory=True)
            raise AssertionError("an unroutable mandatory message did not come back")
        except exceptions.UnroutableError as e:
            (returned,) = e.messages
            equal((returned.method.reply_code, returned.method.reply_text), (312, "NO_ROUTE"))
            equal((returned.method.exchange, returned.method.routing_key), ("", key))
            equal((returned.properties.message_id, returned.body), ("id", b"returned"))


def confirms():
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        queue = private(channel)
        for mode in (1, 2):
            put(channel, "", queue, *range(500), delivery_mode=mode)
        equal(channel.queue_purge(queue).method.message_count, 1000)


def bodies_of_all_sizes():
    with connect(frame_max=4096) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        queue = private(channel)
        inbox = Inbox(channel, queue, auto_ack=True)
        for size in (0, 1, 4087, 4088, 4089, 4095, 4096, 12264, 100_000, 16 << 20):
            body = os.urandom(size)
            put(channel, "", queue, body)
            _, _, came = inbox.next()
            equal(len(came), size)
            equal(hashlib.sha256(came).digest(), hashlib.sha256(body).digest(), f"body of {size} bytes")


def properties_and_headers():
    when = datetime.datetime(2023, 11, 14, 22, 13, 20)
    headers = {
        "string": "текст", "empty": "", "yes": True, "no": False, "nothing": None, "small": 1, "big": 2**40,
        "negative": -(2**31), "bytes": b"\x00\x01\xce\xff", "list": [1, "two", [True], {"three": 3}],
        "table": {"deep": {"er": "x"}}, "when": when, "decimal": decimal.Decimal("12.34"),
    }
    properties = {
        "content_type": "text/plain", "content_encoding": "utf-8", "delivery_mode": 2, "priority": 5,
        "correlation_id": "correlation", "reply_to": "reply", "message_id": "message", "timestamp": 1700000000,
        "type": "type", "user_id": parameters().credentials.username, "app_id": "app",
        "cluster_id": "cluster",
    }
    with connect() as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        queue = private(channel)
        put(channel, "", queue, "all", headers=headers, **properties)
        put(channel, "", queue, "none")
        _, came, _ = channel.basic_get(queue)
        equal(came.headers, headers, "headers")
        for name, value in properties.items():
            equal(getattr(came, name), value, name)
        _, came, _ = channel.basic_get(queue)
        equal([name for name in (*properties, "headers") if getattr(came, name) is not None], [])


STEPS = (
    prefetch_and_settling, prefetch_of_a_channel, fair_turns, requeue_in_order, exclusive_consumer, mandatory_returns,
    confirms, bodies_of_all_sizes, properties_and_headers,
)
