"""Runs through a broker's main features with pika, and stops at the first
thing that differs from RabbitMQ.

    python3 main.py amqp://guest:guest@127.0.0.1:5672/
"""

import faulthandler
import logging
import sys
import traceback

import pika

import connections
import extensions
import messages
import topology

STEP_SECONDS = 60


def main():
    logging.disable(logging.CRITICAL)  # pika logs each close
    steps = connections.STEPS + topology.STEPS + messages.STEPS + extensions.STEPS
    for step in steps:
        faulthandler.dump_traceback_later(STEP_SECONDS, exit=True)
        try:
            step()
        except Exception:
            print(f'pika differs at "{step.__name__}":', file=sys.stderr)
            traceback.print_exc()
            return 1
    faulthandler.cancel_dump_traceback_later()
    print(f"pika {pika.__version__}: {len(steps)} steps passed")
    return 0


sys.exit(main())
