# SPDX-License-Identifier: Apache-2.0
"""RocketMQ's producers for the kill -9 loop, and Pulsar's on the queues of the same topics.

Plain messages without a receipt are sent again after a blow. Those that are
staged are not: whether the broker has them nobody knows, until they show or
somebody is asked for them.
"""

import asyncio
import random
import time

from . import load, rmqbooks, wire
from .rmqwire import NOT_READY, OK, Refused, rmqlib

LEVELS_MS = {1: 1000, 2: 5000}
TURN_MS = 100       # the broker's time is that of the turn of its loop in which a request was read
COMMIT, ROLLBACK, UNKNOWN = 8, 12, 0


def now_ms():
    return time.time_ns() // 1_000_000


def uniq(key):
    """The id that a client gives a message."""
    return (key[0].encode().hex() + f"{key[1]:08x}").upper().rjust(32, "0")


class Topic:
    """A topic of several queues, and the books of these."""

    def __init__(self, books, name, queues, tag):
        self.books, self.name = books, name
        self.queues = [books.queue(f"{name}/{q}") for q in range(queues)]
        self.producers = f"kill9-txn-{tag}"
        groups = [books.group(q, f"kill9-pull-{tag}", f"kill9-pop-{tag}", f"kill9-shared-{tag}") for q in self.queues]
        self.progress, self.pops, self.shared = zip(*groups)

    def pulsar_name(self, q):
        return f"persistent://public/default/{self.name}-partition-{q}"


class Sender:
    """Plain messages: a window of requests that are not answered, each for one queue."""

    def __init__(self, topic, name, rng, window=12):
        self.topic, self.books, self.name, self.random, self.window = topic, topic.books, name, rng, window
        self.next = 1
        self.pending = {}               # first message of a request: (queue, messages)
        self.conn = None
        self.room = asyncio.Event()

    def attach(self, conn):
        self.conn = conn

    def key(self):
        self.next += 1
        return (self.name, self.next - 1)

    def begin(self):
        """A new request; its first message."""
        key = self.key()
        self.pending[key] = (self.random.randrange(len(self.topic.queues)), [key])
        return key

    def transmit(self, first):
        q, keys = self.pending[first]
        for k in keys:
            self.books.sent(k, self.topic.queues[q])
        self._request("SEND_MESSAGE_V2", load.body(first), first, q, {"UNIQ_KEY": uniq(first), "TAGS": "kill9"})

    def _request(self, name, body, first, q, props, **over):
        fields = self.conn.send_fields(self.topic.name, queueId=q, props=props,
                                       **{"producerGroup": self.topic.producers, **over})
        conn = self.conn
        conn.ask(name, body, lambda a: self.answered(conn, first, a), **fields)

    def answered(self, conn, first, a):
        if a.code in NOT_READY and conn is self.conn:
            asyncio.get_running_loop().call_later(0.05, self._again, conn, first)
            return
        if a.code != OK:
            raise Refused(f"{self.name}: send: code {a.code}: {a.remark}")
        q, keys = self.pending.pop(first)
        if int(a.ext["queueId"]) != q:
            self.books.fault("alien", f"{first} was sent to queue {q}, stored in {a.ext['queueId']}")
        self.receipt(q, keys, a)
        self.room.set()

    def _again(self, conn, first):
        if conn is self.conn and not conn.closed.done() and first in self.pending:
            self.transmit(first)

    def receipt(self, q, keys, a):
        for i, k in enumerate(keys):
            self.books.receipt(k, int(a.ext["queueOffset"]) + i)

    def resend(self):
        for first in list(self.pending):
            self.transmit(first)

    async def settled(self, limit_s=30):
        end = time.monotonic() + limit_s
        while self.pending:
            self.room.clear()
            await asyncio.wait_for(self.room.wait(), max(0.01, end - time.monotonic()))

    async def run(self):
        while True:
            for _ in range(self.random.randint(1, self.window)):
                while len(self.pending) >= self.window:
                    self.room.clear()
                    await self.room.wait()
                self.transmit(self.begin())
            await asyncio.sleep(self.random.random() * 0.05)


class BatchSender(Sender):
    """SEND_BATCH_MESSAGE"""

    def begin(self):
        first = super().begin()
        self.pending[first][1].extend(self.key() for _ in range(self.random.randint(0, 19)))
        return first

    def transmit(self, first):
        q, keys = self.pending[first]
        for k in keys:
            self.books.sent(k, self.topic.queues[q])
        self._request("SEND_BATCH_MESSAGE", rmqlib.batch(*((load.body(k), {"UNIQ_KEY": uniq(k)}) for k in keys)),
                      first, q, {"UNIQ_KEY": ",".join(map(uniq, keys))}, batch=True)

    def receipt(self, q, keys, a):
        if len(a.ext["msgId"].split(",")) != len(keys):
            raise Refused(f"{self.name}: {len(keys)} messages got the ids {a.ext['msgId']}")
        super().receipt(q, keys, a)


class Fence(Sender):
    """One message to each queue, behind all that was there."""

    def __init__(self, *args):
        super().__init__(*args)
        self.offsets = {}

    def send_all(self):
        for q in range(len(self.topic.queues)):
            key = self.key()
            self.pending[key] = (q, [key])
            self.transmit(key)

    def receipt(self, q, keys, a):
        super().receipt(q, keys, a)
        self.offsets[q] = int(a.ext["queueOffset"])


class StagedSender(Sender):
    """Messages that are to come later: by level, after a time, at a time. Some are recalled."""

    def transmit(self, first):
        now, r = now_ms(), self.random
        how = r.choice(("level", "level", "delay", "at", "at"))
        if how == "level":
            level = r.choice((1, 1, 1, 1, 2))
            due, props = now + LEVELS_MS[level] - TURN_MS, {"DELAY": level}
        else:
            ms = r.choice((50, 300, 1000, 2000, 6000)) + r.randrange(50)
            due, props = now + ms, {"TIMER_DELIVER_MS": now + ms}
            if how == "delay":
                due, props = due - TURN_MS, {"TIMER_DELAY_MS": ms}
        q, _ = self.pending[first]
        self.books.sent(first, self.topic.queues[q], rmqbooks.STAGED, due, now)
        self._request("SEND_MESSAGE_V2", load.body(first), first, q, {"UNIQ_KEY": uniq(first), **props})

    def receipt(self, q, keys, a):
        key, = keys
        self.books.receipt(key)
        handle = a.ext.get("recallHandle")
        # well before it goes out: what is stored can't be recalled
        if handle and self.books.messages[key].due - now_ms() > 800 and self.random.random() < 0.3:
            self.books.recall_sent(key)
            self.conn.ask("RECALL_MESSAGE", b"", lambda a: self._recalled(key, a), producerGroup=self.topic.producers,
                          topic=self.topic.name, recallHandle=handle)

    def _recalled(self, key, a):
        if a.code == OK:
            self.books.recall_answered(key)
        elif a.code not in NOT_READY:
            raise Refused(f"recall of {key}: code {a.code}: {a.remark}")

    def _again(self, conn, first):
        del self.pending[first]         # whether it is staged is not said
        self.room.set()

    def resend(self):
        self.pending.clear()


class HalfSender(Sender):
    """Transactions: ended at once, one-way, or only when the broker asks."""

    def transmit(self, first):
        q, _ = self.pending[first]
        self.books.sent(first, self.topic.queues[q], rmqbooks.HALF, 0, now_ms())
        self._request("SEND_MESSAGE_V2", load.body(first), first, q, {
            "UNIQ_KEY": uniq(first), "TRAN_MSG": "true", "PGROUP": self.topic.producers}, sysFlag=rmqlib.PREPARED)

    def receipt(self, q, keys, a):
        key, = keys
        self.books.receipt(key)
        x = self.random.random()
        if x < 0.75:
            end(self.topic, self.conn, key, int(a.ext["queueOffset"]), rmqlib.id_parts(a.ext["msgId"])[2], x < 0.1)

    _again, resend = StagedSender._again, StagedSender.resend


def commits(key):
    """What becomes of a transaction follows from its message."""
    return random.Random(f"end {key}").random() < 0.6


def end(topic, conn, key, table_offset, locator, oneway=False, check=False):
    """END_TRANSACTION"""
    commit = commits(key)
    topic.books.end_sent(key, commit, now_ms() - TURN_MS)
    fields = dict(topic=topic.name, producerGroup=topic.producers, tranStateTableOffset=table_offset,
                  commitLogOffset=locator, commitOrRollback=COMMIT if commit else ROLLBACK,
                  fromTransactionCheck=check, msgId=uniq(key), transactionId=uniq(key))
    if oneway:
        conn.tell("END_TRANSACTION", **fields)
        return

    def answered(a):
        if a.code in NOT_READY:
            return                      # it will be asked
        if a.code != OK and "Find prepared transaction message failed" not in (a.remark or ""):
            raise Refused(f"end of {key}: code {a.code}: {a.remark}")
        topic.books.end_answered(key, commit, a.code == OK)
    conn.ask("END_TRANSACTION", b"", answered, **fields)


class Asked:
    """Answers CHECK_TRANSACTION_STATE; at times by not knowing yet."""

    def __init__(self, topics, rng):
        self.topics, self.random, self.n = {t.name: t for t in topics}, rng, 0
        self.conn = None

    async def attach(self, conn):
        self.conn, conn.asked = conn, self.asked
        await conn.call("HEART_BEAT", dict(clientID=conn.id, consumerDataSet=[], producerDataSet=[
            dict(groupName=t.producers) for t in self.topics.values()]))

    def asked(self, cmd):
        if cmd.name != "CHECK_TRANSACTION_STATE":
            raise Refused(f"a producer is asked: {cmd}")
        m, = cmd.records()
        key, topic = load.parse(m.body), self.topics[m.topic]
        if key is None:
            raise Refused(f"asked for a message that nobody sent: {m}")
        self.n += 1
        topic.books.asked(key)
        if key in topic.books.messages and self.random.random() < 0.8:
            end(topic, self.conn, key, int(cmd.ext["tranStateTableOffset"]), int(cmd.ext["commitLogOffset"]),
                check=True)


class Deliveries:
    """A queue's books, for the Pulsar producers of load.py."""

    def __init__(self, topic, q):
        self.books, self.queue, self.name = topic.books, topic.queues[q], topic.pulsar_name(q)
        self.due = {}                   # messages that are to be delivered later

    def sent(self, group):
        if len(group) > 1:
            self.books.batch(group)
        for key in group:
            due = self.due.get(key, 0)
            self.books.sent(key, self.queue, rmqbooks.DEFERRED if due else rmqbooks.PLAIN, due)

    def receipt(self, group, _):
        for key in group:
            self.books.receipt(key)

    def fault(self, kind, text):
        self.queue.fault(kind, text)


class PulsarProducer(load.Producer):
    """On a queue: batches, or single messages most of which say when they are to be delivered."""

    def send_next(self):
        if not self.batch_max and self.random.random() < 0.7:
            self.topic.due[self.name, self.next] = now_ms() + self.random.choice((100, 500, 2000, 5000))
        super().send_next()

    def dress(self, meta, group):
        due = self.topic.due.get(group[0], 0)
        if due:
            meta.deliver_at_time = due


class SharedConsumer:
    """A Shared subscription's only consumer of a queue; acknowledges entries when it runs."""

    def __init__(self, topic, q, rng):
        self.topic, self.q, self.book, self.random = topic, q, topic.shared[q], rng
        self.inbox = []
        self.conn = self.id = None

    async def attach(self, conn):
        self.conn, self.id, self.inbox = conn, conn.fresh_id(), []
        self.book.new_connection()
        conn.consumers[self.id] = self
        await conn.ask("SUBSCRIBE", "subscribe", topic=self.topic.pulsar_name(self.q), subscription=self.book.name,
                       consumer_id=self.id, subType=wire.pb.CommandSubscribe.Shared, consumer_name="kill9",
                       initialPosition=wire.pb.CommandSubscribe.Earliest)
        self.flow(1000)

    def flow(self, n):
        pb = wire.pb
        self.conn.send(pb.BaseCommand(type=pb.BaseCommand.FLOW,
                                      flow=pb.CommandFlow(consumer_id=self.id, messagePermits=n)))

    def message(self, m, payload):
        pos, now = load.position(m.message_id), now_ms()
        keys = load.messages_of(self.book, pos, payload, True)
        for i, key in enumerate(keys):
            self.book.delivered((*pos, i), key, now)
        self.inbox.append((pos, len(keys)))
        self.flow(len(keys))

    def ack(self, share):
        part = self.inbox[:self.random.randint(1, 20)]
        del self.inbox[:len(part)]
        part = [x for x in part if self.random.random() < share]
        if not part:
            return
        places = [(*pos, i) for pos, n in part for i in range(n)]
        self.book.ack_sent(places)
        f = self.conn.request("ACK", "ack", consumer_id=self.id, ack_type=wire.pb.CommandAck.Individual, message_id=[
            wire.pb.MessageIdData(ledgerId=pos[0], entryId=pos[1]) for pos, _ in part])
        f.add_done_callback(lambda f: self._acked(f, places))

    def _acked(self, f, places):
        if f.cancelled():
            return
        e = f.exception()
        if e is None:
            self.book.ack_receipt(places)
        elif not isinstance(e, ConnectionError):
            self.book.fault("refused", f"ack: {e}")

    async def run(self):
        while True:
            self.ack(0.8)
            # more the more there is
            await asyncio.sleep(self.random.random() * (0.03 if len(self.inbox) < 200 else 0.003))
