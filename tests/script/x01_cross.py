# SPDX-License-Identifier: Apache-2.0
"""Messages cross between the protocols on one topic: the table of
doc/rocketmq-pulsar.md, row by row, both ways."""
import base64
import json
import struct
import time
import urllib.request
import zlib

from mqlib import Client, check, equal
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


# ---- compressions, without compressing: what the formats have for literals

def lz4_block(data):
    n = len(data)
    out = bytes([min(n, 15) << 4])
    n -= 15
    while n >= 0:
        out += bytes([min(n, 255)])
        n -= 255
    return out + data


def snappy(data):
    n, out = len(data), b""
    while n >= 128:
        out += bytes([n & 127 | 128])
        n >>= 7
    out += bytes([n])
    for i in range(0, len(data), 60):
        part = data[i:i + 60]
        out += bytes([len(part) - 1 << 2]) + part
    return out


def zstd(data):
    """A frame of one raw block."""
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data)) + \
        struct.pack("<I", 1 | len(data) << 3)[:3] + data


def xxh32(data):
    """Of less than 16 bytes."""
    def rotl(v, n):
        return (v << n | v >> 32 - n) & 0xffffffff
    p1, p2, p3, p4, p5 = (2654435761, 2246822519, 3266489917, 668265263,
                          374761393)
    h = p5 + len(data)
    for c in data:
        h = rotl(h + c * p5 & 0xffffffff, 11) * p1 & 0xffffffff
    h ^= h >> 15
    h = h * p2 & 0xffffffff
    h ^= h >> 13
    h = h * p3 & 0xffffffff
    return h ^ h >> 16


def lz4_frame(data):
    head = b"\x60\x70"
    return b"\x04\x22\x4d\x18" + head + bytes([xxh32(head) >> 8 & 255]) + \
        struct.pack("<I", len(data) | 1 << 31) + data + b"\0\0\0\0"


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
