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


@here
def test_names(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_group(g)
        c.send(t)
        pop(c, t, g, initMode=0)
        got = samples(b)
        equal({n for n, _ in got}, set(THEIRS))
        for name, labels in got:
            equal({k for k, _ in labels}, THEIRS[name][1], name)
        types = dict(re.findall(r"^# TYPE (rocketmq_\w+) (\w+)$", page(b),
                                re.M))
        equal(types, {n: kind for n, (kind, _) in THEIRS.items()})


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
