# SPDX-License-Identifier: Apache-2.0
"""/metrics under the names of RocketMQ's RIP-46."""
import re
import time
import urllib.request

from mqlib import alone, check, equal, options, ours
import mqlib
import rmqlib
from rmqlib import Client, batch, consumer, until
from r07_delay_txn import end, half
from r08_pop_reply import ack, handles, pop
from x01_cross import pulsar_name

here = ours("the reference tells it on a port of its own")
# names, types and labels that RocketMQ 5.5.0's exporter has of what we tell
TOPIC = {"topic"}
GROUP = {"topic", "consumer_group", "is_retry"}
THEIRS = {
    "rocketmq_messages_in_total": ("counter", TOPIC),
    "rocketmq_throughput_in_total": ("counter", TOPIC),
    "rocketmq_messages_out_total": ("counter", TOPIC),
    "rocketmq_throughput_out_total": ("counter", TOPIC),
    "rocketmq_consumer_lag_messages": ("gauge", GROUP),
    "rocketmq_consumer_ready_messages": ("gauge", GROUP),
    "rocketmq_consumer_inflight_messages": ("gauge", GROUP),
    "rocketmq_broker_permission": ("gauge", set()),
    "rocketmq_producer_connections": ("gauge", set()),
    "rocketmq_consumer_connections": ("gauge", set()),
    "rocketmq_commit_messages_total": ("counter", set()),
    "rocketmq_rollback_messages_total": ("counter", set()),
    "rocketmq_send_to_dlq_messages_total": ("counter", set()),
    "rocketmq_storage_size_bytes": ("gauge", set()),
}
TYPED = TOPIC | {"message_type", "is_system"}
RPC = {"protocol_type", "request_code", "response_code", "is_long_polling",
       "result"}
STORED = TOPIC | {"storage_type", "storage_medium"}
KIB, HOUR = 1024, 3600
HISTOGRAMS = {
    "rocketmq_message_size": (
        TYPED, [KIB, 4 * KIB, 512 * KIB, KIB * KIB, 2 * KIB * KIB,
                4 * KIB * KIB]),
    "rocketmq_rpc_latency_milliseconds": (
        RPC, [1, 3, 5, 7, 10, 100, 1000, 2000, 3000]),
    "rocketmq_finish_message_latency_milliseconds": (
        TOPIC, [5, 60, 600, HOUR, 12 * HOUR, 24 * HOUR]),
    "rocketmq_delay_message_latency_seconds": (
        STORED, [60, 600, HOUR, 12 * HOUR, 24 * HOUR, 72 * HOUR]),
}


def page(b):
    with urllib.request.urlopen(f"http://{b.host}:{b.http}/metrics",
                                timeout=10) as r:
        return r.read().decode()


def samples(b):
    """{(name, labels without those of the broker): value}"""
    out = {}
    for name, labels, v in re.findall(
            r"^(rocketmq_\w+){([^}]*)} (\S+)$", page(b), re.M):
        labels = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        equal([labels.pop(k) for k in ("cluster", "node_type", "node_id")],
              ["DefaultCluster", "broker", "broker-a"])
        key = name, tuple(sorted(labels.items()))
        check(key not in out, "twice:", key)
        out[key] = float(v)
    return out


def value(b, name, **labels):
    return samples(b).get((name, tuple(sorted(labels.items()))))


def is_histogram(name):
    return re.sub("_(bucket|count|sum)$", "", name) in HISTOGRAMS


def histogram(b, name, **labels):
    """{upper bound: how many up to it}, and the sum; ({}, 0) if there is none"""
    buckets, total, n = {}, 0, 0
    for (k, have), v in samples(b).items():
        have = dict(have)
        le = have.pop("le", None)
        if any(have.get(x) != y for x, y in labels.items()):
            continue
        if k == name + "_bucket":
            equal(set(have), HISTOGRAMS[name][0], name)
            le = float(le)
            buckets[le] = buckets.get(le, 0) + v
        elif k == name + "_count":
            n += v
        elif k == name + "_sum":
            total += v
    if buckets:
        equal(sorted(buckets), HISTOGRAMS[name][1] + [float("inf")], name)
        equal(buckets[float("inf")], n, "the count of " + name)
    return buckets, total


def counts(b, name, **labels):
    """of each bucket alone"""
    buckets, last, out = histogram(b, name, **labels)[0], 0, []
    for le in sorted(buckets):
        out.append(buckets[le] - last)
        last = buckets[le]
    return out


@here
def test_names(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_group(g)
        c.send(t)
        pop(c, t, g, initMode=0)
        got = samples(b)
        equal({n for n, _ in got if not is_histogram(n)}, set(THEIRS))
        for name, labels in got:
            if not is_histogram(name):
                equal({k for k, _ in labels}, THEIRS[name][1], name)
        types = dict(re.findall(r"^# TYPE (rocketmq_\w+) (\w+)$", page(b),
                                re.M))
        equal(types, {**{n: kind for n, (kind, _) in THEIRS.items()},
                      **{n: "histogram" for n in HISTOGRAMS}})


@here
def test_topics(b):
    """Summed over queues, by RocketMQ's name; Pulsar's messages count."""
    t, ns = b.name(), b.name("ns")
    with Client(b) as c, mqlib.Client(b) as p:
        c.create_topic(t, queues=2, attributes="+queue.type=BatchCQ")
        for i in range(6):
            c.send(t, b"x" * 100, queueId=i % 2)
        c.send(t, batch(b"1", b"2", b"3"), request="SEND_BATCH_MESSAGE",
               batch=True, props={"UNIQ_KEY": "EE" * 16})
        p.producer(pulsar_name(t))
        p.publish(1, 0, b"p")
        c.send(f"{ns}%T")
        equal(value(b, "rocketmq_messages_in_total", topic=t), 10)
        equal(value(b, "rocketmq_messages_in_total", topic=f"{ns}%T"), 1)
        check(value(b, "rocketmq_throughput_in_total", topic=t) > 600)
        equal(value(b, "rocketmq_messages_out_total", topic=t), 0)
        got = c.drain(t, 0) + c.drain(t, 1)
        equal(value(b, "rocketmq_messages_out_total", topic=t), 10)
        check(value(b, "rocketmq_throughput_out_total", topic=t) >=
              sum(len(r.body) for r in got))


@here
def test_groups(b):
    t, g, g2 = b.name(), b.name("g"), b.name("g")

    def lag(group, topic=t):
        s = samples(b)
        key = tuple(sorted(dict(
            topic=topic, consumer_group=group,
            is_retry="true" if topic.startswith("%RETRY%") else "false"
            ).items()))
        return tuple(s.get((f"rocketmq_consumer_{k}_messages", key))
                     for k in ("lag", "ready", "inflight"))
    with Client(b) as c:
        c.create_topic(t, queues=2)
        for x in (g, g2):
            c.create_group(x)
        for i in range(20):
            c.send(t, queueId=i % 2)
        for q, n in ((0, 3), (1, 10)):
            c.ask("UPDATE_CONSUMER_OFFSET", consumerGroup=g, topic=t,
                  queueId=q, commitOffset=n)
        equal(lag(g), (7, 7, 0))
        got = handles(b, pop(c, t, g2, queue=0, n=4, initMode=0))
        equal(lag(g2), (10, 6, 4))
        equal(value(b, "rocketmq_messages_out_total", topic=t), 4)
        ack(c, t, g2, *got[0])
        until("the ack", lambda: lag(g2) == (9, 6, 3))
        c.ask("CONSUMER_SEND_MSG_BACK", group=g, originTopic=t, delayLevel=1,
              offset=got[1][0].locator, unitMode=False, maxReconsumeTimes=16)
        c.ask("UPDATE_CONSUMER_OFFSET", consumerGroup=g, topic="%RETRY%" + g,
              queueId=0, commitOffset=0)
        until("the retry", lambda: lag(g, "%RETRY%" + g) == (1, 1, 0))
        equal(value(b, "rocketmq_messages_in_total", topic="%RETRY%" + g),
              None)


@here
@alone
def test_broker(b):
    g, t, dead = b.name("g"), b.name(), b.name("g")
    with Client(b) as c, Client(b) as d:
        until("the permission",
              lambda: value(b, "rocketmq_broker_permission") == 6)
        c.heartbeat(producers=[g], consumers=[consumer(dead, t)])
        d.heartbeat(consumers=[consumer(dead, t)])
        equal(value(b, "rocketmq_producer_connections"), 1)
        equal(value(b, "rocketmq_consumer_connections"), 2)
        c.create_topic(t)
        for how in (8, 8, 12):
            end(c, half(c, t, g), g, t, how)
        until("the ends", lambda: (
            value(b, "rocketmq_commit_messages_total"),
            value(b, "rocketmq_rollback_messages_total")) == (2, 1))
        r = c.drain(t, 2)[0]
        c.ask("CONSUMER_SEND_MSG_BACK", group=dead, originTopic=t,
              delayLevel=-1, offset=r.locator, unitMode=False,
              maxReconsumeTimes=16)
        equal(value(b, "rocketmq_send_to_dlq_messages_total"), 1)
        until("the log", lambda: value(b, "rocketmq_storage_size_bytes") > 0)
    until("that they have gone", lambda: (
        value(b, "rocketmq_producer_connections"),
        value(b, "rocketmq_consumer_connections")) == (0, 0))


@here
def test_sizes(b):
    """Of each message that was stored, by its type; retries are none."""
    name, t, g = "rocketmq_message_size", b.name(), b.name("g")

    def seen(kind):
        return counts(b, name, topic=t, message_type=kind, is_system="false")
    with Client(b) as c:
        c.create_topic(t, attributes="+queue.type=BatchCQ")
        c.create_group(g)
        c.send(t, b"x")
        c.send(t, b"x" * 3500)
        c.send(t, b"x" * 4100)
        equal(seen("normal"), [1, 1, 1, 0, 0, 0, 0])
        size = len(c.pull(t).records()[0].raw)
        c.send(t, b"x" * (KIB - size + 1))
        c.send(t, b"x" * (KIB - size + 2))
        equal(seen("normal"), [2, 2, 1, 0, 0, 0, 0])
        total = histogram(b, name, topic=t)[1]
        equal(total, sum(len(r.raw) for q in range(4)
                         for r in c.drain(t, q)))
        c.send(t, batch(b"1", b"2" * 5000, b"3"),
               request="SEND_BATCH_MESSAGE", batch=True)
        equal(seen("normal"), [4, 2, 2, 0, 0, 0, 0])
        # an inner batch is one record: what a message has of it
        c.send(t, batch(*[b"x" * 900] * 9), request="SEND_BATCH_MESSAGE",
               batch=True, props={"UNIQ_KEY": "EE" * 16})
        equal(seen("normal"), [5, 2, 2, 0, 0, 0, 0])
        c.send(t, b"x", props={"__SHARDINGKEY": "k"})
        at = int(time.time() * 1000) + 3600000
        c.send(t, b"x", props={"TIMER_DELIVER_MS": at})
        half(c, t, g)
        for kind in ("fifo", "delay", "transaction"):
            equal(seen(kind), [1, 0, 0, 0, 0, 0, 0], kind)
        c.send(t, code=13, props={"INNER_NUM": "1"})
        c.send("%RETRY%" + g, reconsumeTimes=1)
        equal(sum(counts(b, name, topic=t)), 12)
        equal(counts(b, name, topic="%RETRY%" + g), [])


@here
@alone
def test_requests(b):
    name, t, g = "rocketmq_rpc_latency_milliseconds", b.name(), b.name("g")

    def n(request, response="success", result="success", waited="false"):
        return histogram(b, name, request_code=request,
                         response_code=response, result=result,
                         is_long_polling=waited, protocol_type="remoting")[0]\
            .get(float("inf"), 0)
    with Client(b) as c:
        c.create_topic(t)
        c.create_group(g)
        for _ in range(5):
            c.send(t)
        c.send(t, code=29, queueId=77)
        equal((n("send_message_v2"), n("send_message_v2",
                                       "invalid_parameter")), (5, 1))
        equal(n("update_and_create_topic"), 1)
        c.tx("UPDATE_CONSUMER_OFFSET", oneway=True, consumerGroup=g, topic=t,
             queueId=0, commitOffset=0)
        until("the one-way request",
              lambda: n("update_consumer_offset", result="oneway") == 1)
        for code in (7777, 88888888, 262143, -1):
            c.rx(c.tx(code), 3)
        equal(n("other", "request_code_not_supported"), 4)
        c.pull(t, 0, code=None)
        c.pull(t, 99, 21)
        equal((n("pull_message"), n("pull_message", "pull_offset_moved")),
              (1, 1))


@here
@alone
def test_waiting(b):
    """A request that waits is told apart, and takes the time that it waited."""
    name, t, g = "rocketmq_rpc_latency_milliseconds", b.name(), b.name("g")

    def waited(request):
        return histogram(b, name, request_code=request,
                         is_long_polling="true")

    def at_once(request):
        return histogram(b, name, request_code=request,
                         is_long_polling="false")[0].get(float("inf"), 0)
    with Client(b) as c:
        c.create_topic(t, queues=1)
        c.create_group(g)
        equal(waited("pull_message"), ({}, 0))
        began = time.monotonic()
        c.pull(t, 0, 19, suspend_ms=300)
        took = (time.monotonic() - began) * 1000
        buckets, total = waited("pull_message")
        equal((buckets[100], buckets[float("inf")]), (0, 1))
        check(250 <= total <= took + 50, total, took)
        o = c.tx_pull(t, 0, suspend_ms=20000)
        c.send(t)
        c.rx(o)
        equal(waited("pull_message")[0][float("inf")], 2)
        c.pull(t, 0, suspend_ms=20000)
        equal((waited("pull_message")[0][float("inf")],
               at_once("pull_message")), (2, 1))
        pop(c, t, g, initMode=0)
        c.rx(c.tx("POP_MESSAGE", **rmqlib.pop_fields(t, g, poll=200)), 210)
        equal((waited("pop_message")[0][float("inf")],
               at_once("pop_message")), (1, 1))


@here
def test_times(b):
    """How long messages are delayed, and how long transactions took."""
    t, g = b.name(), b.name("g")
    delay, finish = ("rocketmq_delay_message_latency_seconds",
                     "rocketmq_finish_message_latency_milliseconds")

    def now():
        return int(time.time() * 1000)
    with Client(b) as c:
        c.create_topic(t)
        for s in (50, 100, 700, 4000, 50000, 100000, 300000):
            born = now()
            c.send(t, bornTimestamp=born,
                   props={"TIMER_DELIVER_MS": born + s * 1000})
        c.send(t, props={"DELAY": "1"}, wait=False)
        equal(counts(b, delay, topic=t), [2, 1, 1, 1, 1, 1, 1])
        check(454850 < histogram(b, delay, topic=t)[1] < 454850 + 60)
        for age in (0, 10, 100):
            end(c, half(c, t, g, born=now() - age * 1000), g, t, 8)
        end(c, half(c, t, g), g, t, 12)
        until("the commits",
              lambda: counts(b, finish, topic=t) == [1, 1, 1, 0, 0, 0, 0])
        check(110 <= histogram(b, finish, topic=t)[1] < 140)


@here
@alone
def test_staged(b):
    """What waits, and what became of it."""
    t, g = b.name(), b.name("g")

    def is_there(**want):
        now = mqlib.counters(b)
        return all(now["magnetar_staged" + k] == v for k, v in want.items())
    with Client(b) as c:
        c.create_topic(t)
        at = int(time.time() * 1000) + 3600000
        a = c.send(t, props={"TIMER_DELIVER_MS": at, "UNIQ_KEY": "AA" * 16})
        c.send(t, props={"TIMER_DELIVER_MS": at, "UNIQ_KEY": "AB" * 16})
        c.send(t, props={"DELAY": "1"}, wait=False)
        h = half(c, t, g)
        until("the staged", lambda: is_there(
            **{"": 3, "_appended_total": 1}))
        end(c, h, g, t, 8)
        c.ask("RECALL_MESSAGE", producerGroup="script", topic=t,
              recallHandle=a.ext["recallHandle"])
        until("the others", lambda: is_there(
            **{"": 1, "_appended_total": 1, "_resolved_total": 1,
               "_recalled_total": 1, "_dropped_total": 0}))


@here
@options(rocketmqEnable="false")
def test_none(b):
    equal(samples(b), {})
