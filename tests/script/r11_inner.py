# SPDX-License-Identifier: Apache-2.0
"""Inner batches: topics of queue.type=BatchCQ keep a batch together as one record,
which takes as many offsets as it holds messages. Java's clients from 5.0 on take it
apart; the broker does it for the others, and for whoever begins inside of it."""
import time

from mqlib import alone, check, equal, ours
import rmqlib
from rmqlib import Client, batch, id_parts, until
from r06_retry import arrived
from r08_pop_reply import ack, handles, pop

UNWRAP, INNER = 0x40, 0x80
UNIQ = "EE" * 16
OLD = [("GO", 317), ("CPP", 259), ("JAVA", 411), ("JAVA", 121)]
apart = ours("the reference always gives the whole record")
counts = ours("the reference believes INNER_NUM")


def topic(c, b, **attributes):
    t = b.name()
    c.create_topic(t, queues=1, attributes=",".join(
        f"+{k}={v}" for k, v in {"queue.type": "BatchCQ",
                                 **attributes}.items()))
    return t


def messages(n=3, first=0):
    """(body, properties) with tags a, b, a, ... and keys of their own"""
    return [(b"m%d" % i, {"UNIQ_KEY": "%032X" % (i + 1), "TAGS": "ab"[i % 2],
                          "KEYS": f"k{i}", "n": str(i)})
            for i in range(first, first + n)]


def send(c, t, *msgs, uniq=UNIQ, code=0, **kw):
    """A batch with a unique key of its own; how far the queue is then."""
    a = c.send(t, batch(*msgs), code=code, request="SEND_BATCH_MESSAGE",
               batch=True, wait=False, **{
                   "props": {"UNIQ_KEY": uniq, "WAIT": "true"}, **kw})
    if code == 0:
        c.indexed(t, 0, int(a.ext["queueOffset"]) + len(msgs))
    return a


def is_whole(r, offset, msgs, uniq=UNIQ):
    equal((r.offset, r.sys, r.body), (offset, UNWRAP | INNER, batch(*msgs)))
    equal([r.props.get(k) for k in ("UNIQ_KEY", "INNER_NUM", "INNER_BASE")],
          [uniq, str(len(msgs)), str(offset)])
    for k in ("CLUSTER", "MSG_REGION", "TRACE_ON"):
        check(k in r.props, k)


def are_single(got, first, msgs):
    equal([r.body for r in got], [m for m, _ in msgs])
    equal([r.props for r in got], [p for _, p in msgs])
    equal([r.offset for r in got],
          [first + i for i in range(len(msgs))], "offsets")
    equal([r.sys for r in got], [0] * len(msgs), "sysFlags")
    equal(len({r.id for r in got}), len(msgs), "ids")


def test_one_record(b):
    with Client(b) as c:
        t, m = topic(c, b), messages()
        a = send(c, t, *m)
        equal([a.ext.get(k) for k in (
            "batchUniqId", "transactionId", "queueOffset", "queueId")],
            [UNIQ, UNIQ, "0", "0"])
        check("," not in a.ext["msgId"], "one id")
        equal(c.send(t, b"single").ext["queueOffset"], "3")
        a = send(c, t, *messages(2), uniq="DD" * 16)
        equal(a.ext["queueOffset"], "4")
        for n in (1, 32):       # one record is given, however many it holds
            got = c.pull(t, n=n)
            is_whole(got.records()[0], 0, m)
            if n == 1:
                equal(got.ext["nextBeginOffset"], "3")
        r = got.records()
        equal([len(r), got.ext["nextBeginOffset"]], [3, "6"])
        equal((r[1].offset, r[1].body, r[1].sys), (3, b"single", 0))
        is_whole(r[2], 4, messages(2), "DD" * 16)
        equal(len(c.drain(t)), 3)


def test_without_a_key_of_its_own(b):
    """Then it is taken apart when it comes, as on other topics."""
    with Client(b) as c:
        t, m = topic(c, b), messages()
        a = c.send(t, batch(*m), request="SEND_BATCH_MESSAGE", batch=True)
        check("batchUniqId" not in a.ext, a.ext)
        equal(len(a.ext["msgId"].split(",")), 3)
        equal([r.body for r in c.drain(t)], [x for x, _ in m])
        equal([r.offset for r in c.drain(t)], [0, 1, 2])


def test_other_topics_have_none(b):
    with Client(b) as c:
        t = b.name()
        c.create_topic(t, queues=1)
        a = send(c, t, *messages())
        check("batchUniqId" not in a.ext, a.ext)
        equal([r.offset for r in c.drain(t)], [0, 1, 2])


def test_refused(b):
    body = batch(*messages())
    with Client(b) as c:
        plain, t = b.name(), topic(c, b)
        c.create_topic(plain, queues=1)
        inner = dict(sysFlag=UNWRAP | INNER,
                     props={"UNIQ_KEY": UNIQ, "INNER_NUM": "3"})
        c.send(plain, body, code=13, **inner)
        c.send(plain, body, code=13, request="SEND_BATCH_MESSAGE", batch=True,
               **inner)
        for x in (plain, t):    # it says so and isn't one
            c.send(x, b"x", code=13, props={"INNER_NUM": "3"})
        # it would have to wait where no batches are
        send(c, t, *messages(), code=13, props={"UNIQ_KEY": UNIQ,
                                                "DELAY": "1"})
        c.pull(t, code=19)


def test_the_sender_says_so(b):
    """SEND_MESSAGE with the flags of a record that is one."""
    with Client(b) as c:
        t, m = topic(c, b), messages()
        a = c.send(t, batch(*m), sysFlag=UNWRAP | INNER, wait=False,
                   props={"UNIQ_KEY": UNIQ, "INNER_NUM": "3"})
        equal(a.ext["queueOffset"], "0")
        c.indexed(t, 0, 3)
        is_whole(c.pull(t).records()[0], 0, m)


@counts
def test_the_sender_says_it_wrongly(b):
    with Client(b) as c:
        t, m = topic(c, b), messages()
        for body, props in (
                (batch(*m), {"INNER_NUM": "7"}), (b"junk", {"INNER_NUM": "2"}),
                (b"junk", {}), (batch(*m), {"INNER_NUM": "x"}),
                (batch(*m)[:-1], {"INNER_NUM": "3"}), (b"", {})):
            c.send(t, body, code=13, sysFlag=UNWRAP | INNER, props=props)
        send(c, t, *messages(1), code=13, props={
            "UNIQ_KEY": UNIQ, "p": "v" * 32700})
        c.send(t, batch(*m)[:-1], request="SEND_BATCH_MESSAGE", batch=True,
               code=13, props={"UNIQ_KEY": UNIQ})
        c.pull(t, code=19)
        # how many is counted, and that it needs unwrapping is clear
        a = c.send(t, batch(*m), sysFlag=INNER, props={"UNIQ_KEY": UNIQ})
        equal(a.ext["queueOffset"], "0")
        is_whole(c.pull(t).records()[0], 0, m)
        equal(c.send(t).ext["queueOffset"], "3")


@apart
def test_who_cannot_unwrap(b):
    with Client(b) as c:
        t, m = topic(c, b), messages(5)
        send(c, t, *m)
        c.send(t, b"single")
        send(c, t, *m, uniq="DD" * 16)
    for lang, version in OLD:
        with Client(b, language=lang, version=version) as c:
            got = c.drain(t)
            are_single(got[:5], 0, m)
            are_single(got[6:], 6, m)
            equal((got[5].offset, got[5].body), (5, b"single"))
            for start, n in ((0, 2), (1, 3), (4, 9), (7, 1), (6, 5)):
                a = c.pull(t, start, n=n)
                got = [r.offset for r in a.records()]
                check(1 <= len(got) <= n, "how many", got)
                equal(got, list(range(start, start + len(got))))
                equal(a.ext["nextBeginOffset"], str(got[-1] + 1))


@apart
def test_who_begins_inside(b):
    """The rest of it, one by one, also for who could take it apart."""
    with Client(b) as c:
        t, m = topic(c, b), messages(4)
        send(c, t, *m)
        send(c, t, *m, uniq="DD" * 16)
        got = c.pull(t, 1).records()
        are_single(got[:3], 1, m[1:])
        is_whole(got[3], 4, m, "DD" * 16)
        equal(len(got), 4)


@apart
def test_filters(b):
    """Each message has tags and properties of its own."""
    with Client(b) as c, Client(b, language="GO") as d:
        t, m = topic(c, b), messages(4)
        send(c, t, *m)
        for who in (c, d):
            for kw, want in (
                    (dict(sub="a"), [0, 2]), (dict(sub="b"), [1, 3]),
                    (dict(sub="a || b"), [0, 1, 2, 3]),
                    (dict(sub="n > 1", expressionType="SQL92"), [2, 3])):
                a = who.pull(t, **kw)
                equal([r.offset for r in a.records()], want)
                equal(a.ext["nextBeginOffset"], "4")
                a = who.pull(t, 1, **kw)
                equal([r.offset for r in a.records()],
                      [i for i in want if i > 0])
            a = who.pull(t, sub="none", code=20)
            equal(a.ext["nextBeginOffset"], "4")


def test_a_waiting_pull_gets_it(b):
    with Client(b) as c, Client(b) as d:
        t, m = topic(c, b), messages()
        o = c.tx_pull(t, suspend_ms=15000)
        c.silent()
        send(d, t, *m)
        is_whole(c.rx(o).records()[0], 0, m)


@apart
def test_pop(b):
    """One by one, each with an end of its own; what isn't acked comes alone."""
    g = b.name("g")
    with Client(b) as c:
        t, m = topic(c, b), messages(4)
        c.create_group(g)
        send(c, t, *m)
        a = pop(c, t, g, queue=0, invisible=2000)
        equal(a.ext["msgOffsetInfo"], "0 0 0,1,2,3")
        are_single(a.records(), 0, m)
        pop(c, t, g, queue=0, code=210)
        for r, h in handles(b, a):
            if r.offset in (0, 2, 3):
                ack(c, t, g, r, h)

        def again():
            a = pop(c, t, g, code=None)
            return a if a.code == 0 else None
        (r, h), = handles(b, until("the one that is left", again, 40))
        equal((r.offset, r.body, r.reconsumed), (1, b"m1", 1))
        ack(c, t, g, r, h)
        send(c, t, *m, uniq="DD" * 16)
        # what nobody wants is passed over
        a = pop(c, t, g, exp="a", poll=5000)
        equal([r.offset for r in a.records()], [4, 6])


@apart
def test_by_id_and_by_key(b):
    now = int(time.time() * 1000)
    with Client(b) as c, Client(b, language="GO") as d:
        t, m = topic(c, b), messages()
        sent = id_parts(send(c, t, *m).ext["msgId"])[2]
        got = d.drain(t)
        equal(got[0].locator, sent)
        for i, r in enumerate(got):
            x, = c.ask("VIEW_MESSAGE_BY_ID", topic=t,
                       offset=r.locator).records()
            equal(x.raw, r.raw)
            for key in (f"k{i}", "%032X" % (i + 1)):
                x, = c.ask("QUERY_MESSAGE", topic=t, key=key, maxNum=32,
                           beginTimestamp=now - 60000,
                           endTimestamp=now + 60000).records()
                equal(x.raw, r.raw)


def test_by_its_unique_key(b):
    now = int(time.time() * 1000)
    with Client(b) as c:
        t, m = topic(c, b), messages()
        send(c, t, *m)

        def query():
            a = c.ask("QUERY_MESSAGE", topic=t, key=UNIQ, maxNum=32, code=None,
                      beginTimestamp=now - 60000, endTimestamp=now + 60000,
                      ext={"_UNIQUE_KEY_QUERY": "true"})
            return a.code == 0 and a.records()
        r, = until("the index", query)
        is_whole(r, 0, m)


@apart
def test_send_back(b):
    """By its own locator, or by its unique key where that is the batch's."""
    g = b.name("g")
    with Client(b) as c, Client(b, language="GO") as d:
        t, m = topic(c, b), messages(4)
        c.create_group(g)
        first = id_parts(send(c, t, *m).ext["msgId"])[2]
        ids = [r.locator for r in d.drain(t)]
        for who, at, uniq in ((d, ids[2], m[2][1]["UNIQ_KEY"]),
                              (c, first, m[1][1]["UNIQ_KEY"]),
                              (c, first, "none of them"), (d, ids[3], None)):
            who.ask("CONSUMER_SEND_MSG_BACK", group=g, originTopic=t,
                    delayLevel=1, offset=at, originMsgId=uniq, unitMode=False,
                    maxReconsumeTimes=16)
        got = arrived(c, "%RETRY%" + g, n=4)
        equal([r.body for r in got], [b"m2", b"m1", b"m0", b"m3"])
        equal([(r.sys, r.reconsumed) for r in got], [(0, 1)] * 4)
        equal([r.props["UNIQ_KEY"] for r in got],
              [m[i][1]["UNIQ_KEY"] for i in (2, 1, 0, 3)])


@alone
@apart
def test_after_a_restart(b):
    with Client(b) as c:
        t, m = topic(c, b), messages()
        send(c, t, *m)
    b.crash()
    with Client(b) as c, Client(b, language="GO") as d:
        is_whole(c.pull(t).records()[0], 0, m)
        are_single(d.drain(t), 0, m)
        equal(send(c, t, *m, uniq="DD" * 16).ext["queueOffset"], "3")
