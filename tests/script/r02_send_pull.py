# SPDX-License-Identifier: Apache-2.0
"""SEND in its forms, PULL by index with all its answers."""
import time
import zlib

from mqlib import check, counters, equal, ours
import rmqlib
from rmqlib import Client, batch, id_parts


def numbers(a):
    return tuple(int(a.ext[k]) for k in
                 ("nextBeginOffset", "minOffset", "maxOffset"))


def test_send_answer(b):
    t = b.name()
    with Client(b) as c:
        a = c.send(t, queueId=2, props={"UNIQ_KEY": "7F0000010001" + "0" * 20})
        equal((a.ext["queueId"], a.ext["queueOffset"]), ("2", "0"))
        equal(a.ext["MSG_REGION"], "DefaultRegion")
        equal(a.ext["TRACE_ON"], "true")
        equal(a.ext["transactionId"], "7F0000010001" + "0" * 20)
        ip, port, _ = id_parts(a.ext["msgId"])
        equal((ip, port), b.broker_addr, "host of a message id")
        a = c.send(t, queueId=2)
        equal(a.ext["queueOffset"], "1")


def test_send_by_long_names(b):
    t = b.name()
    with Client(b) as c:
        a = c.send(t, b"v1", request="SEND_MESSAGE", tags="x", flag=9)
        equal(a.ext["queueOffset"], "0")
        r, = c.pull(t).records()
        equal((r.body, r.flag, r.props["TAGS"]), (b"v1", 9, "x"))


def test_record(b):
    """All fields of a stored record."""
    t, born = b.name(), int(time.time() * 1000) - 5000
    with Client(b) as c:
        a = c.send(t, b"\0body\xff", queueId=3, flag=0x12345678,
                   bornTimestamp=born, tags="tag", keys="k1 k2",
                   props={"a": "\u00e4", "UNIQ_KEY": "0123456789ABCDEF" * 2})
        r, = c.pull(t, queue=3).records()
        equal((r.topic, r.queue, r.offset, r.body), (t, 3, 0, b"\0body\xff"))
        equal((r.flag, r.sys, r.born, r.reconsumed, r.prepared_offset),
              (0x12345678, 0, born, 0, 0))
        equal("%s:%d" % r.born_host, c.addr)
        equal(r.store_host, b.broker_addr)
        equal(r.id, a.ext["msgId"])
        check(abs(r.stored - time.time() * 1000) < 60000, "store time")
        for k, v in dict(a="\u00e4", TAGS="tag", KEYS="k1 k2", WAIT=None,
                         UNIQ_KEY="0123456789ABCDEF" * 2).items():
            equal(r.props.get(k), v, k)
        equal(r.props["CLUSTER"], b.cluster)
        equal(r.props["MSG_REGION"], "DefaultRegion")
        equal(r.props["TRACE_ON"], "true")


def test_record_gets_an_unique_key(b):
    t = b.name()
    with Client(b) as c:
        a = c.send(t)
        r, = c.pull(t).records()
        check(len(r.props["UNIQ_KEY"]) in (32, 56))     # by IPv4 or IPv6
        equal(a.ext["transactionId"], r.props["UNIQ_KEY"])


def test_body_and_properties_of_any_size(b):
    t = b.name()
    sizes = [1, 100, 70000, 4 << 20]
    with Client(b) as c:
        for n in sizes:
            c.send(t, b"q" * n)
        c.send(t, b"big", props={"p": "v" * 32000})
        got = c.drain(t)
        equal([len(r.body) for r in got], sizes + [3])
        equal(got[-1].props["p"], "v" * 32000)


def test_empty_body(b):
    t = b.name()
    with Client(b) as c:
        c.send(t, b"")
        equal(c.pull(t).records()[0].body, b"")


test_empty_body = ours("the reference falls over its null")(test_empty_body)


def test_too_big(b):
    t = b.name()
    with Client(b) as c:
        c.send(t, b"q" * ((4 << 20) + 1), code=13)
        c.send(t, b"q", props={"p": "v" * 32768}, code=13)
        c.send(t, b"fits")


def test_refused(b):
    with Client(b) as c:
        a = c.send("a b", code=29)
        check("illegal characters" in a.remark, a.remark)
        c.send("x" * 128, code=29)
        for t in ("SCHEDULE_TOPIC_XXXX", "RMQ_SYS_TRANS_HALF_TOPIC",
                  "RMQ_SYS_TRANS_OP_HALF_TOPIC", "OFFSET_MOVED_EVENT"):
            c.send(t, code=16)
        t = b.name()
        c.create_topic(t, queues=2)
        c.send(t, queueId=2, code=29)
        c.send(b.name(), defaultTopic="none-such", code=17)


def test_any_queue(b):
    """queueId -1 lets the broker choose."""
    t = b.name()
    with Client(b) as c:
        c.create_topic(t, queues=4)
        seen = {c.send(t, queueId=-1).ext["queueId"] for _ in range(60)}
        check(seen <= {"0", "1", "2", "3"} and len(seen) > 1, seen)


def test_oneway_send(b):
    t = b.name()
    with Client(b) as c:
        c.create_topic(t)
        o = c.tx("SEND_MESSAGE_V2", b"quiet", oneway=True,
                 **c.send_fields(t))
        got = rmqlib.until("the message", lambda: c.drain(t))
        equal(got[0].body, b"quiet")
        c.unanswered(o)


def test_batch(b):
    t = b.name()
    with Client(b) as c:
        c.send(t, b"before")
        keys = ["%032X" % i for i in range(3)]
        a = c.send(t, batch(*((b"m%d" % i, {"UNIQ_KEY": keys[i], "n": i})
                              for i in range(3))),
                   request="SEND_BATCH_MESSAGE", batch=True)
        equal(a.ext["queueOffset"], "1")
        ids = a.ext["msgId"].split(",")
        equal(len(ids), 3)
        got = c.drain(t)
        equal([r.body for r in got], [b"before", b"m0", b"m1", b"m2"])
        equal([r.offset for r in got], [0, 1, 2, 3])
        equal([r.id for r in got[1:]], ids)
        equal([r.props["UNIQ_KEY"] for r in got[1:]], keys)
        equal(c.send(t).ext["queueOffset"], "4")


def test_batch_by_the_flag(b):
    t = b.name()
    with Client(b) as c:
        a = c.send(t, batch(b"a", b"b"), batch=True)
        equal(len(a.ext["msgId"].split(",")), 2)
        equal([r.body for r in c.drain(t)], [b"a", b"b"])


def test_compressed_body_is_kept(b):
    t = b.name()
    raw = zlib.compress(b"text " * 1000)
    with Client(b) as c:
        c.send(t, raw, sysFlag=rmqlib.COMPRESSED)
        r, = c.pull(t).records()
        equal((r.body, r.sys), (raw, rmqlib.COMPRESSED))


def test_pull_answers(b):
    t = b.name()
    with Client(b) as c:
        c.create_topic(t)
        # an empty queue
        a = c.pull(t, 0, code=19)
        equal(numbers(a), (0, 0, 0))
        a = c.pull(t, 5, code=21)
        equal(numbers(a), (0, 0, 0))
        for i in range(10):
            c.send(t, b"%d" % i)
        a = c.pull(t, 0)
        equal(numbers(a), (10, 0, 10))
        equal(a.remark, "FOUND")
        equal(a.ext["suggestWhichBrokerId"], "0")
        equal([r.body for r in a.records()], [b"%d" % i for i in range(10)])
        a = c.pull(t, 7, n=2)
        equal([r.offset for r in a.records()], [7, 8])
        equal(numbers(a), (9, 0, 10))
        # at the end, behind it
        a = c.pull(t, 10, code=19)
        equal(numbers(a), (10, 0, 10))
        a = c.pull(t, 11, code=21)
        equal(numbers(a), (10, 0, 10))
        a = c.pull(t, 2**40, code=21)
        equal(numbers(a), (10, 0, 10))


def test_pull_refused(b):
    t = b.name()
    with Client(b) as c:
        c.pull(b.name(), code=17)
        c.create_topic(t, queues=2)
        c.pull(t, queue=2, code=29)
        # no subscription came, and no heartbeat told of one
        c.pull(t, sub=None, code=24)
        c.create_topic(t, queues=2, perm=2)
        c.pull(t, code=16)


def test_pull_has_at_most_what_was_asked(b):
    t = b.name()
    with Client(b) as c:
        c.create_topic(t)
        for i in range(100):
            c.tx_send(t, b"x" * 100)
        for o in range(c.opaque - 99, c.opaque + 1):
            c.rx(o)
        c.indexed(t, 0, 100)
        equal(len(c.pull(t, n=32).records()), 32)
        equal(len(c.pull(t, n=1).records()), 1)
        equal(len(c.drain(t)), 100)


def test_pull_by_lite_pull(b):
    t = b.name()
    with Client(b) as c:
        c.send(t, b"x")
        r, = c.pull(t, request="LITE_PULL_MESSAGE", flags=16).records()
        equal(r.body, b"x")


def test_view_by_id(b):
    t = b.name()
    with Client(b) as c:
        ids = [c.send(t, b"%d" % i).ext["msgId"] for i in range(5)]
        for i, m in enumerate(ids):
            a = c.ask("VIEW_MESSAGE_BY_ID", topic=t, offset=id_parts(m)[2])
            r, = a.records()
            equal((r.body, r.offset, r.id), (b"%d" % i, i, m))
        # older clients send no topic
        a = c.ask("VIEW_MESSAGE_BY_ID", offset=id_parts(ids[3])[2])
        equal(a.records()[0].body, b"3")
        c.ask("VIEW_MESSAGE_BY_ID", topic=t, offset=2**60, code=1)


def test_pull_tells_flags(b):
    """topicSysFlag and groupSysFlag, as they were set"""
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_topic(t, topicSysFlag=2)
        c.create_group(g, groupSysFlag=5)
        c.send(t)
        for offset, code in ((0, 0), (1, 19)):
            a = c.pull(t, offset, code, group=g)
            equal((a.ext["topicSysFlag"], a.ext["groupSysFlag"]), ("2", "5"))


def test_query_by_key(b):
    t = b.name()
    start = int(time.time() * 1000) - 60000
    with Client(b) as c:
        uniq = "AB" * 16
        c.send(t, b"one", keys="k1 shared", props={"UNIQ_KEY": uniq})
        c.send(t, b"two", keys="k2 shared")

        def query(key, **kw):
            a = c.ask("QUERY_MESSAGE", topic=t, key=key, maxNum=64, code=None,
                      beginTimestamp=start,
                      endTimestamp=int(time.time() * 1000) + 60000, **kw)
            if a.code == 22:
                return []
            equal(a.code, 0)
            check("indexLastUpdateTimestamp" in a.ext)
            check("indexLastUpdatePhyoffset" in a.ext)
            return sorted(r.body for r in a.records())
        rmqlib.until("the index", lambda: query("shared") == [b"one", b"two"])
        equal(query("k1"), [b"one"])
        equal(query("none"), [])
        rmqlib.until("the index", lambda: query(
            uniq, ext={"_UNIQUE_KEY_QUERY": "true"}) == [b"one"])


def test_query_by_tag(b):
    """In all queues; also where one answer of the log doesn't hold them all, and
    inside of batches that stay together."""
    t = b.name()
    start = int(time.time() * 1000)
    with Client(b) as c:
        c.create_topic(t, queues=3, attributes="+queue.type=BatchCQ"
                       if b.ours else None)
        for i in range(6):
            c.send(t, b"%d" % i + b"x" * 400000 * (i % 2), queueId=i % 3,
                   tags="red" if i % 2 else "blue", keys="red")

        def query(tag, **kw):
            a = c.ask("QUERY_MESSAGE", code=None, **{**dict(
                topic=t, key=tag, maxNum=64, beginTimestamp=start - 60000,
                endTimestamp=start + 60000, indexType="T"), **kw})
            if a.code == 22:
                return []
            equal(a.code, 0)
            return [r.body[:1] for r in a.records()]
        rmqlib.until("the index", lambda: sorted(query("blue")) ==
                     [b"0", b"2", b"4"])
        rmqlib.until("the index", lambda: sorted(query("red")) ==
                     [b"1", b"3", b"5"])
        equal(query("green"), [])
        equal(query("red", endTimestamp=start - 1), [])
        equal(query("red", beginTimestamp=start + 50000), [])
        equal(len(query("red", indexType="K")), 6)
        if b.ours:
            equal(query("red", maxNum=2), [b"3", b"5"])
            c.send(t, batch((b"a", dict(TAGS="green")),
                            (b"b", dict(TAGS="red"))),
                   request="SEND_BATCH_MESSAGE", batch=True,
                   props={"UNIQ_KEY": "EC" * 16})
            equal(query("green"), [b"a"])


def test_pipelined_from_the_first_byte(b):
    """A connection may go to the shard of the topic of its first request; what
    came in behind that is carried out there, in order (the reference doesn't keep
    it)."""
    moved = "magnetar_connections_moved_total"
    before = counters(b)[moved] if b.ours else 0
    for n in range(24):
        with Client(b) as admin, Client(b) as c:
            t, g = b.name(), b.name("g")
            admin.create_topic(t)
            data = b""
            if n % 2:
                data = c.request("HEART_BEAT", {
                    "clientID": c.id, "producerDataSet": [],
                    "consumerDataSet": [rmqlib.consumer(g, t)]})[0]
            asked = [c.request("SEND_MESSAGE_V2", b"%d" % i,
                               **c.send_fields(t)) for i in range(20)]
            c.raw(data + b"".join(frame for frame, _ in asked))
            order = [int(c.rx(o).ext["queueOffset"]) for _, o in asked]
            equal(order if b.ours else sorted(order), list(range(20)))
            if not b.ours:
                c.indexed(t, 0, 20)
            got = [r.body for r in c.drain(t)]
            equal([got[i] for i in order], [b"%d" % i for i in range(20)])
    check(not b.ours or counters(b)[moved] > before, "none has moved")
