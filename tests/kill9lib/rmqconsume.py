# SPDX-License-Identifier: Apache-2.0
"""RocketMQ's consumers for the kill -9 loop: pull with commits, POP with acks, and who reads a queue for the books."""

import asyncio
import base64
import json

from . import load
from .rmqload import now_ms
from .rmqwire import BROKER_NAME, NOT_READY, NO_MESSAGE, NO_OFFSET, OK, POP_NOTHING, PULL_FOUND, PULL_NOTHING, \
    Refused, rmqlib

INVISIBLE_MS = (200, 200, 200, 1000, 2500)
BATCH_ACK_MAX = 32


def keys_of(queue, records):
    """[(offset, message)] of a queue's records; the bodies are as they were sent."""
    out = []
    for r in records:
        key = load.parse(r.body)
        if key is None:
            queue.fault("alien", f"{r.offset} has a body that nobody sent: {r}")
            key = ("?", 0)
        out.append((r.offset, key))
    return out


class Reader:
    """Reads a queue for the books; `change` may falsify what they get to see."""

    def __init__(self, topic, q, rng, change=None):
        self.topic, self.q, self.queue, self.random = topic, q, topic.queues[q], rng
        self.change = change or (lambda queue, records: records)
        self.next = 0

    async def read(self, conn, start):
        """From an offset to the end."""
        topic, q = self.topic.name, self.q
        self.queue.start(start)
        self.next = start
        while True:
            a = await conn.call("PULL_MESSAGE", codes=(PULL_FOUND, *PULL_NOTHING, *NOT_READY),
                                **rmqlib.pull_fields(topic, self.next, "kill9-reader", q, 256))
            if a.code == PULL_FOUND:
                self._take(a)
            elif a.code in PULL_NOTHING and int(a.ext["nextBeginOffset"]) != self.next:
                self.queue.fault("hole", f"a pull at {self.next} is sent on to {a.ext['nextBeginOffset']}")
                self.next = int(a.ext["nextBeginOffset"])
            elif a.code in PULL_NOTHING:
                break
        self.queue.end()

    def _take(self, a):
        records = a.records()
        now = now_ms()
        for r, (offset, key) in self.change(self.queue, list(zip(records, keys_of(self.queue, records)))):
            if r.topic != self.topic.name or r.queue != self.q:
                self.queue.fault("alien", f"{offset} says that it is of {r.topic}/{r.queue}")
            self.queue.record(offset, key, r.stored, now)
        self.next = int(a.ext["nextBeginOffset"])

    async def more(self, conn):
        """What is new, and the end of what was known once more."""
        known = len(self.queue.log)
        await self.read(conn, max(0, known - self.random.randrange(100)))

    async def range(self, conn):
        """(min, max) offset"""
        return [int((await conn.call(code, topic=self.topic.name, queueId=self.q)).ext["offset"])
                for code in ("GET_MIN_OFFSET", "GET_MAX_OFFSET")]


class Puller:
    """The member of a group that pulls one queue, and commits, at times into what it has not seen yet or back."""

    def __init__(self, topic, q, rng, forge=None):
        self.topic, self.q, self.queue, self.book, self.random = topic, q, topic.queues[q], topic.progress[q], rng
        self.forge = forge or (lambda book: False)
        self.at = 0
        self.conn = None
        self.forged = False

    async def attach(self, conn):
        """Where the group is."""
        self.conn, self.forged = conn, False
        a = await conn.call("QUERY_CONSUMER_OFFSET", codes=(OK, NO_OFFSET), consumerGroup=self.book.group,
                            topic=self.topic.name, queueId=self.q, setZeroIfNotFound=False)
        offset = int(a.ext["offset"]) if a.code == OK else None
        self.book.found(offset)
        self.at = offset or 0

    def commit(self):
        if self.forged:
            return
        low = self.book.asked[-1] or 0
        x = self.random.random()
        first, last = (max(0, low - 20), low) if x < 0.05 else (min(low, self.at), self.at)
        offset = self.random.randint(first, last)
        n = self.book.ask(offset)
        if self.forge(self.book):
            self.forged = True          # an answer that the broker never gave, and no other
            self.book.answered(n)
            return

        def answered(a):
            if a.code == OK:
                self.book.answered(n)
            elif a.code not in NOT_READY:
                raise Refused(f"{self.book.group}: commit: code {a.code}: {a.remark}")
        fields = dict(consumerGroup=self.book.group, topic=self.topic.name, queueId=self.q, commitOffset=offset)
        if x < 0.8:
            self.conn.ask("UPDATE_CONSUMER_OFFSET", b"", answered, **fields)
        else:
            self.conn.tell("UPDATE_CONSUMER_OFFSET", **fields)

    async def run(self):
        while True:
            over = {}
            if not self.forged and self.random.random() < 0.2 and self.at > (self.book.asked[-1] or 0):
                self.book.ask(self.at)  # a pull that commits promises nothing
                over = dict(flags=rmqlib.COMMIT, commitOffset=self.at)
            a = await self.conn.ask("PULL_MESSAGE", **rmqlib.pull_fields(
                self.topic.name, self.at, self.book.group, self.q, self.random.randint(1, 64), suspend_ms=500, **over))
            if a.code == PULL_FOUND:
                self.queue.pulled(self.at, keys_of(self.queue, a.records()))
                self.at = int(a.ext["nextBeginOffset"])
            elif a.code not in (*PULL_NOTHING, *NOT_READY):
                raise Refused(f"{self.book.group}: pull: code {a.code}: {a.remark}")
            for _ in range(self.random.randint(0, 2)):
                self.commit()
            await asyncio.sleep(self.random.random() * 0.02)


class Popper:
    """Pops all queues of a topic, or one; acknowledges, changes the time, or does nothing."""

    def __init__(self, topic, rng):
        self.topic, self.random = topic, rng
        self.conn = None

    def attach(self, conn):
        self.conn = conn

    async def pop(self, queue=-1, n=32, invisible_ms=1000, poll_ms=0):
        """[(queue, offset, handle, message)] of what came; None: there is nothing."""
        books = self.topic.pops if queue < 0 else [self.topic.pops[queue]]
        token = object()
        for b in books:
            b.ask(token, invisible_ms)
        a = await self.conn.ask("POP_MESSAGE", **rmqlib.pop_fields(
            self.topic.name, books[0].group, queue, n, invisible_ms, poll_ms))
        for b in books:
            b.answered(token)
        if a.code in POP_NOTHING:
            return None
        if a.code != OK:
            if a.code in NOT_READY:
                return []
            raise Refused(f"{books[0].group}: pop: code {a.code}: {a.remark}")
        out = []
        for r, handle in rmqlib.pop_handles(BROKER_NAME, a):
            book = self.topic.pops[r.queue]
            (offset, key), = keys_of(book.queue, [r])
            book.popped(offset, key, int(handle.split(" ")[1]), invisible_ms)
            out.append((r.queue, offset, handle, key))
        return out

    def _fields(self, q, offset, handle):
        return dict(consumerGroup=self.topic.pops[q].group, topic=self.topic.name, queueId=q, extraInfo=handle,
                    offset=offset)

    def ack(self, q, offset, handle):
        book = self.topic.pops[q]
        book.ack_sent(offset)

        def answered(a):
            if a.code in (OK, NO_MESSAGE):
                book.ack_answered(offset, a.code == OK)
            elif a.code not in NOT_READY:
                raise Refused(f"{book.group}: ack: code {a.code}: {a.remark}")
        self.conn.ask("ACK_MESSAGE", b"", answered, **self._fields(q, offset, handle))

    def ack_all(self, got):
        """BATCH_ACK_MESSAGE: those of one queue and one pop, as the client gathers them."""
        q, first, handle, _ = got[0]
        w = handle.split(" ")
        same = [(o, k) for x, o, h, k in got if x == q and h.split(" ")[1] == w[1] and first <= o < first + BATCH_ACK_MAX]
        book = self.topic.pops[q]
        bits = sum(1 << o - first for o, _ in same)
        for o, _ in same:
            book.ack_sent(o)

        def answered(a):
            if a.code not in (OK, *NOT_READY):
                raise Refused(f"{book.group}: batch ack: code {a.code}: {a.remark}")
            for o, k in same if a.code == OK else ():
                # which leases were over isn't said
                if book.is_leased(o, k, int(w[1]), now_ms()):
                    book.ack_answered(o, True)
        body = {"brokerName": BROKER_NAME, "acks": [{
            "c": book.group, "t": self.topic.name, "r": w[4], "so": first, "q": q, "rq": int(w[3]), "pt": int(w[1]),
            "it": int(w[2]), "b": base64.b64encode(bits.to_bytes(bits.bit_length() + 7 >> 3, "little")).decode()}]}
        self.conn.ask("BATCH_ACK_MESSAGE", json.dumps(body).encode(), answered)
        return [x for x in got if x[0] != q or (x[1], x[3]) not in same]

    def change(self, q, offset, handle, key, invisible_ms):
        book = self.topic.pops[q]
        token = object()
        old = int(handle.split(" ")[1])
        if book.leases[offset].pop_ms != old:
            return                      # somebody else has it by now
        book.change_sent(token, offset, key, invisible_ms)

        def answered(a):
            if a.code in NOT_READY:
                return
            if a.code not in (OK, NO_MESSAGE):
                raise Refused(f"{book.group}: change: code {a.code}: {a.remark}")
            book.change_answered(token, offset, key, old, int(a.ext.get("popTime", 0)), invisible_ms,
                                 a.code == OK, now_ms())
        self.conn.ask("CHANGE_MESSAGE_INVISIBLETIME", b"", answered, invisibleTime=invisible_ms,
                      **self._fields(q, offset, handle))

    def use(self, got, share=0.6):
        """What becomes of messages that came."""
        while got:
            x = self.random.random()
            if x < 0.04:
                got = self.ack_all(got)
                continue
            m, got = got[0], got[1:]
            if x < share + 0.04:
                self.ack(*m[:3])
            elif x < share + 0.14:
                self.change(*m, self.random.choice((0, 0, 500, 2000)))

    async def audit(self, q):
        """Until there is nothing; nobody else may pop. What isn't given, though it should be."""
        book = self.topic.pops[q]
        while True:
            started = now_ms()
            got = await self.pop(q)
            if got is None:
                return book.nothing(started)
            self.use(got, 0.9)

    async def run(self):
        r = self.random
        while True:
            q = r.randrange(len(self.topic.queues)) if r.random() < 0.5 else -1
            got = await self.pop(q, r.randint(1, 32), r.choice(INVISIBLE_MS), r.choice((0, 200, 1000)))
            self.use(got or [])
            await asyncio.sleep(r.random() * 0.02)
