# SPDX-License-Identifier: Apache-2.0
"""Messages that are to be delivered later."""

import time

import mqlib
from mqlib import Client, check, equal


def soon(ms):
    return int(time.time() * 1000) + ms


def receipts(c, n):
    for _ in range(n):
        c.rx("SEND_RECEIPT")


def both(b, sub_type):
    with Client(b) as p, Client(b) as c:
        t = b.topic()
        c.subscribe(t, sub_type=sub_type)
        c.flow(n=3)
        p.producer(t)
        at = soon(1500)
        later = p.publish(1, 0, b"later", meta=dict(deliver_at_time=at))
        p.publish(1, 1, b"now")
        # what waits takes no permit, and comes by itself
        first = c.messages(1)[0]
        equal(first.payload, b"now")
        check(time.time() * 1000 < at, "the machine is too slow to say")
        second = c.messages(1)[0]
        check(time.time() * 1000 >= at, "it came early")
        equal(second.payload, b"later")
        equal(second.pos, later)
        equal(second.cmd.redelivery_count, 0)
        # acknowledged by nobody: it comes again to the next one
        c.ack(1, first.pos, req=5)
        c.rx("ACK_RESPONSE")
    with Client(b) as c:
        c.subscribe(t, sub_type=sub_type)
        c.flow()
        equal(c.messages(1)[0].payload, b"later")


def test_shared(b):
    both(b, "Shared")


def test_key_shared(b):
    both(b, "Key_Shared")


def test_exclusive_gets_it_at_once(b):
    with Client(b) as c:
        t = b.topic()
        c.subscribe(t)
        c.flow()
        c.producer(t)
        at = soon(60000)
        c.send(1, 0, b"later", meta=dict(deliver_at_time=at))
        receipts(c, 1)
        equal(c.messages(1)[0].payload, b"later")


def test_each_at_its_time(b):
    with Client(b) as p, Client(b) as c:
        t = b.topic()
        c.subscribe(t, sub_type="Shared")
        c.flow()
        p.producer(t)
        at = [soon(800) + (49 - i) * 10 for i in range(50)]
        for i in range(50):
            p.send(1, i, b"%d" % i, meta=dict(deliver_at_time=at[i]))
        receipts(p, 50)
        seen = set()
        for _ in range(50):
            i = int(c.messages(1)[0].payload)
            check(time.time() * 1000 >= at[i], "it came early")
            seen.add(i)
        equal(len(seen), 50)


@mqlib.options(delayedDeliveryEnabled="false")
def test_switched_off(b):
    with Client(b) as c:
        t = b.topic()
        c.subscribe(t, sub_type="Shared")
        c.flow()
        c.producer(t)
        c.send(1, 0, b"later", meta=dict(deliver_at_time=soon(60000)))
        receipts(c, 1)
        equal(c.messages(1)[0].payload, b"later")
