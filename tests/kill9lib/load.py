# SPDX-License-Identifier: Apache-2.0
"""The clients of the kill -9 loop: producers that resend, consumers that acknowledge, readers.

They outlive connections as real ones do: attach() makes them known on a new
one. All they say and hear goes into the books.
"""

import asyncio
import collections
import random
import time

from . import wire


def body(message):
    """Producer and number, and bytes that follow from them."""
    producer, n = message
    r = random.Random(f"{producer}/{n}")
    return b"%s %d " % (producer.encode(), n) + r.randbytes(r.randrange(10, 200))


def parse(data):
    """The message of a body; None if not each byte of it is as it was sent."""
    try:
        producer, n, _ = data.split(b" ", 2)
        message = (producer.decode("ascii"), int(n))
    except ValueError:
        return None
    return message if body(message) == data else None


def messages_of(topic, pos, payload, verify):
    out = [parse(b) for b in wire.entry_bodies(payload, verify)]
    if None in out:
        topic.fault("alien", f"{pos} has a body that nobody sent")
        out = [m or ("?", 0) for m in out]
    return out


def position(message_id):
    return (message_id.ledgerId, message_id.entryId)


class Producer:
    """Sends numbered messages, one by one or in batches; what has no receipt is sent again after a crash."""

    def __init__(self, topic, name, rng, batch_max=0, window=16):
        self.topic, self.name, self.random = topic, name, rng
        self.batch_max, self.window = batch_max, window
        self.next = 1
        self.pending = collections.deque()      # groups of messages
        self.conn = self.id = None
        self.room = asyncio.Event()
        self.last_place = None

    async def attach(self, conn):
        self.conn, self.id = conn, conn.fresh_id()
        conn.producers[self.id] = self
        await conn.ask("PRODUCER", "producer", topic=self.topic.name, producer_id=self.id, producer_name=self.name)

    def _send(self, group):
        pb, first, last = wire.pb, group[0][1], group[-1][1]
        meta = pb.MessageMetadata(producer_name=self.name, sequence_id=first, publish_time=int(time.time() * 1000))
        cmd = pb.BaseCommand(type=pb.BaseCommand.SEND)
        cmd.send.producer_id, cmd.send.sequence_id = self.id, first
        self.dress(meta, group)
        if self.batch_max:
            meta.num_messages_in_batch = cmd.send.num_messages = len(group)
            meta.highest_sequence_id = cmd.send.highest_sequence_id = last
            data = wire.batch_body(map(body, group))
        else:
            data = body(group[0])
        self.topic.sent(group)
        self.conn.send(cmd, wire.payload_frame(meta, data))

    def dress(self, meta, group):
        """What else the metadata of an entry says."""

    def resend(self):
        for group in list(self.pending):
            self._send(group)

    def send_next(self):
        n = self.random.randint(1, self.batch_max) if self.batch_max else 1
        group = [(self.name, k) for k in range(self.next, self.next + n)]
        self.next += n
        self.pending.append(group)
        self._send(group)

    def receipt(self, r):
        if not self.pending or self.pending[0][0][1] != r.sequence_id:
            want = self.pending[0][0] if self.pending else "none"
            self.topic.fault("order", f"receipt {r.sequence_id} of {self.name}, the next one is {want}")
            return
        self.last_place = position(r.message_id)
        self.topic.receipt(self.pending.popleft(), self.last_place)
        self.room.set()

    async def settled(self, limit_s):
        """Until everything has its receipt."""
        end = time.monotonic() + limit_s
        while self.pending:
            self.room.clear()
            await asyncio.wait_for(self.room.wait(), max(0.01, end - time.monotonic()))

    async def run(self):
        self.resend()
        while True:
            for _ in range(self.random.randint(1, self.window)):
                while len(self.pending) >= self.window:
                    self.room.clear()
                    await self.room.wait()
                self.send_next()
            await asyncio.sleep(self.random.random() * 0.04)


class Consumer:
    """A subscription's only consumer. It acknowledges at random when it is told to run."""

    def __init__(self, topic, name, kind, rng, forge=None):
        self.topic, self.name, self.kind, self.random, self.forge = topic, name, kind, rng, forge
        self.sub = topic.sub(name, cumulative=kind == "cumulative")
        self.type = "Exclusive" if kind in ("cumulative", "keep") else "Shared"
        self.inbox = []                 # [pos, number of messages, unacked indexes]
        self.end = (-1, -1)
        self.moved = asyncio.Event()
        self.conn = self.id = None
        self.open_acks = 0

    async def attach(self, conn):
        self.conn, self.id = conn, conn.fresh_id()
        self.inbox, self.end, self.open_acks = [], (-1, -1), 0
        self.sub.new_connection()
        conn.consumers[self.id] = self
        await conn.ask("SUBSCRIBE", "subscribe", topic=self.topic.name, subscription=self.name, consumer_id=self.id,
                       subType=wire.pb.CommandSubscribe.SubType.Value(self.type), consumer_name=self.name,
                       initialPosition=wire.pb.CommandSubscribe.Earliest)

    async def detach(self):
        await self.conn.ask("CLOSE_CONSUMER", "close_consumer", consumer_id=self.id)

    def flow(self, n):
        pb = wire.pb
        self.conn.send(pb.BaseCommand(type=pb.BaseCommand.FLOW,
                                      flow=pb.CommandFlow(consumer_id=self.id, messagePermits=n)))

    def message(self, m, payload):
        pos = position(m.message_id)
        messages = messages_of(self.topic, pos, payload, False)
        rest = wire.mask_indexes(m.ack_set, len(messages))
        self.topic.delivered(self.name, pos, messages, rest)
        self.inbox.append([pos, len(messages), rest])
        self.end = max(self.end, pos)
        self.flow(len(messages))
        self.moved.set()

    async def reached(self, pos, limit_s):
        """Whether something at or behind that position came in time."""
        end = time.monotonic() + limit_s
        while self.end < pos:
            self.moved.clear()
            try:
                await asyncio.wait_for(self.moved.wait(), max(0.01, end - time.monotonic()))
            except asyncio.TimeoutError:
                return False
        return True

    # --- acknowledging

    def _ack(self, kind, parts):
        """parts: [(pos, indexes that stay unacked, places that this acknowledges)]"""
        places = [p for _, _, l in parts for p in l]
        ids = []
        for pos, left, _ in parts:
            m = wire.pb.MessageIdData(ledgerId=pos[0], entryId=pos[1])
            m.ack_set.extend(wire.mask_words(left))
            ids.append(m)
        self.sub.ack_sent(places)
        if self.forge and self.forge(self):
            self.sub.ack_receipt(places)        # a receipt that the broker never gave
            return
        f = self.conn.request("ACK", "ack", consumer_id=self.id, ack_type=wire.pb.CommandAck.AckType.Value(kind),
                              message_id=ids)
        self.open_acks += 1
        f.add_done_callback(lambda f: self._acked(f, places))

    def _acked(self, f, places):
        self.open_acks -= 1
        if f.cancelled():
            return
        e = f.exception()
        if e is None:
            self.sub.ack_receipt(places)
        elif not isinstance(e, ConnectionError):
            self.topic.books.fault("refused", f"{self.sub.name}: ack: {e}")

    def _cumulative(self):
        i = self.random.randrange(len(self.inbox))
        pos, n, rest = self.inbox[i]
        # into the middle of a batch, but never behind what is acknowledged there: brokers differ in what that does
        upto = self.random.choice(rest) if self.random.random() < 0.4 else n - 1
        left = [k for k in rest if k > upto]
        del self.inbox[:i + 1]
        if left:
            self.inbox.insert(0, [pos, n, left])
        self._ack("Cumulative", [(pos, left, [(*pos, upto)])])

    def _individual(self):
        part = self.inbox[:self.random.randint(1, 10)]
        del self.inbox[:len(part)]
        part = [x for x in part if self.random.random() < 0.8]
        if part:
            self._ack("Individual", [(pos, [], [(*pos, k) for k in range(n)]) for pos, n, _ in part])

    def _batch_index(self):
        x = self.inbox.pop(self.random.randrange(len(self.inbox)))
        pos, n, rest = x
        mine = [k for k in rest if self.random.random() < 0.5] if n > 1 else rest
        if n == 1 and self.random.random() < 0.2 or not mine:
            return                      # stays unacked until the next connection
        left = [k for k in rest if k not in mine]
        self._ack("Individual", [(pos, left, [(*pos, k) for k in mine])])
        if left and self.random.random() < 0.6:
            self.inbox.append([pos, n, left])

    async def run(self):
        step = {"cumulative": self._cumulative, "individual": self._individual, "batch index": self._batch_index}
        while True:
            # more the more there is, or what is left grows from round to round
            for _ in range(self.random.randint(1, 8 + len(self.inbox) // 4)):
                if self.inbox and self.open_acks < 100:
                    step[self.kind]()
            await asyncio.sleep(self.random.random() * 0.02)


class Reader:
    """Reads the log from a position on, for the books; `change` may falsify what they get to see."""

    def __init__(self, topic, change=None):
        self.topic = topic
        self.change = change or (lambda pos, messages: [(pos, messages)])
        self.start = self.end = (-1, -1)
        self.moved = asyncio.Event()
        self.conn = self.id = None

    async def read(self, conn, start, to, limit_s):
        """From behind `start` up to and with `to`; whether it got there."""
        pb = wire.pb
        self.conn, self.id, self.start, self.end = conn, conn.fresh_id(), start, start
        conn.consumers[self.id] = self
        first = pb.MessageIdData(ledgerId=start[0] & wire.U64, entryId=start[1] & wire.U64)
        await conn.ask("SUBSCRIBE", "subscribe", topic=self.topic.name, subscription=f"reader-{self.id}",
                       consumer_id=self.id, subType=pb.CommandSubscribe.Exclusive, durable=False,
                       start_message_id=first)
        return await self._read(to, limit_s)

    async def read_subscription(self, conn, name, to, limit_s):
        """The same by a durable subscription that nobody ever acknowledged on."""
        self.conn, self.id, self.start, self.end = conn, conn.fresh_id(), (-1, -1), (-1, -1)
        conn.consumers[self.id] = self
        await conn.ask("SUBSCRIBE", "subscribe", topic=self.topic.name, subscription=name, consumer_id=self.id,
                       subType=wire.pb.CommandSubscribe.Exclusive,
                       initialPosition=wire.pb.CommandSubscribe.Earliest)
        return await self._read(to, limit_s)

    def flow(self, n):
        pb = wire.pb
        self.conn.send(pb.BaseCommand(type=pb.BaseCommand.FLOW,
                                      flow=pb.CommandFlow(consumer_id=self.id, messagePermits=n)))

    async def _read(self, to, limit_s):
        self.flow(1000)
        end = time.monotonic() + limit_s
        done = True
        while self.end < to and done:
            self.moved.clear()
            try:
                await asyncio.wait_for(self.moved.wait(), max(0.01, end - time.monotonic()))
            except asyncio.TimeoutError:
                done = False
        await self.conn.ask("CLOSE_CONSUMER", "close_consumer", consumer_id=self.id)
        return done

    def message(self, m, payload):
        pos = position(m.message_id)
        messages = messages_of(self.topic, pos, payload, True)
        if pos > self.start:
            for p, l in self.change(pos, messages):
                self.topic.entry(p, l)
        self.end = max(self.end, pos)
        self.flow(len(messages))
        self.moved.set()
