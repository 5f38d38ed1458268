# SPDX-License-Identifier: Apache-2.0
"""Seek, readers, the last message id."""

import time

import pulsar

from ctx import bodies, check, datas, equal, nothing, receive_n, scenario, send_n

Id = pulsar.MessageId


@scenario("seek-id")
def seek_id(ctx):
    t = ctx.topic()
    c, p = ctx.subscribe(t), ctx.producer(t)
    ids = send_n(p, 0, 20)
    receive_n(c, 20)
    c.seek(ids[5])
    got = datas(receive_n(c, 14))
    equal(got, bodies(6, 14), "back: what follows the message")
    nothing(c)
    c.seek(Id.earliest)
    equal(datas(receive_n(c, 10)), bodies(0, 10), "earliest")
    c.seek(ids[14])
    equal(datas(receive_n(c, 5)), bodies(15, 5), "forward")
    c.seek(Id.earliest)
    c.seek(Id.latest)
    nothing(c)
    send_n(p, 20, 3)
    equal(datas(receive_n(c, 3)), bodies(20, 3), "latest: only what comes now")
    c.close()
    c = ctx.subscribe(t, start_message_id_inclusive=True)
    c.seek(ids[5])
    equal(datas(receive_n(c, 18)), bodies(5, 18), "back, with the message itself")
    c.close()
    nothing(ctx.subscribe(t))
    # into a batch
    t = ctx.topic("batch")
    c = ctx.subscribe(t)
    ids = send_n(ctx.producer(t, batching_enabled=True, batching_max_messages=10,
                              batching_max_publish_delay_ms=2000), 0, 30)
    receive_n(c, 30)
    c.seek(ids[13])
    equal(datas(receive_n(c, 16)), bodies(14, 16), "the rest of the batch and what follows")
    nothing(c)


@scenario("seek-time")
def seek_time(ctx):
    t = ctx.topic()
    c, p = ctx.subscribe(t), ctx.producer(t)
    send_n(p, 0, 10)
    time.sleep(0.05)
    middle = int(time.time() * 1000)
    time.sleep(0.05)
    send_n(p, 10, 10)
    receive_n(c, 20)
    c.seek(middle)
    equal(datas(receive_n(c, 10)), bodies(10, 10), "back")
    nothing(c)
    c.seek(1)
    equal(datas(receive_n(c, 5)), bodies(0, 5), "before everything")
    c.seek(middle)
    equal(datas(receive_n(c, 10)), bodies(10, 10), "forward")
    c.seek(1)
    c.seek(int(time.time() * 1000) + 100_000)
    nothing(c)
    send_n(p, 20, 3)
    equal(datas(receive_n(c, 3)), bodies(20, 3), "after everything: only what comes now")


def read_n(reader, n):
    return [reader.read_next(15000).data() for _ in range(n)]


@scenario("reader-id")
def reader_id(ctx):
    t = ctx.topic()
    p = ctx.producer(t)
    ids = send_n(p, 0, 20)
    r = ctx.client.create_reader(t, ids[9])
    equal(read_n(r, 10), bodies(10, 10), "exclusive")
    check(not r.has_message_available(), "nothing more")
    r = ctx.client.create_reader(t, ids[9], start_message_id_inclusive=True)
    equal(read_n(r, 11), bodies(9, 11), "inclusive")
    again = Id.deserialize(ids[4].serialize())
    r = ctx.client.create_reader(t, again)
    equal(read_n(r, 15), bodies(5, 15), "from an id that was stored as bytes")
    r.seek(ids[15])
    equal(read_n(r, 4), bodies(16, 4), "after a seek")
    t = ctx.topic("batch")
    ids = send_n(ctx.producer(t, batching_enabled=True, batching_max_messages=10,
                              batching_max_publish_delay_ms=2000), 0, 30)
    r = ctx.client.create_reader(t, ids[13])
    equal(read_n(r, 16), bodies(14, 16), "from inside a batch")
    r = ctx.client.create_reader(t, ids[13], start_message_id_inclusive=True)
    equal(read_n(r, 17), bodies(13, 17), "from inside a batch, inclusive")


@scenario("reader-ends")
def reader_ends(ctx):
    t = ctx.topic()
    p = ctx.producer(t)
    send_n(p, 0, 10)
    first, last = ctx.client.create_reader(t, Id.earliest), ctx.client.create_reader(t, Id.latest)
    check(first.has_message_available(), "messages from the earliest")
    check(not last.has_message_available(), "none from the latest")
    equal(read_n(first, 10), bodies(0, 10), "earliest")
    check(not first.has_message_available(), "all read")
    send_n(p, 10, 5)
    check(first.has_message_available(), "more")
    check(last.has_message_available(), "more for the latest")
    equal(read_n(last, 5), bodies(10, 5), "latest")
    equal(read_n(first, 5), bodies(10, 5), "earliest goes on")
    check(not last.has_message_available(), "all read")
    stats = ctx.stats(t)["subscriptions"]
    equal([s["durable"] for s in stats.values()], [False, False], "readers are not durable")
    first.close()
    last.close()
    end = time.monotonic() + 10
    while ctx.stats(t)["subscriptions"]:
        check(time.monotonic() < end, "a reader leaves nothing behind")
        time.sleep(0.05)


@scenario("last-message-id")
def last_message_id(ctx):
    t = ctx.topic()
    c, p = ctx.subscribe(t), ctx.producer(t)
    equal(c.get_last_message_id().entry_id(), -1, "an empty topic")
    mid = p.send(b"one")
    last = c.get_last_message_id()
    equal((last.ledger_id(), last.entry_id()), (mid.ledger_id(), mid.entry_id()), "a message")
    ids = send_n(ctx.producer(t, batching_enabled=True, batching_max_messages=10,
                              batching_max_publish_delay_ms=2000), 0, 10)
    last = c.get_last_message_id()
    equal((last.ledger_id(), last.entry_id(), last.batch_index()),
          (ids[9].ledger_id(), ids[9].entry_id(), 9), "a batch")
    receive_n(c, 11)
    equal(c.get_last_message_id(), last, "acks don't move it")
