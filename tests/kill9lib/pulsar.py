# SPDX-License-Identifier: Apache-2.0
"""The load of Pulsar's protocol: single messages and batches, cumulative, individual and batch index acks."""

import random
import time

from . import books, load, wire

TOPICS = 3


class Plant:
    """Between the driver and the books: one falsified report, to see that the run can fail."""

    def __init__(self, what):
        self.what, self.held = what, None

    def forge(self, consumer):
        if self.what == "undone" and consumer.sub.n_confirmed > 20:
            self.what = None
            return True
        return False

    def change(self, topic):
        def f(pos, messages):
            if self.held:
                (p, m), self.held = self.held, None
                return [(p, messages), (pos, m)]
            if len(topic.order) > 50 and messages[0] in topic.receipts:
                if self.what == "lost":
                    self.what = None
                    return []
                if self.what == "double":
                    self.what = None
                    return [(pos, topic.entries[topic.order[-1]])]
                if self.what == "order":
                    self.what, self.held = None, (pos, messages)
                    return []
            return [(pos, messages)]
        return f


class Load:
    """Drives the clients; blow() is said when the broker is gone."""

    name = "pulsar"
    errors = (wire.ServerError, wire.Refused)
    options = ()
    plants = ("lost", "undone", "order", "double")

    def __init__(self, rng, plant=None):
        self.random = rng
        self.books = books.Books()
        self.plant = Plant(plant)
        self.conns = []
        self.producers, self.consumers, self.fences, self.keeps, self.readers = [], [], {}, [], {}
        tag = f"kill9-{time.time_ns() // 1000:x}"
        for i in range(TOPICS):
            self._topic(self.books.topic(f"persistent://public/default/{tag}-{i}"), i)

    def _topic(self, t, i):
        def rng():
            return random.Random(self.random.random())

        # one topic of single messages, one of batches, one of both
        for name, batch_max in (("single", 0), ("batches", 20)):
            if (i, batch_max) not in ((0, 20), (1, 0)):
                for k in range(2):
                    self.producers.append(load.Producer(t, f"{name}-{k}", rng(), batch_max, 4 if batch_max else 16))
        self.fences[t] = load.Producer(t, "fence", rng())
        for name, kind in (("cum", "cumulative"), ("ind", "individual"), ("bix", "batch index")):
            self.consumers.append(load.Consumer(t, name, kind, rng(), self.plant.forge))
        self.keeps.append(load.Consumer(t, "keep", "keep", rng()))
        self.readers[t] = load.Reader(t, self.plant.change(t))

    async def connect(self, broker):
        self.conns = [await wire.Conn.open(broker.host, broker.ports["pulsar"]) for _ in range(3)]
        for t in self.fences:
            await self.conns[0].ask("LOOKUP", "lookupTopic", topic=t.name)

    async def audit(self, broker, first, last):
        """Connects, and compares what is there with what was promised."""
        await self.connect(broker)
        for_producers, for_consumers, for_readers = self.conns
        for p in [*self.producers, *self.fences.values()]:
            await p.attach(for_producers)
        if first:
            # a subscription that nobody acknowledges on keeps the log from being trimmed
            for k in self.keeps:
                await k.attach(for_consumers)
                await k.detach()
        for c in self.consumers:
            await c.attach(for_consumers)
        # what is before the fence is what there was to recover
        for f in self.fences.values():
            f.resend()
            f.send_next()
            await f.settled(30)
        for t, f in self.fences.items():
            if not await self.readers[t].read(for_readers, t.end(), f.last_place, 60):
                self.books.fault("stuck", f"{t.name}: the log was not read to its end in 60 s")
            t.end_of_log()
        for c in self.consumers:
            c.flow(1000)
        for c in self.consumers:
            fence = self.fences[c.topic].last_place
            if not await c.reached(fence, 30):
                self.books.fault("stuck", f"{c.sub.name}: its consumer got no further than {c.end} in 30 s")
            c.topic.compare(c.name, fence)
        if last:
            for t, f in self.fences.items():
                t.read_from_start()
                if not await self.readers[t].read_subscription(for_readers, "keep", f.last_place, 120):
                    self.books.fault("stuck", f"{t.name}: the whole log was not read in 120 s")
                t.end_of_log()

    def runs(self):
        """What works until the blow."""
        return [x.run() for x in [*self.producers, *self.consumers]]

    def blow(self, now_ms):
        """The broker was killed; it is said once for each time."""

    def report(self):
        t = self.books.totals()
        return (f"{t['acknowledged']} of {t['sent']} messages acknowledged, {t['doubled']} doubled, "
                f"{t['acks confirmed']} acks confirmed")

    def idle(self):
        t = self.books.totals()
        return not (t["acknowledged"] and t["acks confirmed"])

    def summary(self):
        b = self.books
        return (f"{b.count('lost')} lost, {b.count('undone')} acks undone, {b.count('order')} out of order, "
                f"{b.count('double')} doubled though acknowledged, {b.count('missing')} not delivered again")
