# SPDX-License-Identifier: Apache-2.0
"""Records as their client can read them: LZ4 and zstd become zlib for those who know
no other. The reference gives everybody what was sent."""
import time
import zlib

from codecs_raw import lz4_frame, zstd, zstd_run
from mqlib import check, equal, ours
import rmqlib
from rmqlib import COMPRESSED, Client, consumer, id_parts, until
from r06_retry import arrived
from r08_pop_reply import ack, handles, pop

LZ4, ZSTD, ZLIB = 0x100, 0x200, 0x300
TEXT = b"so many words " * 700
fits = ours("the reference sends what was sent")
# (language, version) that know zlib only, and that know more
OLD = [("GO", 317), ("CPP", 259), ("PYTHON", 513), ("NODE_JS", 513),
       ("JAVA", 399), ("JAVA", 121)]
NEW = [("JAVA", 401), ("JAVA", 513)]


def is_zlib(r, data=TEXT):
    equal(r.sys & 0x701, COMPRESSED | ZLIB, "sysFlag")
    check(zlib.decompress(r.body) == data, "what is in it")


def is_raw(r, raw, flag):
    equal((r.sys, r.body == raw), (flag, True))


@fits
def test_pull(b):
    t = b.name()
    sent = [(lz4_frame(TEXT), COMPRESSED | LZ4),
            (zstd(TEXT), COMPRESSED | ZSTD)]
    others = [(zlib.compress(TEXT), COMPRESSED),
              (zlib.compress(TEXT), COMPRESSED | ZLIB), (b"plain", 0)]
    with Client(b) as c:
        for raw, flag in sent + others:
            c.send(t, raw, sysFlag=flag, tags="tag", keys="k1",
                   props={"a": "1"}, flag=7)
        whole = c.drain(t)
    for lang, version in NEW:
        with Client(b, language=lang, version=version) as c:
            for request in ("PULL_MESSAGE", "LITE_PULL_MESSAGE"):
                got = c.pull(t, request=request).records()
                equal([r.raw for r in got], [r.raw for r in whole])
    for lang, version in OLD:
        for binary in (False, True):
            with Client(b, language=lang, version=version,
                        binary=binary) as c:
                for request in ("PULL_MESSAGE", "LITE_PULL_MESSAGE"):
                    got = c.pull(t, request=request).records()
                    equal(len(got), 5)
                    for r in got[:2]:
                        is_zlib(r)
                    equal([r.raw for r in got[2:]], [r.raw for r in whole[2:]])
                    for r, w in zip(got, whole):
                        equal((r.id, r.offset, r.props, r.flag, r.stored),
                              (w.id, w.offset, w.props, w.flag, w.stored))


@fits
def test_pull_by_selector(b):
    t = b.name()
    with Client(b, language="GO") as c:
        for i in range(4):
            c.send(t, zstd(TEXT), sysFlag=COMPRESSED | ZSTD,
                   props={"n": i % 2})
        got = c.pull(t, sub="n = 1", expressionType="SQL92").records()
        equal([r.offset for r in got], [1, 3])
        for r in got:
            is_zlib(r)


@fits
def test_view_and_query(b):
    t, now = b.name(), int(time.time() * 1000)
    raw = zstd(TEXT)
    with Client(b) as c, Client(b, language="CPP") as d:
        a = c.send(t, raw, sysFlag=COMPRESSED | ZSTD, keys="k")

        def view(who):
            return who.ask("VIEW_MESSAGE_BY_ID", topic=t,
                           offset=id_parts(a.ext["msgId"])[2]).records()[0]

        def query(who):
            return who.ask(
                "QUERY_MESSAGE", topic=t, key="k", maxNum=64,
                beginTimestamp=now - 60000,
                endTimestamp=now + 60000).records()[0]
        for get in (view, query):
            is_raw(get(c), raw, COMPRESSED | ZSTD)
            is_zlib(get(d))


@fits
def test_pop(b):
    """By lease, told without one, and out of the retry topic."""
    t, g = b.name(), b.name("g")
    with Client(b, language="GO") as c:
        c.create_topic(t, queues=1)
        c.create_group(g)
        c.send(t, zstd(TEXT), sysFlag=COMPRESSED | ZSTD)
        peeked = c.ask("PEEK_MESSAGE", consumerGroup=g, topic=t, queueId=0,
                       maxMsgNums=8)
        is_zlib(peeked.records()[0])
        is_zlib(pop(c, t, g, invisible=2000).records()[0])

        def again():
            a = pop(c, t, g, code=None)
            return a if a.code == 0 else None
        (r, h), = handles(b, until("it again", again, 40))
        is_zlib(r)
        equal(r.reconsumed, 1)
        c.ask("CONSUMER_SEND_MSG_BACK", group=g, originTopic=t, delayLevel=1,
              offset=r.locator, originMsgId=r.id, unitMode=False,
              maxReconsumeTimes=16)
        ack(c, t, g, r, h)
        (r, h), = handles(b, until("the retry", again, 40))
        is_zlib(r)
        equal((r.topic, r.reconsumed), (t, 1))


@fits
def test_what_cannot_be_inflated(b):
    """It goes out as it came: broken, or more than a frame holds."""
    t = b.name()
    bodies = [b"not zstd", zstd(TEXT)[:-1], zstd_run(b"x", 17 << 20)]
    with Client(b, language="GO") as c:
        for raw in bodies:
            c.send(t, raw, sysFlag=COMPRESSED | ZSTD)
        c.send(t, zstd(TEXT), sysFlag=COMPRESSED | ZSTD)
        got = c.drain(t)
        for r, raw in zip(got, bodies):
            is_raw(r, raw, COMPRESSED | ZSTD)
        is_zlib(got[3])


@fits
def test_an_answer_is_bounded(b):
    """Small bodies that are large: few in an answer, the others in the next."""
    t, n = b.name(), 3 << 20
    with Client(b, language="GO") as c:
        for i in range(5):
            c.send(t, zstd_run(b"%d" % i, n), sysFlag=COMPRESSED | ZSTD)
        a = c.pull(t)
        equal((len(a.records()), a.ext["nextBeginOffset"]), (2, "2"))
        for i, r in enumerate(c.drain(t)):
            is_zlib(r, b"%d" % i * n)
            equal(r.offset, i)


@fits
def test_a_pop_is_bounded(b):
    """What has no room stays free, and is not counted as delivered."""
    t, g, n = b.name(), b.name("g"), 3 << 20
    with Client(b, language="GO") as c:
        c.create_topic(t, queues=1)
        c.create_group(g)
        for i in range(5):
            c.send(t, zstd_run(b"%d" % i, n), sysFlag=COMPRESSED | ZSTD)
        seen = []
        for _ in range(3):
            a = pop(c, t, g, poll=5000)
            for r, h in handles(b, a):
                equal(r.reconsumed, 0)
                is_zlib(r, b"%d" % r.offset * n)
                ack(c, t, g, r, h)
                seen.append(r.offset)
        equal(seen, [0, 1, 2, 3, 4])


@fits
def test_what_the_broker_asks(b):
    """The client that is asked is the one that reads."""
    t, g = b.name(), b.name("g")
    raw, flag = zstd(TEXT), COMPRESSED | ZSTD
    with Client(b) as c, Client(b, language="GO") as d:
        a = c.send(t, raw, sysFlag=flag)
        d.heartbeat(consumers=[consumer(g, t)])
        d.rx_request("NOTIFY_CONSUMER_IDS_CHANGED")
        o = c.tx("CONSUME_MESSAGE_DIRECTLY", consumerGroup=g, clientId=d.id,
                 msgId=a.ext["msgId"])
        r = d.rx_request("CONSUME_MESSAGE_DIRECTLY")
        is_zlib(r.records()[0])
        d.answer(r, body=b'{"consumeResult":"CR_SUCCESS"}')
        c.rx(o)


@fits
def test_half_message(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c, Client(b, language="GO") as d:
        c.create_topic(t)
        d.heartbeat(producers=[g])
        c.send(t, zstd(TEXT), producerGroup=g,
               sysFlag=COMPRESSED | ZSTD | rmqlib.PREPARED,
               props={"TRAN_MSG": "true", "PGROUP": g, "UNIQ_KEY": "CD" * 16,
                      "CHECK_IMMUNITY_TIME_IN_SECONDS": "1"})
        r = d.rx_request("CHECK_TRANSACTION_STATE", 60.0)
        is_zlib(r.records()[0])
        d.tx("END_TRANSACTION", oneway=True, topic=t, producerGroup=g,
             tranStateTableOffset=int(r.ext["tranStateTableOffset"]),
             commitLogOffset=int(r.ext["commitLogOffset"]),
             commitOrRollback=8, fromTransactionCheck=True,
             msgId=r.ext["msgId"], transactionId=r.ext["transactionId"])
        x, = arrived(d, t)
        is_zlib(x)


@fits
def test_reply(b):
    with Client(b) as c, Client(b, language="GO") as d:
        d.heartbeat(producers=[b.name("g")])
        c.heartbeat(producers=[b.name("g")])
        for who, flag in ((d, COMPRESSED | ZLIB), (c, COMPRESSED | ZSTD)):
            o = c.tx("SEND_REPLY_MESSAGE_V2", zstd(TEXT), **c.send_fields(
                b.cluster + "_REPLY_TOPIC", sysFlag=COMPRESSED | ZSTD, props={
                    "CORRELATION_ID": "c1", "REPLY_TO_CLIENT": who.id,
                    "MSG_TYPE": "reply", "TTL": "3000"}))
            q = who.rx_request("PUSH_REPLY_MESSAGE_TO_CLIENT")
            equal(q.ext["sysFlag"], str(flag))
            if who is d:
                check(zlib.decompress(q.body) == TEXT, "what is in it")
            else:
                equal(q.body, zstd(TEXT))
            who.answer(q)
            c.rx(o)
