# SPDX-License-Identifier: Apache-2.0
"""Messages cross between the protocols on one topic: the table of
doc/rocketmq-pulsar.md, row by row, both ways."""
import base64
import json
import struct
import time
import urllib.request
import zlib

from codecs_raw import lz4_block, lz4_frame, snappy, zstd
from mqlib import Client, check, counters, equal, options
import mqlib
import rmqlib
from rmqlib import batch, until


def pulsar_name(topic, queue=0):
    return f"persistent://public/default/{topic}-partition-{queue}"


def props_of(m):
    out = {}
    for kv in m.properties:
        check(kv.key not in out, "twice:", kv.key)
        out[kv.key] = kv.value
    return out


def kv(**props):
    return [dict(key=k, value=v) for k, v in props.items()]


def singles(payload):
    """[(SingleMessageMetadata, body)] of a batch's payload"""
    out = []
    while payload:
        n = struct.unpack(">I", payload[:4])[0]
        m = mqlib.pb.SingleMessageMetadata.FromString(payload[4:4 + n])
        out.append((m, payload[4 + n:4 + n + m.payload_size]))
        payload = payload[4 + n + m.payload_size:]
    return out


def pack(*messages):
    """A batch's payload of (body, fields)."""
    out = b""
    for data, fields in messages:
        m = mqlib.pb.SingleMessageMetadata()
        m.payload_size = len(data)
        mqlib.fill(m, fields)
        raw = m.SerializeToString()
        out += struct.pack(">I", len(raw)) + raw + data
    return out


# ---- compressions

PULSAR_CODECS = {"NONE": bytes, "LZ4": lz4_block, "ZLIB": zlib.compress,
                 "ZSTD": zstd, "SNAPPY": snappy}
# sysFlag: compressed, and by what
RMQ_CODECS = {0x001: zlib.compress, 0x101: lz4_frame, 0x201: zstd,
              0x301: zlib.compress}


# ---- RocketMQ to Pulsar

def test_record_for_pulsar(b):
    t, born = b.name(), int(time.time() * 1000) - 5000
    with rmqlib.Client(b) as r, Client(b) as c:
        r.send(t, b"first")
        a = r.send(t, b"\0body\xff", flag=9, bornTimestamp=born, tags="tag",
                   keys="k1 k2", props={"a": "\u00e4\u4e2d\U0001f600",
                                        "UNIQ_KEY": "0123456789ABCDEF" * 2})
        equal(a.ext["queueOffset"], "1")
        c.subscribe(pulsar_name(t), initialPosition=1)
        c.flow()
        m, m2 = c.messages(2)
        check(m.crc_ok and m2.crc_ok, "checksum")
        equal(m.payload, b"first")
        equal(m2.payload, b"\0body\xff")
        meta = m2.meta
        equal(meta.producer_name, "rocketmq")
        equal((meta.sequence_id, m.meta.sequence_id), (1, 0))
        equal((meta.publish_time, meta.event_time), (born, born))
        equal(meta.partition_key, "k1 k2")
        check(not meta.partition_key_b64_encoded, "key is text")
        check(not m.meta.HasField("partition_key"), "no key")
        check(not meta.HasField("num_messages_in_batch"), "no batch")
        check(not meta.HasField("deliver_at_time"), "not delayed")
        equal((meta.compression, meta.uncompressed_size), (0, 6))
        props = props_of(meta)
        for k, v in dict(a="\u00e4\u4e2d\U0001f600", TAGS="tag", KEYS="k1 k2",
                         UNIQ_KEY="0123456789ABCDEF" * 2).items():
            equal(props.get(k), v, k)
        equal(props["rocketmq.flag"], "9")
        equal(props["rocketmq.bornHost"], r.addr)
        check("rocketmq.reconsumeTimes" not in props, props)
        check("rocketmq.flag" not in props_of(m.meta), "a flag of 0")


def test_sharding_key_is_the_key(b):
    t = b.name()
    with rmqlib.Client(b) as r, Client(b) as c:
        r.send(t, keys="k", props={"__SHARDINGKEY": "order 7"})
        c.subscribe(pulsar_name(t), initialPosition=1)
        c.flow()
        m = c.rx("MESSAGE")
        equal(m.meta.partition_key, "order 7")
        equal(props_of(m.meta)["KEYS"], "k")


def test_empty_body_and_many_properties(b):
    t = b.name()
    many = {f"n{i}": "v" * (i % 7 + 1) for i in range(1500)}
    with rmqlib.Client(b) as r, Client(b) as c:
        r.send(t, b"", props=many)
        c.subscribe(pulsar_name(t), initialPosition=1)
        c.flow()
        m = c.rx("MESSAGE")
        check(m.crc_ok, "checksum")
        equal(m.payload, b"")
        props = props_of(m.meta)
        for k, v in many.items():
            equal(props.get(k), v, k)


def test_compressed_bodies_for_pulsar(b):
    t = b.name()
    data = b"so many words " * 500
    with rmqlib.Client(b) as r, Client(b) as c:
        for flag, codec in RMQ_CODECS.items():
            r.send(t, codec(data), sysFlag=flag)
        # it says so, and isn't
        r.send(t, b"not zlib", sysFlag=1)
        r.send(t, b"of the future", sysFlag=0x701)
        c.subscribe(pulsar_name(t), initialPosition=1)
        c.flow()
        for flag in RMQ_CODECS:
            m = c.rx("MESSAGE")
            check(m.crc_ok, "checksum")
            equal((m.payload == data, m.meta.compression), (True, 0),
                  hex(flag))
            equal(m.meta.uncompressed_size, len(data))
            check("rocketmq.compression" not in props_of(m.meta), "inflated")
        m = c.rx("MESSAGE")
        equal(m.payload, b"not zlib")
        equal(props_of(m.meta)["rocketmq.compression"], "zlib")
        m = c.rx("MESSAGE")
        equal(m.payload, b"of the future")
        equal(props_of(m.meta)["rocketmq.compression"], "unknown")


def test_old_pulsar_client_gets_no_checksum(b):
    t = b.name()
    with rmqlib.Client(b) as r, Client(b, version=10) as c:
        r.send(t, b"old")
        c.subscribe(pulsar_name(t), initialPosition=1)
        c.flow()
        m = c.rx("MESSAGE")
        equal((m.crc_ok, m.payload), (None, b"old"))


def test_keys_spread_and_stick(b):
    """Key_Shared by RocketMQ's keys; what has none goes anywhere."""
    t = b.name()
    with rmqlib.Client(b) as r, Client(b) as c1, Client(b) as c2:
        for i in range(60):
            r.send(t, b"k", props={"__SHARDINGKEY": f"key-{i % 20}"})
        for i in range(60):
            r.send(t, b"n")
        for i, c in enumerate((c1, c2)):
            c.subscribe(pulsar_name(t), cid=i + 1, sub_type="Key_Shared",
                        initialPosition=1)
        owner, seen, n = {}, {1: 0, 2: 0}, 0
        for i, c in ((1, c1), (2, c2)):
            c.flow(i)
        end = time.monotonic() + 10
        while n < 120 and time.monotonic() < end:
            for i, c in ((1, c1), (2, c2)):
                try:
                    name, msg, rest = c.rx_any(0.05)
                except TimeoutError:
                    continue
                equal(name, "MESSAGE")
                m, n = mqlib.Message(msg, rest), n + 1
                if m.payload == b"n":
                    seen[i] += 1
                else:
                    k = m.meta.partition_key
                    equal(owner.setdefault(k, i), i, "owner of " + k)
        equal(len(owner), 20, "keys")
        equal(set(owner.values()), {1, 2}, "consumers with keys")
        equal(sum(seen.values()), 60, "messages without a key")
        check(seen[1] > 0 and seen[2] > 0, "spread", seen)


def test_peek_of_a_record(b):
    t = b.name()
    with rmqlib.Client(b) as r, Client(b) as c:
        r.send(t, zlib.compress(b"peek me"), sysFlag=1, tags="tag")
        c.subscribe(pulsar_name(t), initialPosition=1)
        url = f"http://{b.host}:{b.http}/admin/v2/persistent/public/default/" \
            f"{t}-partition-0/subscription/s/position/1"
        with urllib.request.urlopen(url, timeout=10) as a:
            equal(a.read(), b"peek me")
            equal(a.headers["X-Pulsar-producer-name"], "rocketmq")
            equal(json.loads(a.headers["X-Pulsar-PROPERTY"])["TAGS"], "tag")


# ---- Pulsar to RocketMQ

def test_message_for_rocketmq(b):
    t, born = b.name(), int(time.time() * 1000) - 5000
    with rmqlib.Client(b) as r, Client(b) as c:
        r.create_topic(t)
        p = pulsar_name(t, 2)
        c.producer(p)
        c.publish(1, 0, b"first")
        c.publish(1, 1, b"\0body\xff", meta=dict(
            publish_time=born, event_time=born - 1, partition_key="key",
            ordering_key=b"\0\1", deliver_at_time=born + 1,
            schema_version=b"\0\0\0\0\0\0\0\7",
            properties=kv(TAGS="tag", empty="", **{
                "n\u00e4me": "\u00e4\u4e2d\U0001f600", "a\1b": "c\2d"})))
        m, m2 = r.pull(t, queue=2).records()
        equal((m.topic, m.queue, m.offset, m.body), (t, 2, 0, b"first"))
        equal((m2.topic, m2.queue, m2.offset, m2.body),
              (t, 2, 1, b"\0body\xff"))
        equal(m2.locator, m.locator + 1)
        equal((m2.born, m2.sys, m2.flag, m2.reconsumed), (born, 0, 0, 0))
        check(abs(m2.stored - time.time() * 1000) < 60000, "store time")
        equal((m2.born_host, m2.store_host), (b.broker_addr, b.broker_addr))
        want = {"TAGS": "tag", "KEYS": "key", "__SHARDINGKEY": "key",
                "n\u00e4me": "\u00e4\u4e2d\U0001f600",
                "a\u2401b": "c\u2402d", "pulsar.producerName": "p",
                "pulsar.sequenceId": "1", "pulsar.eventTime": str(born - 1),
                "pulsar.orderingKey": "AAE=",
                "pulsar.schemaVersion": "AAAAAAAAAAc=",
                "TIMER_DELIVER_MS": str(born + 1),
                "UNIQ_KEY": m2.props["UNIQ_KEY"]}
        equal(m2.props, want)
        equal(len(m2.props["UNIQ_KEY"]), 32)
        check(m.props["UNIQ_KEY"] != m2.props["UNIQ_KEY"], "unique")
        # the same again, by index and by id
        again, = r.pull(t, offset=1, queue=2).records()
        equal(again.raw, m2.raw)
        a = r.ask("VIEW_MESSAGE_BY_ID", offset=m2.locator)
        equal(a.records()[0].raw, m2.raw)


def test_batches_for_rocketmq(b):
    """Each compression, from any message on, as many as were asked for."""
    t = b.name()
    data = [(b"body %d" % i * (i % 9), dict(
        partition_key=f"k{i}", sequence_id=50 + i,
        properties=kv(TAGS="even" if i % 2 == 0 else "odd", n=str(i))))
        for i in range(100)]
    plain = pack(*data)
    with rmqlib.Client(b) as r, Client(b) as c:
        r.create_topic(t, queues=1)
        c.producer(pulsar_name(t))
        for i, (codec, fn) in enumerate(PULSAR_CODECS.items()):
            c.publish(1, i * 100, fn(plain), num_messages=100, meta=dict(
                num_messages_in_batch=100, uncompressed_size=len(plain),
                compression=mqlib.pb.CompressionType.Value(codec)))
        got = r.drain(t, n=32)
        equal([m.offset for m in got], list(range(500)))
        for i, m in enumerate(got):
            equal(m.body, data[i % 100][0], f"body {i}")
            equal(m.props["KEYS"], f"k{i % 100}")
            equal(m.props["n"], str(i % 100))
            equal(m.props["pulsar.sequenceId"], str(50 + i % 100))
        equal(len({m.locator for m in got}), 500)
        equal(len({m.props["UNIQ_KEY"] for m in got}), 500)
        # in the middle of a batch
        a = r.pull(t, offset=137, n=5)
        equal([m.offset for m in a.records()], list(range(137, 142)))
        equal(a.ext["nextBeginOffset"], "142")
        # over its end
        a = r.pull(t, offset=195, n=10)
        equal([m.offset for m in a.records()], list(range(195, 200)))
        # bytes: one at least
        a = r.pull(t, offset=108, maxMsgBytes=1)
        equal([m.offset for m in a.records()], [108])
        equal(a.ext["nextBeginOffset"], "109")
        a = r.pull(t, offset=108, n=100, maxMsgBytes=2000)
        check(1 < len(a.records()) and len(a.body) <= 2000, len(a.body))
        # tags, of each message for itself
        got = r.drain(t, sub="odd", n=7)
        equal([m.offset for m in got], list(range(1, 500, 2)))
        equal(r.drain(t, sub="none"), [])


def test_selector_for_pulsar_messages(b):
    t = b.name()
    with rmqlib.Client(b) as r, Client(b) as c:
        r.create_topic(t, queues=1)
        c.producer(pulsar_name(t))
        plain = pack(*[(b"b", dict(properties=kv(n=str(i))))
                       for i in range(20)])
        c.publish(1, 0, plain, num_messages=20, meta=dict(
            num_messages_in_batch=20))
        c.publish(1, 20, meta=dict(properties=kv(n="20")))
        r.send(t, props={"n": "21"})
        got = r.drain(t, sub="n > 17", expressionType="SQL92")
        equal([m.offset for m in got], [18, 19, 20, 21])


def test_tags_of_single_messages(b):
    t = b.name()
    with rmqlib.Client(b) as r, Client(b) as c:
        r.create_topic(t, queues=1)
        c.producer(pulsar_name(t))
        for i in range(6):
            c.publish(1, i, meta=dict(properties=kv(TAGS=f"t{i % 3}")))
        c.publish(1, 6)
        equal([m.offset for m in r.drain(t, sub="t0 || t2")], [0, 2, 3, 5])
        # a poll that waits for its tag: a batch without it doesn't end it
        o = r.tx_pull(t, offset=7, sub="t9", suspend_ms=10000)
        c.publish(1, 7, pack((b"a", {}), (b"b", {})), num_messages=2,
                  meta=dict(num_messages_in_batch=2))
        r.silent(0.3)
        r.unanswered(o)
        c.publish(1, 9, pack((b"a", {}), (b"b", dict(
            properties=kv(TAGS="t9")))), num_messages=2,
            meta=dict(num_messages_in_batch=2))
        m, = r.rx(o).records()
        equal((m.offset, m.body), (10, b"b"))


def test_passed_over(b):
    """What no RocketMQ client can have keeps its index."""
    t = b.name()
    passed = "magnetar_convert_passed_over_total"
    before = counters(b)[passed]
    with rmqlib.Client(b) as r, Client(b) as c:
        r.create_topic(t, queues=1)
        c.producer(pulsar_name(t))
        c.publish(1, 0, b"plain")
        c.publish(1, 1, b"secret", meta=dict(
            encryption_keys=[dict(key="k", value=b"v")]))
        c.publish(1, 2, pack((b"a", {}), (b"b", dict(compacted_out=True)),
                             (b"c", {})), num_messages=3,
                  meta=dict(num_messages_in_batch=3))
        for i in range(2):
            c.publish(1, 5, b"chunk", is_chunk=True, meta=dict(
                uuid="u", num_chunks_from_msg=2, chunk_id=i,
                total_chunk_msg_size=10))
        c.publish(1, 7, b"not lz4", meta=dict(compression=1,
                                              uncompressed_size=100))
        c.publish(1, 8, b"damaged", num_messages=4,
                  meta=dict(num_messages_in_batch=4))
        # is not decompressed for anybody
        c.publish(1, 12, zlib.compress(b"\0" * 10), meta=dict(
            compression=2, uncompressed_size=2**31))
        c.publish(1, 13, b"last")
        got = r.drain(t)
        equal([(m.offset, m.body) for m in got],
              [(0, b"plain"), (2, b"a"), (4, b"c"), (13, b"last")])
        until("count of what was passed over", lambda: counters(
            b)[passed] - before >= 10)
        # from the middle of it: moves on at once
        a = r.pull(t, offset=1, n=1, code=None)
        equal((a.code, a.ext["nextBeginOffset"]), (20, "2"))


def test_both_in_one_queue(b):
    """Alternating producers: both kinds of consumers get all, in order."""
    t, n = b.name(), 60
    with rmqlib.Client(b) as r, Client(b) as c:
        r.create_topic(t, queues=1)
        c.producer(pulsar_name(t))
        c.subscribe(pulsar_name(t), initialPosition=1)
        for i in range(n):
            if i % 2 == 0:
                r.send(t, b"%d" % i)
            else:
                c.publish(1, i, b"%d" % i)
        equal([(m.offset, m.body) for m in r.drain(t, n=7)],
              [(i, b"%d" % i) for i in range(n)])
        c.flow()
        equal([m.payload for m in c.messages(n)],
              [b"%d" % i for i in range(n)])


def test_poll_is_woken_by_pulsar(b):
    t = b.name()
    with rmqlib.Client(b) as r, Client(b) as c:
        r.create_topic(t, queues=1)
        c.producer(pulsar_name(t))
        o = r.tx_pull(t, suspend_ms=10000)
        r.silent(0.1)
        c.publish(1, 0, b"wake")
        equal(r.rx(o).records()[0].body, b"wake")


def test_pulsar_message_is_sent_back(b):
    """A RocketMQ consumer that could not do with it: dead letter topic."""
    t, g = b.name(), b.name("g")
    with rmqlib.Client(b) as r, Client(b) as c:
        r.create_topic(t, queues=1)
        c.producer(pulsar_name(t))
        c.publish(1, 0, pack((b"a", {}), (b"b", dict(partition_key="k"))),
                  num_messages=2, meta=dict(num_messages_in_batch=2))
        m = r.pull(t, offset=1).records()[0]
        r.ask("CONSUMER_SEND_MSG_BACK", offset=m.locator, group=g,
              delayLevel=-1, originTopic=t, originMsgId=m.id,
              maxReconsumeTimes=16)
        d, = until("the dead letter", lambda: r.pull(
            "%DLQ%" + g, code=None).records())
        equal((d.body, d.props["KEYS"], d.props["RETRY_TOPIC"]),
              (b"b", "k", t))


def test_large_message(b):
    t = b.name()
    data = bytes(range(256)) * 1024      # 256 KiB
    with rmqlib.Client(b) as r, Client(b) as c:
        r.create_topic(t, queues=1)
        c.producer(pulsar_name(t))
        c.publish(1, 0, data)
        c.publish(1, 1, b"small")
        a = r.pull(t, maxMsgBytes=100000)
        equal([m.body == data for m in a.records()], [True])
        equal(a.ext["nextBeginOffset"], "1")
        equal(r.pull(t, offset=1).records()[0].body, b"small")
        r.send(t, data)
        c.subscribe(pulsar_name(t), initialPosition=1)
        c.flow()
        equal([len(m.payload) for m in c.messages(3)],
              [len(data), 5, len(data)])


# ---- progress

def test_group_and_subscription_share_progress(b):
    t, g = b.name(), b.name("g")
    with rmqlib.Client(b) as r, Client(b) as c:
        r.create_topic(t, queues=1)
        r.create_group(g)
        p = pulsar_name(t)
        c.producer(p)
        c.publish(1, 0, b"0")
        c.publish(1, 1, pack(*[(b"%d" % i, {}) for i in range(1, 6)]),
                  num_messages=5, meta=dict(num_messages_in_batch=5))
        r.send(t, b"6")
        r.send(t, b"7")
        # inside of the batch
        r.ask("UPDATE_CONSUMER_OFFSET", consumerGroup=g, topic=t, queueId=0,
              commitOffset=3)
        c.subscribe(p, sub=g, initialPosition=1)
        c.flow()
        m = c.rx("MESSAGE")
        left = [i for i, (_, d) in enumerate(singles(m.payload))
                if m.cmd.ack_set[0] >> i & 1]
        equal(left, [2, 3, 4], "what is left of the batch")
        m6, m7 = c.messages(2)
        equal((m6.payload, m7.payload), (b"6", b"7"))
        # and back
        c.ack(1, m6.pos, cumulative=True, req=c.next_req())
        c.rx("ACK_RESPONSE")
        c.ask("CLOSE_CONSUMER", "SUCCESS", consumer_id=1)
        a = r.ask("QUERY_CONSUMER_OFFSET", consumerGroup=g, topic=t,
                  queueId=0)
        equal(a.ext["offset"], "7")


def test_inner_batch(b):
    """Single messages for Pulsar's, also where the group has stopped inside."""
    t, g = b.name(), b.name("g")
    with rmqlib.Client(b) as r, Client(b) as c:
        r.create_topic(t, queues=1, attributes="+queue.type=BatchCQ")
        r.create_group(g)
        a = r.send(t, batch(*((b"%d" % i, {
            "UNIQ_KEY": "%032X" % i, "KEYS": f"k{i}", "n": str(i)})
            for i in range(4))), request="SEND_BATCH_MESSAGE", batch=True,
            props={"UNIQ_KEY": "EE" * 16})
        equal(a.ext["batchUniqId"], "EE" * 16)
        r.send(t, b"4")
        r.ask("UPDATE_CONSUMER_OFFSET", consumerGroup=g, topic=t, queueId=0,
              commitOffset=1)
        c.subscribe(pulsar_name(t), sub=g, initialPosition=1)
        c.flow()
        m, single = c.messages(2)
        equal(m.meta.num_messages_in_batch, 4)
        got = singles(m.payload)
        equal([d for _, d in got], [b"0", b"1", b"2", b"3"])
        equal([s.partition_key for s, _ in got], ["k0", "k1", "k2", "k3"])
        equal([props_of(s)["n"] for s, _ in got], ["0", "1", "2", "3"])
        equal([i for i in range(4) if m.cmd.ack_set[0] >> i & 1], [1, 2, 3])
        equal(single.payload, b"4")
        c.ack(1, m.pos, req=c.next_req())
        c.rx("ACK_RESPONSE")
        c.ask("CLOSE_CONSUMER", "SUCCESS", consumer_id=1)
        a = r.ask("QUERY_CONSUMER_OFFSET", consumerGroup=g, topic=t,
                  queueId=0)
        equal(a.ext["offset"], "4")
        url = f"http://{b.host}:{b.http}/admin/v2/persistent/public/default/" \
            f"{t}-partition-0/subscription/{g}/position/1"
        with urllib.request.urlopen(url, timeout=10) as a:
            equal(a.read(), b"4")


@options(managedLedgerMaxEntriesPerLedger=3,
         managedLedgerMinLedgerRolloverTimeMinutes=0)
def test_emptied(b):
    """Of a queue that everything has gone from, who is new is told where the
    next message will be: asked for its end later, one might have come."""
    t, g = b.name(), b.name("g")
    full = f"persistent://public/default/{t}"
    with mqlib.Client(b) as c, rmqlib.Client(b) as r:
        c.subscribe(full)
        c.producer(full)
        for i in range(3):
            c.publish(1, i)
        c.flow()
        c.ack(1, c.messages(3)[-1].pos, cumulative=True, req=c.next_req())
        c.rx("ACK_RESPONSE")

        def edge(name):
            return int(r.ask(name, topic=t, queueId=0).ext["offset"])
        until("that it is empty", lambda: (
            edge("GET_MIN_OFFSET"), edge("GET_MAX_OFFSET")) == (3, 3))
        a = r.ask("QUERY_CONSUMER_OFFSET", consumerGroup=g, topic=t, queueId=0)
        equal(a.ext["offset"], "3")


# ---- names

def listed(b, query=""):
    url = f"http://{b.host}:{b.http}/admin/v2/persistent/public/default"
    with urllib.request.urlopen(url + query, timeout=10) as a:
        return json.load(a)


def test_hidden_names(b):
    t, g = b.name(), b.name("g")
    hidden = ["%RETRY%" + g, "%DLQ%" + g]
    with rmqlib.Client(b) as r, Client(b) as c:
        for name in [t, *hidden]:
            r.create_topic(name, queues=1)
            r.send(name)
        m = c.ask("GET_TOPICS_OF_NAMESPACE", "GET_TOPICS_OF_NAMESPACE_RESPONSE",
                  namespace="public/default")
        for names in (list(m.topics), listed(b)):
            check(pulsar_name(t) in names, t, "is not in", names)
            for h in hidden:
                check(pulsar_name(h) not in names, h, "is in", names)
        names = listed(b, "/partitioned")
        check(f"persistent://public/default/{t}" in names, names)
        check(not any("%" in n for n in names), names)
        names = listed(b, "?includeSystemTopic=true")
        for h in hidden:
            check(pulsar_name(h) in names, h, "is not in", names)


def test_topic_without_partitions(b):
    """It has one queue; its twin with a partition's name is refused."""
    t = b.name()
    full = f"persistent://public/default/{t}"
    with rmqlib.Client(b) as r, Client(b) as c:
        c.producer(full)
        c.publish(1, 0, b"p")
        c.error("PRODUCER", "NotAllowedError", topic=full + "-partition-0",
                producer_id=2)
        c.error("SUBSCRIBE", "NotAllowedError", topic=full + "-partition-0",
                subscription="s", consumer_id=2,
                subType=mqlib.pb.CommandSubscribe.Exclusive)
        r.send(t, b"r", queueId=0)
        equal([(m.queue, m.offset, m.body) for m in r.drain(t)],
              [(0, 0, b"p"), (0, 1, b"r")])
        c.subscribe(full, initialPosition=1)
        c.flow()
        equal([m.payload for m in c.messages(2)], [b"p", b"r"])
