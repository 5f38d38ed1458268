# SPDX-License-Identifier: Apache-2.0
"""Acknowledgements, negative acknowledgements, redelivery, dead letters."""

import time

import pulsar

from ctx import bodies, check, datas, equal, fails, nothing, receive_n, scenario, send_n, until

KIND = pulsar.ConsumerType


def backlog(ctx, topic, sub="sub"):
    return ctx.stats(topic)["subscriptions"][sub]["msgBacklog"]


@scenario("ack-individual")
def ack_individual(ctx):
    t = ctx.topic()
    for kind in (KIND.Exclusive, KIND.Shared):
        sub = f"sub-{kind.name}"
        c = ctx.subscribe(t, sub, kind)
        c.close()
    send_n(ctx.producer(t), 0, 100)
    for kind in (KIND.Exclusive, KIND.Shared):
        sub = f"sub-{kind.name}"
        c = ctx.subscribe(t, sub, kind)
        got = receive_n(c, 100, ack=False)
        for m in got[1::2]:
            c.acknowledge(m.message_id())
        c.close()
        c = ctx.subscribe(t, sub, kind)
        again = receive_n(c, 50)
        equal(datas(again), bodies(0, 100)[0::2], "the unacked half comes again, in order")
        nothing(c)
        c.acknowledge(again[0])         # a second ack is nothing to worry about
        c.close()
        nothing(ctx.subscribe(t, sub, kind))
        until(lambda: backlog(ctx, t, sub) == 0, "backlog is 0")  # noqa: B023


@scenario("ack-cumulative")
def ack_cumulative(ctx):
    t = ctx.topic()
    for kind in (KIND.Exclusive, KIND.Failover):
        ctx.subscribe(t, f"sub-{kind.name}", kind).close()
    send_n(ctx.producer(t), 0, 100)
    for kind in (KIND.Exclusive, KIND.Failover):
        sub = f"sub-{kind.name}"
        c = ctx.subscribe(t, sub, kind)
        got = receive_n(c, 100, ack=False)
        c.acknowledge(got[80])
        c.acknowledge_cumulative(got[59])
        c.close()
        c = ctx.subscribe(t, sub, kind)
        got = receive_n(c, 39, ack=False)
        equal(datas(got), [b"m-%d" % i for i in range(60, 100) if i != 80], "what was behind the ack")
        c.acknowledge_cumulative(got[-1])
        c.close()
        c = ctx.subscribe(t, sub, kind)
        nothing(c)
        until(lambda: backlog(ctx, t, sub) == 0, "backlog is 0")  # noqa: B023
    c = ctx.subscribe(t, "sub-none", KIND.Shared)
    m = receive_n(c, 1, ack=False)[0]
    fails(pulsar.CumulativeAcknowledgementNotAllowedError, c.acknowledge_cumulative, m)


@scenario("ack-batch-index")
def ack_batch_index(ctx):
    t = ctx.topic()

    def sub():
        return ctx.subscribe(t, batch_index_ack_enabled=True)

    sub().close()
    p = ctx.producer(t, batching_enabled=True, batching_max_messages=10, batching_max_publish_delay_ms=2000)
    send_n(p, 0, 100)
    c = sub()
    got = receive_n(c, 100, ack=False)
    equal({m.message_id().batch_index() for m in got}, set(range(10)), "batches of ten")
    # (none of the batch that the cumulative ack below ends in: brokers differ in whether it unites with these)
    left = [i for i in range(100) if i % 3 or 40 <= i < 50]
    for i in set(range(100)) - set(left):
        c.acknowledge(got[i])
    c.close()
    c = sub()
    got = receive_n(c, len(left), ack=False)
    equal(datas(got), [b"m-%d" % i for i in left], "only the unacked messages of each batch come again")
    # cumulative into the middle of a batch: up to and with 44
    c.acknowledge_cumulative(next(m for m in got if m.data() == b"m-44"))
    c.close()
    left = [i for i in left if i > 44]
    c = sub()
    got = receive_n(c, len(left), ack=False)
    equal(datas(got), [b"m-%d" % i for i in left], "what was behind the cumulative ack")
    for m in got:
        c.acknowledge(m)
    c.close()
    c = sub()
    nothing(c)
    until(lambda: backlog(ctx, t) == 0, "backlog is 0")


@scenario("nack")
def nack(ctx):
    t = ctx.topic()
    c = ctx.subscribe(t, kind=KIND.Shared, negative_ack_redelivery_delay_ms=100)
    send_n(ctx.producer(t), 0, 10)
    for count in (0, 1, 2):
        got = receive_n(c, 10, ack=False)
        equal({m.redelivery_count() for m in got}, {count}, "redelivery count")
        equal(sorted(datas(got)), bodies(0, 10), "all ten")
        for m in got:
            c.negative_acknowledge(m)
    got = receive_n(c, 10, ack=False)
    for m in got[1:]:
        c.acknowledge(m)
    c.negative_acknowledge(got[0])
    m = receive_n(c, 1)[0]
    equal((m.data(), m.redelivery_count()), (got[0].data(), 4), "the one that was left")
    nothing(c)
    c.close()
    # exclusive: everything unacked comes again in order
    c = ctx.subscribe(t, "other", negative_ack_redelivery_delay_ms=100)
    got = receive_n(c, 10, ack=False)
    for m in got[:5]:
        c.acknowledge(m)
    for m in got[5:]:
        c.negative_acknowledge(m)
    equal(datas(receive_n(c, 5)), bodies(5, 5), "exclusive subscription: in order")
    nothing(c)


@scenario("ack-timeout")
def ack_timeout(ctx):
    t = ctx.topic()
    c = ctx.subscribe(t, kind=KIND.Shared, unacked_messages_timeout_ms=10000)
    send_n(ctx.producer(t), 0, 10)
    got = receive_n(c, 10, ack=False)
    for m in got[:6]:
        c.acknowledge(m)
    t0 = time.monotonic()
    again = receive_n(c, 4, 25000)
    check(time.monotonic() - t0 > 5, "not before the timeout")
    equal(sorted(datas(again)), bodies(6, 4), "the unacked ones")
    check(all(m.redelivery_count() >= 1 for m in again), "redelivery count")
    nothing(c)
    # the client can also ask for all of them itself
    send_n(ctx.producer(t), 10, 5)
    receive_n(c, 5, ack=False)
    c.redeliver_unacknowledged_messages()
    equal(sorted(datas(receive_n(c, 5))), bodies(10, 5), "redelivered on demand")


@scenario("dead-letter")
def dead_letter(ctx):
    t, dlq = ctx.topic(), ctx.topic("dlq")
    policy = pulsar.ConsumerDeadLetterPolicy(max_redeliver_count=2, dead_letter_topic=dlq,
                                             initial_subscription_name="undertaker")
    c = ctx.subscribe(t, kind=KIND.Shared, negative_ack_redelivery_delay_ms=100, dead_letter_policy=policy)
    p = ctx.producer(t)
    ids = [p.send(b"m-%d" % i, properties={"n": str(i)}, partition_key=f"k{i}") for i in range(10)]
    counts = {}
    end = time.monotonic() + 30
    bad = {b"m-%d" % i for i in range(10) if i % 2}
    while time.monotonic() < end and not (len(counts) == 10 and all(counts[b] == 3 for b in bad)):
        m = c.receive(15000)
        counts[m.data()] = counts.get(m.data(), 0) + 1
        equal(m.redelivery_count(), counts[m.data()] - 1, "redelivery count")
        if m.data() in bad:
            c.negative_acknowledge(m)
        else:
            c.acknowledge(m)
    equal(counts, {b: 3 if b in bad else 1 for b in bodies(0, 10)}, "deliveries of each message")
    d = ctx.subscribe(dlq, "undertaker")
    got = receive_n(d, 5)
    equal(datas(got), sorted(bad), "dead letters, in order")
    for m in got:
        i = int(m.data()[2:])
        equal(m.properties()["n"], str(i), "own properties")
        equal(m.properties()["REAL_TOPIC"], t, "REAL_TOPIC")
        check(m.properties().get("ORIGIN_MESSAGE_ID") or m.properties().get("ORIGIN_MESSAGE_IDY_TIME"),
              f"origin id: {m.properties()}")
        equal(m.partition_key(), f"k{i}", "key")
    equal(len(ids), 10, "receipts")
    nothing(c)
    until(lambda: backlog(ctx, t) == 0, "the topic's backlog is 0")
