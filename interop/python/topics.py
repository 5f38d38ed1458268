# SPDX-License-Identifier: Apache-2.0
"""Partitions, patterns, several topics, schemas, names, closing, ending, counting."""

import re

import pulsar
from pulsar import schema

from ctx import bodies, check, datas, equal, fails, nothing, receive_n, scenario, send_n, until


@scenario("partitioned")
def partitioned(ctx):
    t = ctx.topic()
    ctx.partitions(t, 4)
    parts = [f"{t}-partition-{i}" for i in range(4)]
    equal(ctx.client.get_topic_partitions(t), parts, "names of the partitions")
    c = ctx.subscribe(t)
    p = ctx.producer(t)
    send_n(p, 0, 100)
    got = receive_n(c, 100)
    equal(sorted(datas(got)), sorted(bodies(0, 100)), "all messages")
    equal({m.topic_name() for m in got}, set(parts), "partitions used")
    for i, part in enumerate(parts):
        mine = [m for m in got if m.topic_name() == part]
        equal({m.message_id().partition() for m in mine}, {i}, "partition in the id")
        numbers = [int(m.data()[2:]) for m in mine]
        equal(numbers, sorted(numbers), "order in a partition")
    for i in range(100):
        p.send(b"m-%d" % i, partition_key=f"key-{i % 10}")
    got = receive_n(c, 100)
    for k in range(10):
        mine = [m for m in got if m.partition_key() == f"key-{k}"]
        equal(len({m.topic_name() for m in mine}), 1, "partitions of one key")
        equal(datas(mine), [b"m-%d" % i for i in range(100) if i % 10 == k], "order of one key")
    c.close()
    c = ctx.subscribe(t)
    nothing(c)
    equal(datas(receive_n(ctx.subscribe(parts[2], "direct"), 1))[0][:2], b"m-", "one partition alone")


@scenario("pattern")
def pattern(ctx):
    early = [ctx.topic("match-a"), ctx.topic("match-b")]
    other = ctx.topic("other")
    for t in [*early, other]:
        ctx.producer(t).send(t.encode())
    c = ctx.subscribe(re.compile(f"persistent://public/default/{ctx.unique}-match-.*"), "sub",
                      pattern_auto_discovery_period=1)
    equal(sorted(datas(receive_n(c, 2))), sorted(t.encode() for t in early), "topics that were there")
    late, parted = ctx.topic("match-late"), ctx.topic("match-parted")
    ctx.producer(late).send(b"late")
    ctx.partitions(parted, 2)
    send_n(ctx.producer(parted), 0, 10)
    # 3.13.0 drops the period that it is given, so it looks every 60 s
    equal(sorted(datas(receive_n(c, 11, 75000))), sorted([b"late", *bodies(0, 10)]), "topics made after subscribing")
    nothing(c)
    c.close()
    nothing(ctx.subscribe(late))


@scenario("multi-topic")
def multi_topic(ctx):
    three = [ctx.topic(f"t{i}") for i in range(3)]
    ctx.partitions(three[2], 2)
    c = ctx.subscribe(three)
    for i, t in enumerate(three):
        send_n(ctx.producer(t), 100 * i, 50)
    got = receive_n(c, 150)
    equal(sorted(datas(got)), sorted(bodies(0, 50) + bodies(100, 50) + bodies(200, 50)), "all messages")
    for i, t in enumerate(three[:2]):
        equal([m.data() for m in got if m.topic_name() == t], bodies(100 * i, 50), "order in a topic")
    c.close()
    c = ctx.subscribe(three)
    nothing(c)


@scenario("schema-string")
def schema_string(ctx):
    t = ctx.topic()
    c = ctx.subscribe(t, schema=schema.StringSchema())
    p = ctx.producer(t, schema=schema.StringSchema())
    p.send("grüße")
    p.send("")
    got = receive_n(c, 2)
    equal([m.value() for m in got], ["grüße", ""], "values")
    equal(datas(receive_n(ctx.subscribe(t, "raw"), 1)), ["grüße".encode()], "without a schema")


class Point(schema.Record):
    x = schema.Integer()
    y = schema.Double()
    name = schema.String()


@scenario("schema-json")
def schema_json(ctx):
    t = ctx.topic()
    c = ctx.subscribe(t, schema=schema.JsonSchema(Point))
    p = ctx.producer(t, schema=schema.JsonSchema(Point))
    for i in range(10):
        p.send(Point(x=i, y=i / 2, name=f"p{i}"))
    got = receive_n(c, 10)
    equal([(m.value().x, m.value().y, m.value().name) for m in got], [(i, i / 2, f"p{i}") for i in range(10)],
          "values")
    ctx.producer(t, schema=schema.JsonSchema(Point)).send(Point(x=1, y=1.0, name="again"))
    equal(receive_n(c, 1)[0].value().name, "again", "a second producer with the schema")


@scenario("producer-busy")
def producer_busy(ctx):
    t = ctx.topic()
    p = ctx.producer(t, producer_name="taken")
    equal(p.producer_name(), "taken", "name")
    other = ctx.new_client(operation_timeout_seconds=5)
    fails(pulsar.ProducerBusy, other.create_producer, t, producer_name="taken")
    fails(pulsar.ProducerBusy, ctx.producer, t, producer_name="taken")
    p.send(b"still works")
    p.close()
    q = other.create_producer(t, producer_name="taken")
    q.send(b"now free")
    other.close()
    until(lambda: not ctx.stats(t)["publishers"], "the broker forgets the producer")
    ctx.producer(t, producer_name="taken").send(b"free again")


@scenario("subscribe-rate")
def subscribe_rate(ctx):
    t = ctx.topic()
    send_n(ctx.producer(t), 0, 5)
    ctx.admin("POST", ctx.path(t) + "/subscribeRate",
              {"subscribeThrottlingRatePerConsumer": 2, "ratePeriodInSecond": 2})

    def comes(name="the-consumer"):
        """The consumer, with the same id each time; None: it is limited."""
        try:
            return ctx.subscribe(t, consumer_name=name, client=ctx.new_client())
        except pulsar.NotAllowedError:
            return None

    def limited():
        c = comes()
        if c:
            c.close()
        return not c

    until(limited, "it comes too often")
    comes("another").close()
    c = until(comes, "it gets through later", 10)
    equal(datas(receive_n(c, 5)), bodies(0, 5), "bodies")


@scenario("close")
def close(ctx):
    t = ctx.topic()
    c, p = ctx.subscribe(t, kind=pulsar.ConsumerType.Shared), ctx.producer(t)
    send_n(p, 0, 5)
    receive_n(c, 5)
    # the broker closes both ends: clients come back by themselves
    for i in range(1, 4):
        until(lambda: ctx.stats(t)["subscriptions"]["sub"]["msgBacklog"] == 0, "the acks are there")
        ctx.admin("PUT", ctx.path(t) + "/unload")
        send_n(p, 10 * i, 5)
        equal(datas(receive_n(c, 5)), bodies(10 * i, 5), "after the broker closed both ends")
    # the client closes
    p.close()
    fails(pulsar.AlreadyClosed, p.close)
    fails(pulsar.PulsarException, p.send, b"late")
    d = ctx.subscribe(t, kind=pulsar.ConsumerType.Shared)
    fails(pulsar.PulsarException, c.unsubscribe)
    d.close()
    fails(pulsar.PulsarException, d.receive, 100)
    until(lambda: not ctx.stats(t)["publishers"], "no producer left")
    until(lambda: len(ctx.stats(t)["subscriptions"]["sub"]["consumers"]) == 1, "one consumer left")
    c.unsubscribe()
    until(lambda: "sub" not in ctx.stats(t)["subscriptions"], "the subscription is gone")
    c2 = ctx.subscribe(t, initial_position=pulsar.InitialPosition.Latest)
    nothing(c2)
    # a whole client goes
    other = ctx.new_client()
    ctx.subscribe(t, "other", client=other)
    other.create_producer(t)
    other.close()
    fails(pulsar.PulsarException, other.create_producer, t)
    until(lambda: not ctx.stats(t)["subscriptions"]["other"]["consumers"], "its consumer is gone")
    # the topic goes: refused while it is in use, unless forced
    ctx.admin("DELETE", ctx.path(t), want=(412,))
    c2.close()
    ctx.admin("DELETE", ctx.path(t) + "?force=true")
    ctx.admin("GET", ctx.path(t) + "/stats", want=(404,))


@scenario("terminate")
def terminate(ctx):
    t = ctx.topic()
    c, p = ctx.subscribe(t), ctx.producer(t)
    ids = send_n(p, 0, 10)
    got = receive_n(c, 5)
    last = ctx.admin("POST", ctx.path(t) + "/terminate")
    equal((last["ledgerId"], last["entryId"]), (ids[9].ledger_id(), ids[9].entry_id()), "id of the last message")
    fails(pulsar.PulsarException, p.send, b"late")
    fails(pulsar.PulsarException, ctx.new_client(operation_timeout_seconds=5).create_producer, t)
    got += receive_n(c, 5)
    equal(datas(got), bodies(0, 10), "everything before the end")
    nothing(c)
    r = ctx.client.create_reader(t, pulsar.MessageId.earliest)
    equal([r.read_next(10000).data() for _ in range(10)], bodies(0, 10), "a reader afterwards")
    check(not r.has_message_available(), "and then the end")
    # the C++ client below has no case for REACHED_END_OF_TOPIC and would come back again and again
    addresses = lambda: sorted(x["address"] for sub in ctx.stats(t)["subscriptions"].values() for x in sub["consumers"])
    before = addresses()
    nothing(c)
    equal(addresses(), before, "the connections after the end")


@scenario("stats")
def stats(ctx):
    t = ctx.topic()
    c = ctx.subscribe(t, consumer_name="the-consumer", kind=pulsar.ConsumerType.Shared, receiver_queue_size=100)
    p = ctx.producer(t, producer_name="the-producer")
    send_n(p, 0, 20)
    got = receive_n(c, 20, ack=False)

    def now():
        s = ctx.stats(t)
        sub = s["subscriptions"]["sub"]
        return (s["msgInCounter"], sub["msgOutCounter"], sub["msgBacklog"], sub["unackedMessages"])

    until(lambda: now() == (20, 20, 20, 20), "20 in, 20 out, 20 unacked")
    s = ctx.stats(t)
    equal([x["producerName"] for x in s["publishers"]], ["the-producer"], "producers")
    sub = s["subscriptions"]["sub"]
    equal(sub["type"], "Shared", "type")
    equal([x["consumerName"] for x in sub["consumers"]], ["the-consumer"], "consumers")
    equal(sub["consumers"][0]["unackedMessages"], 20, "its unacked messages")
    check(0 < sub["consumers"][0]["availablePermits"] <= 100, "its permits")
    check(s["storageSize"] > 0, "stored bytes")
    for m in got[:15]:
        c.acknowledge(m)
    until(lambda: now() == (20, 20, 5, 5), "15 acked")
    for m in got[15:]:
        c.acknowledge(m)
    until(lambda: now() == (20, 20, 0, 0), "all acked")
