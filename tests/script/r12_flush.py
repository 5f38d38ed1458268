# SPDX-License-Identifier: Apache-2.0
"""Who waits for the disk: WAIT=false of a message, flushDiskType of a topic. Syncs
are counted; those that come by time are far apart."""
import time

from mqlib import alone, check, equal, options, ours
import mqlib
import rmqlib
from rmqlib import Client, batch, until
from r07_delay_txn import half
from x01_cross import pulsar_name

N = 30
rarely = options(flushIntervalMs=60000)
async_broker = options(flushIntervalMs=60000, flushDiskType="ASYNC_FLUSH")
counted = ours("the reference doesn't count its syncs")


class Meter:
    """Counts syncs beside entries given to the log. Both are copied together, once
    a second: what was sent is in there when the entries are."""

    def __init__(self, b):
        self.b = b
        now, since = self.read(), time.monotonic()
        while time.monotonic() - since < 1.3:
            last, now = now, self.read()
            if now != last:
                since = time.monotonic()
            time.sleep(0.05)
        self.entries, self.syncs = now

    def read(self):
        c = mqlib.counters(self.b)
        return c["magnetar_log_entries_total"], c["magnetar_log_syncs_total"]

    def cost(self, *what, entries=1):
        """Syncs that each of these took, N times over, one after the other"""
        before = self.syncs
        for i in range(N):
            for fn in what:
                fn()
        self.entries += N * entries * len(what)

        def there():
            n, self.syncs = self.read()
            return n >= self.entries
        until("the count of what was stored", there)
        return (self.syncs - before) / (N * len(what))

    def waits(self, *what, **kw):
        n = self.cost(*what, **kw)
        check(n >= 1, "has not waited for the disk:", n, "syncs each")

    def waits_not(self, *what, **kw):
        n = self.cost(*what, **kw)
        check(n < 0.3, "has waited for the disk:", n, "syncs each")


@rarely
@counted
def test_wait_of_messages(b):
    t, m = b.name(), Meter(b)

    def sender(props):
        return lambda: c.send(t, b"x", props=props)
    with Client(b) as c:
        c.create_topic(t, queues=1)
        m.waits(sender({}), sender({"WAIT": "true"}), sender({"WAIT": "True"}))
        m.waits_not(sender({"WAIT": "false"}), sender({"WAIT": "no"}))
        equal([r.offset for r in c.drain(t)], list(range(5 * N)))


@rarely
@counted
def test_wait_of_batches(b):
    """What the batch says counts, not what its messages do."""
    t, cq, m = b.name(), b.name(), Meter(b)

    def sender(topic, outer, inner):
        return lambda: c.send(
            topic, batch((b"1", {"WAIT": inner}), (b"2", {"WAIT": inner})),
            request="SEND_BATCH_MESSAGE", batch=True,
            props={"WAIT": outer, "UNIQ_KEY": "EE" * 16})
    with Client(b) as c:
        c.create_topic(t, queues=1)
        c.create_topic(cq, queues=1, attributes="+queue.type=BatchCQ")
        for topic, n in ((t, 2), (cq, 1)):
            m.waits(sender(topic, "true", "false"), entries=n)
            m.waits_not(sender(topic, "false", "true"), entries=n)


@rarely
@counted
def test_wait_of_what_is_staged(b):
    t, g, m = b.name(), b.name("g"), Meter(b)
    at = int(time.time() * 1000) + 3600000
    with Client(b) as c:
        c.create_topic(t)
        for wait, judge in (("true", m.waits), ("false", m.waits_not)):
            judge(lambda: c.send(t, b"x", props={
                "TIMER_DELIVER_MS": at, "WAIT": wait}),
                lambda: half(c, t, g, WAIT=wait))


@rarely
@counted
def test_wait_of_light_queues(b):
    t, m = b.name(), Meter(b)
    props = {"INNER_MULTI_DISPATCH": "%LMQ%" + b.name()}
    with Client(b) as c:
        c.create_topic(t, queues=1)
        m.waits(lambda: c.send(t, props={**props, "WAIT": "true"}), entries=2)
        m.waits_not(lambda: c.send(t, props={**props, "WAIT": "false"}),
                    entries=2)


@rarely
@counted
def test_topic(b):
    """Its attribute holds for all producers, and for what waits for its time."""
    t, m = b.name(), Meter(b)
    at = int(time.time() * 1000) + 3600000
    with Client(b) as c, mqlib.Client(b) as p:
        c.create_topic(t, queues=1, attributes="+flushDiskType=ASYNC_FLUSH")
        p.producer(pulsar_name(t))
        sequence = iter(range(1000))

        def send():
            c.send(t)

        def publish():
            p.publish(1, next(sequence), b"x")

        def later():
            c.send(t, props={"TIMER_DELIVER_MS": at})
        m.waits_not(send, publish, later)
        c.create_topic(t, queues=1, attributes="+flushDiskType=SYNC_FLUSH")
        m.waits(send, publish, later)
        m.waits_not(lambda: c.send(t, props={"WAIT": "false"}))
        c.create_topic(t, queues=1, attributes="-flushDiskType")
        m.waits(send)
        a = c.ask("GET_TOPIC_CONFIG", topic=t).json()
        equal(a["attributes"], {})
        a = c.ask("UPDATE_AND_CREATE_TOPIC", topic=t, code=1,
                  defaultTopic="TBW102", readQueueNums=1, writeQueueNums=1,
                  perm=6, topicFilterType="SINGLE_TAG", topicSysFlag=0,
                  order=False, attributes="+flushDiskType=NEVER")
        equal(a.remark, "value is not in set: [SYNC_FLUSH, ASYNC_FLUSH]")


@async_broker
@counted
def test_broker_that_does_not_wait(b):
    t, m = b.name(), Meter(b)
    with Client(b) as c:
        c.create_topic(t, queues=1)
        m.waits_not(lambda: c.send(t),
                    lambda: c.send(t, props={"WAIT": "true"}))
        c.create_topic(t, queues=1, attributes="+flushDiskType=SYNC_FLUSH")
        m.waits(lambda: c.send(t))
        m.waits_not(lambda: c.send(t, props={"WAIT": "false"}))


@rarely
@alone
@counted
def test_kept_over_a_crash(b):
    """The kernel has what was answered."""
    t = b.name()
    with Client(b) as c:
        c.create_topic(t, queues=1, attributes="+flushDiskType=ASYNC_FLUSH")
        for i in range(N):
            c.send(t, b"%d" % i, props={"WAIT": str(i % 2 == 0)})
    b.crash()
    with Client(b) as c:
        until("the topic", lambda: c.pull(t, code=None).code == 0)
        equal([r.body for r in c.drain(t)], [b"%d" % i for i in range(N)])
