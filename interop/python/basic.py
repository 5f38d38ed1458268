# SPDX-License-Identifier: Apache-2.0
"""Connecting, sending, receiving: bodies, keys, batches, compression, chunks, encryption."""

import hashlib
import os
import time

import pulsar

from ctx import bodies, check, datas, equal, fails, nothing, receive_n, scenario, send_n

CODECS = {
    "none": pulsar.CompressionType.NONE,
    "lz4": pulsar.CompressionType.LZ4,
    "zlib": pulsar.CompressionType.ZLib,
    "zstd": pulsar.CompressionType.ZSTD,
    "snappy": pulsar.CompressionType.SNAPPY,
}


@scenario("connect")
def connect(ctx):
    t = ctx.topic()
    p = ctx.producer(t)
    equal(p.topic(), t, "topic")
    check(p.producer_name(), "the broker gives the producer a name")
    check(p.is_connected(), "producer is connected")
    q = ctx.producer(t)
    check(q.producer_name() != p.producer_name(), "two producers, two names")
    equal(ctx.client.get_topic_partitions(t), [t], "partitions")
    fails(pulsar.PulsarException, ctx.new_client(operation_timeout_seconds=3).create_producer,
          f"persistent://public/{ctx.unique}-none/t")
    fails(pulsar.PulsarException, ctx.new_client(operation_timeout_seconds=3).create_producer,
          f"persistent://{ctx.unique}-none/default/t")


@scenario("tls")
def tls(ctx):
    ctx.secure("other.crt")
    fails(pulsar.PulsarException, ctx.new_client(operation_timeout_seconds=3).create_producer, ctx.topic())
    ctx.secure("tls.crt")
    plain(ctx)


@scenario("plain")
def plain(ctx):
    t = ctx.topic()
    c, p = ctx.subscribe(t), ctx.producer(t, properties={"app": "interop"})
    t0 = int(time.time() * 1000)
    ids = [p.send(b"m-%d" % i, properties={"n": str(i), "empty": "", "ä": "ö€"}, event_timestamp=1000 + i)
           for i in range(100)]
    got = receive_n(c, 100)
    t1 = int(time.time() * 1000)
    equal(datas(got), bodies(0, 100), "bodies in order")
    for i, m in enumerate(got):
        equal(m.properties(), {"n": str(i), "empty": "", "ä": "ö€"}, "properties")
        equal(m.event_timestamp(), 1000 + i, "event time")
        check(t0 <= m.publish_timestamp() <= t1, "publish time")
        equal(m.topic_name(), t, "topic name")
        equal(m.producer_name(), p.producer_name(), "producer name")
        equal(m.redelivery_count(), 0, "redelivery count")
        equal(m.message_id(), ids[i], "the id of the receipt is the message's")
    check(all(a.message_id() < b.message_id() for a, b in zip(got, got[1:])), "ids grow")
    equal(p.last_sequence_id(), 99, "last sequence id")
    big = os.urandom(1 << 20)
    p.send(b"")
    p.send(big)
    equal(datas(receive_n(c, 2)), [b"", big], "empty and 1 MB bodies")
    nothing(c)


@scenario("keyed")
def keyed(ctx):
    t = ctx.topic()
    c, p = ctx.subscribe(t), ctx.producer(t)
    for i in range(50):
        p.send(b"m-%d" % i, partition_key=f"key-{i % 7}", ordering_key=f"order-{i % 3}")
    p.send(b"none")
    got = receive_n(c, 51)
    equal([m.partition_key() for m in got[:50]], [f"key-{i % 7}" for i in range(50)], "partition keys")
    equal([m.ordering_key() for m in got[:50]], [f"order-{i % 3}" for i in range(50)], "ordering keys")
    equal(got[50].partition_key(), "", "no key")


@scenario("batched")
def batched(ctx):
    t = ctx.topic()
    c = ctx.subscribe(t)
    p = ctx.producer(t, batching_enabled=True, batching_max_messages=100, batching_max_publish_delay_ms=50)
    ids = send_n(p, 0, 1000)
    got = receive_n(c, 1000)
    equal(datas(got), bodies(0, 1000), "bodies in order")
    equal([m.message_id() for m in got], ids, "ids of the receipts")
    check(max(m.message_id().batch_index() for m in got) > 0, "there are batches")
    check(len({m.message_id().entry_id() for m in got}) < 500, "batches hold several messages")
    p.close()
    p = ctx.producer(t, batching_enabled=True, batching_max_messages=100, batching_max_publish_delay_ms=50,
                     batching_type=pulsar.BatchingType.KeyBased)
    for i in range(500):
        p.send_async(b"m-%d" % i, lambda *_: None, partition_key=f"key-{i % 5}")
    p.flush()
    got = receive_n(c, 500)
    for k in range(5):
        mine = [m for m in got if m.partition_key() == f"key-{k}"]
        equal(datas(mine), [b"m-%d" % i for i in range(500) if i % 5 == k], f"order of key {k}")
    entries = {}
    for m in got:
        entries.setdefault((m.message_id().ledger_id(), m.message_id().entry_id()), set()).add(m.partition_key())
    check(all(len(k) == 1 for k in entries.values()), "one key per batch")
    nothing(c)


def compression(ctx, codec):
    t = ctx.topic()
    c = ctx.subscribe(t)
    body = [(b"%d " % i) * 3000 for i in range(50)]
    single = ctx.producer(t, compression_type=CODECS[codec])
    for b in body:
        single.send(b, properties={"codec": codec})
    batch = ctx.producer(t, compression_type=CODECS[codec], batching_enabled=True, batching_max_messages=10,
                         batching_max_publish_delay_ms=50)
    for b in body:
        batch.send_async(b, lambda *_: None)
    batch.flush()
    got = receive_n(c, 100)
    equal(datas(got), body + body, "bodies")
    equal(got[0].properties(), {"codec": codec}, "properties")
    if codec != "none":
        size = ctx.admin("GET", ctx.path(t) + "/stats")["storageSize"]
        check(size < sum(map(len, body)), f"stored compressed: {size} bytes")


for _codec in CODECS:
    scenario("compress-" + _codec)(lambda ctx, codec=_codec: compression(ctx, codec))


@scenario("chunked")
def chunked(ctx):
    t = ctx.topic()
    c = ctx.subscribe(t)
    p = ctx.producer(t, chunking_enabled=True)
    two = [os.urandom(20_000_000) for _ in range(2)]
    for b in two:
        p.send(b, properties={"sha": hashlib.sha256(b).hexdigest()})
    p.send(b"small")
    got = receive_n(c, 3, 30000)
    equal([len(m.data()) for m in got], [20_000_000, 20_000_000, 5], "sizes")
    for m, b in zip(got, two):
        check(m.data() == b, "the same 20 MB")
        equal(m.properties(), {"sha": hashlib.sha256(b).hexdigest()}, "properties")
    c.close()
    c = ctx.subscribe(t)
    nothing(c)
    r = ctx.client.create_reader(t, pulsar.MessageId.earliest)
    check(r.read_next(20000).data() == two[0], "a reader gets it whole")


@scenario("encrypted")
def encrypted(ctx):
    def key(name):
        return pulsar.CryptoKeyReader(f"{ctx.keys}/{name}.public.pem", f"{ctx.keys}/{name}.private.pem")

    t = ctx.topic()
    holder = ctx.subscribe(t, "holder", crypto_key_reader=key("one"))
    blind = ctx.subscribe(t, "blind", crypto_failure_action=pulsar.ConsumerCryptoFailureAction.CONSUME)
    refused = ctx.subscribe(t, "refused")
    for batching in (False, True):
        p = ctx.producer(t, encryption_key="interop", crypto_key_reader=key("one"), batching_enabled=batching,
                         compression_type=pulsar.CompressionType.ZSTD)
        send_n(p, 0, 10)
        equal(datas(receive_n(holder, 10)), bodies(0, 10), "decrypted")
        p.close()
    m = receive_n(blind, 1)[0]
    check(b"m-" not in m.data()[:4], "cipher text without the key")
    equal([k.key for k in m.encryption_context().keys()], ["interop"], "names of the keys")
    nothing(refused)
