# SPDX-License-Identifier: Apache-2.0
"""Delayed messages, their recall, transactions."""
import base64
import time

from mqlib import check, equal
import rmqlib
from rmqlib import COMMITTED, PREPARED, Client, id_parts
from r06_retry import arrived


def test_delay_level(b):
    t = b.name()
    with Client(b) as c:
        c.create_topic(t)
        sent = time.time() * 1000
        a = c.send(t, b"late", wait=False, queueId=1, tags="x",
                   props={"DELAY": "2", "UNIQ_KEY": "CD" * 16})
        equal(a.ext["transactionId"], "CD" * 16)
        # it overtakes: the delayed one has no place in the queue yet
        c.send(t, b"soon", queueId=1)
        r, s = arrived(c, t, 2, queue=1)
        equal((r.body, s.body), (b"soon", b"late"))
        check(s.stored >= sent + 4900, "came too early", s.stored - sent)
        equal((s.topic, s.queue, s.offset, s.sys), (t, 1, 1, 0))
        equal((s.props["TAGS"], s.props["UNIQ_KEY"]), ("x", "CD" * 16))
        equal((s.props["DELAY"], s.props["REAL_TOPIC"]), ("2", t))


def test_timer(b):
    """Three ways to say when."""
    t = b.name()
    with Client(b) as c:
        c.create_topic(t)
        now = int(time.time() * 1000)
        for q, props in enumerate((dict(TIMER_DELAY_SEC=2),
                                   dict(TIMER_DELAY_MS=2000),
                                   dict(TIMER_DELIVER_MS=now + 2000))):
            c.send(t, b"%d" % q, wait=False, queueId=q, props=props)
            c.pull(t, queue=q, code=19)
        for q in range(3):
            r, = arrived(c, t, queue=q)
            equal((r.topic, r.queue, r.body), (t, q, b"%d" % q))
            check(r.stored >= now + 900, "came too early", r.stored - now)


def test_timer_of_the_past(b):
    t = b.name()
    with Client(b) as c:
        c.send(t, b"now", wait=False, props=dict(
            TIMER_DELIVER_MS=int(time.time() * 1000) - 1000))
        equal(arrived(c, t)[0].body, b"now")


def test_recall(b):
    t = b.name()
    with Client(b) as c:
        c.create_topic(t)
        at = int(time.time() * 1000) + 4000
        handles = [c.send(t, b"%d" % i, wait=False, props=dict(
            TIMER_DELIVER_MS=at, UNIQ_KEY="%032X" % i)).ext["recallHandle"]
            for i in (1, 2)]
        h = rmqlib.recall_handle(handles[0])
        equal((h[0], h[1], h[2], h[4]), ("v1", t, b.broker_name,
                                         "%032X" % 1))
        a = c.ask("RECALL_MESSAGE", producerGroup="script", topic=t,
                  recallHandle=handles[0])
        equal(a.ext["msgId"], "%032X" % 1)
        r, = arrived(c, t)
        equal(r.body, b"2")
        c.silent(1.0)
        c.pull(t, 1, code=19)
        c.ask("RECALL_MESSAGE", producerGroup="script", topic=t,
              recallHandle="nonsense", code=604 if b.ours else None)


def test_recall_other(b):
    """A unique key that is another topic's recalls nothing."""
    t, mine = b.name(), b.name()
    with Client(b) as c:
        c.create_topic(t)
        c.create_topic(mine)
        at = int(time.time() * 1000) + 3000
        h = rmqlib.recall_handle(c.send(t, b"1", wait=False, props=dict(
            TIMER_DELIVER_MS=at, UNIQ_KEY="AB" * 16)).ext["recallHandle"])
        h[1] = mine
        c.ask("RECALL_MESSAGE", producerGroup="script", topic=mine,
              recallHandle=base64.urlsafe_b64encode(" ".join(h).encode())
              .decode(), code=604 if b.ours else None)
        r, = arrived(c, t)
        equal(r.body, b"1")


def half(c, t, g, body=b"half", born=None, **props):
    c.heartbeat(producers=[g])
    over = {} if born is None else dict(bornTimestamp=born)
    a = c.send(t, body, wait=False, producerGroup=g, queueId=2,
               sysFlag=PREPARED, tags="tag", **over, props={
                   "TRAN_MSG": "true", "PGROUP": g, "UNIQ_KEY": "EF" * 16,
                   **props})
    return a


def end(c, a, g, t, how, **kw):
    c.tx("END_TRANSACTION", oneway=True, **{**dict(
        topic=t, producerGroup=g,
        tranStateTableOffset=int(a.ext["queueOffset"]),
        commitLogOffset=id_parts(a.ext["msgId"])[2], commitOrRollback=how,
        fromTransactionCheck=False, msgId="EF" * 16,
        transactionId=a.ext["transactionId"]), **kw})


def test_commit(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_topic(t)
        a = half(c, t, g)
        c.pull(t, queue=2, code=19)
        end(c, a, g, t, 8)
        r, = arrived(c, t, queue=2)
        equal((r.topic, r.queue, r.body, r.sys & 12),
              (t, 2, b"half", COMMITTED))
        equal((r.props["UNIQ_KEY"], r.props["TAGS"], r.props["PGROUP"]),
              ("EF" * 16, "tag", g))
        equal((r.props["TRAN_MSG"], r.props["__transactionId__"]),
              ("true", "EF" * 16))
        check(r.id != a.ext["msgId"])


def test_rollback(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_topic(t)
        a = half(c, t, g)
        end(c, a, g, t, 12)
        c.send(t, b"after", queueId=2)
        equal([r.body for r in c.drain(t, 2)], [b"after"])


def test_check_back(b):
    """Who doesn't say is asked, and answers by the numbers that came."""
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_topic(t)
        half(c, t, g, CHECK_IMMUNITY_TIME_IN_SECONDS="1")
        r = c.rx_request("CHECK_TRANSACTION_STATE", 60.0)
        check(r.flag & rmqlib.ONEWAY, "not oneway")
        m, = r.records()
        equal((m.topic, m.queue, m.body, m.props["UNIQ_KEY"]),
              (t, 2, b"half", "EF" * 16))
        equal(r.ext["transactionId"], "EF" * 16)
        c.tx("END_TRANSACTION", oneway=True, topic=t, producerGroup=g,
             tranStateTableOffset=int(r.ext["tranStateTableOffset"]),
             commitLogOffset=int(r.ext["commitLogOffset"]),
             commitOrRollback=8, fromTransactionCheck=True,
             msgId=r.ext["msgId"], transactionId=r.ext["transactionId"])
        x, = arrived(c, t, queue=2)
        equal(x.body, b"half")


def test_end_by_another_group(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_topic(t)
        a = half(c, t, g)
        end(c, a, b.name("g"), t, 8)
        end(c, a, g, t, 12)
        c.send(t, b"after", queueId=2)
        equal([r.body for r in c.drain(t, 2)], [b"after"])
