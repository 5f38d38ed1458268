# SPDX-License-Identifier: Apache-2.0
"""The load of RocketMQ's protocol, with Pulsar's on the same queues.

Plain messages and batches, staged ones with recalls, transactions with
check-back, messages of Pulsar that are to be delivered later; a group that pulls
and commits, one that pops, and a Shared subscription.
"""

import asyncio
import random
import time

from . import rmqbooks, rmqconsume, rmqload, rmqwire, wire
from .rmqload import now_ms

TOPICS, QUEUES = 2, 3
TXN_TIMEOUT_MS, TXN_INTERVAL_MS = 700, 300
WAIT_S = 30


class Plant:
    """Between the driver and the books: one falsified report, to see that the run can fail."""

    def __init__(self, what):
        self.what = what

    def forge(self, progress):
        forward = progress.asked[-1] > (progress.asked[progress.sure] or 0)
        if self.what == "undone" and progress.n_confirmed > 5 and forward:
            self.what = None
            return True
        return False

    def change(self, queue, records):
        new = [i for i, (r, (offset, key)) in enumerate(records) if offset >= len(queue.log) > 30]
        promised = {k for k, offset in queue.checking if offset is not None}
        mine = [i for i in new if records[i][1][1] in promised]
        if self.what in ("lost", "double") and mine and mine[0] > 0:
            i = mine[0]
            (r, (offset, _)), other = records[i], records[i - 1][1][1]
            if queue.books.messages[other].kind == rmqbooks.PLAIN:
                self.what = None
                records[i] = (r, (offset, other))
        elif self.what == "hole" and mine:
            self.what = None
            del records[mine[0]]
        return records


class Load:
    """Drives the clients; blow() is said when the broker is gone."""

    name = "rocketmq"
    errors = (rmqwire.Refused, rmqwire.rmqlib.Fail, wire.ServerError, wire.Refused)
    options = (f"transactionTimeOut={TXN_TIMEOUT_MS}", f"transactionCheckInterval={TXN_INTERVAL_MS}",
               "transactionCheckMax=1000000")
    plants = ("lost", "undone", "hole", "double")

    def __init__(self, rng, plant=None):
        self.random = rng
        self.books = rmqbooks.Books()
        self.plant = Plant(plant)
        self.conns = []
        self.topics, self.readers, self.pullers, self.poppers, self.shared = [], [], [], {}, []
        self.senders, self.staged, self.fences, self.pulsar = [], [], {}, []
        tag = f"{time.time_ns() // 1000:x}"
        for i in range(TOPICS):
            self._topic(rmqload.Topic(self.books, f"kill9-rmq-{tag}-{i}", QUEUES, f"{tag}-{i}"))
        self.asked = rmqload.Asked(self.topics, random.Random(rng.random()))

    def _topic(self, t):
        i = len(self.topics)            # messages have their producer's name, so it is used once

        def rng():
            return random.Random(self.random.random())

        self.topics.append(t)
        for cls, name, window in ((rmqload.Sender, "single", 12), (rmqload.Sender, "other", 4),
                                  (rmqload.BatchSender, "batch", 3)):
            self.senders.append(cls(t, f"{name}-{i}", rng(), window))
        for cls, name, window in ((rmqload.StagedSender, "staged", 4), (rmqload.HalfSender, "half", 3)):
            self.staged.append(cls(t, f"{name}-{i}", rng(), window))
        self.fences[t] = rmqload.Fence(t, f"fence-{i}", rng())
        self.poppers[t] = [rmqconsume.Popper(t, rng()) for _ in range(2)]
        for q in range(QUEUES):
            self.readers.append(rmqconsume.Reader(t, q, rng(), self.plant.change))
            self.pullers.append(rmqconsume.Puller(t, q, rng(), self.plant.forge))
            self.shared.append(rmqload.SharedConsumer(t, q, rng()))
            for name, batch_max in (("deferred", 0), ("packed", 10)):
                self.pulsar.append(rmqload.PulsarProducer(rmqload.Deliveries(t, q), f"{name}-{i}-{q}", rng(),
                                                          batch_max, 4))

    async def connect(self, broker):
        port = broker.ports["rocketmq"]
        self.conns = []
        for binary in (False, True, False, True):
            self.conns.append(await rmqwire.Conn.connect(broker.host, port, binary))
        self.conns.append(await wire.Conn.open(broker.host, broker.ports["pulsar"]))

    async def _create(self, conn, t):
        await conn.call("UPDATE_AND_CREATE_TOPIC", topic=t.name, defaultTopic="TBW102", readQueueNums=QUEUES,
                        writeQueueNums=QUEUES, perm=6, topicFilterType="SINGLE_TAG", topicSysFlag=0, order=False)
        for group in {b.group for b in [*t.progress, *t.pops]}:
            # no message is ever dead: that is another promise
            await conn.call("UPDATE_AND_CREATE_SUBSCRIPTIONGROUP", dict(
                groupName=group, consumeEnable=True, consumeFromMinEnable=True, consumeBroadcastEnable=True,
                retryQueueNums=1, retryMaxTimes=1000, brokerId=0, whichBrokerWhenConsumeSlowly=1,
                notifyConsumerIdsChangedEnable=True))

    async def _attach(self, first):
        for_producers, for_asked, for_consumers, for_pops, for_pulsar = self.conns
        for t in self.topics:
            if first:
                await self._create(for_producers, t)
            for p in self.poppers[t]:
                p.attach(for_pops)
        for s in [*self.senders, *self.staged, *self.fences.values()]:
            s.attach(for_producers)
        for s in self.staged:
            s.resend()
        for x in [*self.pulsar, *self.shared]:
            await x.attach(for_pulsar)
        await self.asked.attach(for_asked)
        for p in self.pullers:
            await p.attach(for_consumers)

    async def _read(self):
        await asyncio.gather(*(r.more(self.conns[2]) for r in self.readers))

    async def audit(self, broker, first, last):
        """Connects, and compares what is there with what was promised."""
        t0 = now_ms()
        await self.connect(broker)
        await self._attach(first)
        # what is before the fence is what there was to recover
        for f in self.fences.values():
            f.resend()
            await f.settled()
            f.send_all()
        for f in self.fences.values():
            await f.settled()
        await self._read()
        for r in self.readers:
            if r.next <= self.fences[r.topic].offsets[r.q]:
                r.queue.fault("lost", f"the log ends at {r.next}, the fence is "
                              f"at {self.fences[r.topic].offsets[r.q]}")
            low, high = await r.range(self.conns[2])
            if low != 0 or high < r.next:
                r.queue.fault("lost", f"the broker says that it has {low} to {high}, {r.next} were read")
        if last:
            t0 = now_ms() + 60_000
        await self._late(t0)
        await self._consumers(t0, last)
        if last:
            await asyncio.gather(*(r.read(self.conns[2], 0) for r in self.readers))

    async def _late(self, t0):
        """What was due by then is there; what nobody ended is asked for."""
        end = time.monotonic() + WAIT_S
        while True:
            late, unasked = self.books.overdue(t0), self.books.unasked(t0 - TXN_TIMEOUT_MS)
            if not late and not unasked:
                return
            if time.monotonic() > end:
                break
            await asyncio.sleep(0.05)
            await self._read()
        for k in late:
            m = self.books.messages[k]
            self.books.fault("lost", f"{k} was due at {m.due} in {m.queue.name} and isn't there at {now_ms()}")
        for k in unasked:
            self.books.fault("unasked", f"{k} of {self.books.messages[k].born}: nobody was asked in {WAIT_S} s")

    async def _consumers(self, t0, last):
        self.books.learn()
        await asyncio.gather(*(self._pops(t, last) for t in self.topics))
        end = time.monotonic() + WAIT_S
        while time.monotonic() < end and any(s.book.lacking(t0) for s in self.shared):
            await asyncio.sleep(0.02)
        for s in self.shared:
            for text in s.book.lacking(t0)[:5]:
                s.book.fault("missing", f"{text} was not delivered in {WAIT_S} s")

    async def _pops(self, t, last):
        # what those who were shot have leased hides what is missing: at times that is waited for
        skip = self.random.random() < 0.8
        end = time.monotonic() + WAIT_S
        while True:
            missing = [(q, text) for q in range(QUEUES) for text in await self.poppers[t][0].audit(q)]
            if not any(b.left() for b in t.pops) or \
                    not last and not missing and (skip or all(b.clear(now_ms()) for b in t.pops)):
                return
            if time.monotonic() > end:
                break
            await asyncio.sleep(0.05)
        for q, text in missing:
            t.pops[q].fault("missing", f"{text}, nor in {WAIT_S} s")
        for b in t.pops:
            if last and b.left():
                b.fault("missing", f"{len(b.left())} are still not acknowledged, {min(b.left())} is the first")

    def runs(self):
        """What works until the blow."""
        for s in self.senders:
            s.resend()
        xs = [*self.senders, *self.staged, *self.pulsar, *self.pullers, *self.shared]
        return [x.run() for x in [*xs, *(p for ps in self.poppers.values() for p in ps)]]

    def blow(self, at_ms):
        """The broker was killed; it is said once for each time."""
        self.books.blow(at_ms)

    def report(self):
        t = self.books.totals()
        return (f"{t['acknowledged']} of {t['sent']} messages acknowledged ({t['staged']} staged, {t['half']} half, "
                f"{t['deferred']} deferred), {t['doubled']} doubled, {t['ended']} ended, {t['recalled']} recalled, "
                f"{self.asked.n} asked, {t['commits']} commits, {t['pops']} pops, "
                f"{t['pop acks']} pop acks, {t['shared acks']} shared acks")

    def idle(self):
        t = self.books.totals()
        return not all(t[k] for k in ("acknowledged", "staged", "half", "deferred", "ended", "commits", "pop acks",
                                      "shared acks"))

    def summary(self):
        return ", ".join(f"{self.books.count(k)} {k}" for k in (
            "lost", "hole", "double", "early", "half", "undone", "ahead", "missing", "again", "unasked"))
