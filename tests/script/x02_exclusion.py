# SPDX-License-Identifier: Apache-2.0
"""A group of RocketMQ's and a subscription of Pulsar's of one name: handed over, not
interleaved."""
import time

from mqlib import Client as Pulsar
from mqlib import check, equal, ours
import mqlib
import rmqlib
from rmqlib import Client, consumer
from r08_pop_reply import ack, handles, pop
from x01_cross import pulsar_name

TYPES = ("Exclusive", "Failover", "Shared", "Key_Shared")


def try_subscribe(p, topic, sub, kind="Exclusive", cid=1):
    """None, or the error that it got"""
    req = p.next_req()
    p.tx("SUBSCRIBE", request_id=req, topic=topic, subscription=sub,
         subType=mqlib.pb.CommandSubscribe.SubType.Value(kind),
         consumer_id=cid, consumer_name=f"c{cid}")
    name = None
    while name not in ("SUCCESS", "ERROR"):
        name, m, _ = p.rx_any()
    return None if name == "SUCCESS" else mqlib.pb.ServerError.Name(m.error)


def becomes(p, want, topic, sub, kind="Exclusive"):
    """A claim stands shortly after the heartbeat was answered, and goes so."""
    def one():
        got = try_subscribe(p, topic, sub, kind)
        if got is None and want is not None:
            p.ask("CLOSE_CONSUMER", "SUCCESS", consumer_id=1)
        return got == want
    rmqlib.until(f"{kind} to get {want}", one)


def made(b, c, queues=2, **group):
    t, g = b.name(), b.name("g")
    c.create_topic(t, queues=queues)
    c.create_group(g, **group)
    return t, g


def pull_until(c, t, g, code, **kw):
    def one():
        a = c.pull(t, group=g, code=None, **kw)
        return a if a.code == code else None
    return rmqlib.until(f"a pull to get {code}", one)


@ours("two protocols")
def test_members_keep_consumers_off(b):
    with Client(b) as c, Pulsar(b) as p:
        t, g = made(b, c)
        c.heartbeat(consumers=[consumer(g, t)])
        for q in range(2):
            for kind in TYPES:
                becomes(p, "ConsumerBusy", pulsar_name(t, q), g, kind)
        # others are not concerned
        equal(try_subscribe(p, pulsar_name(t), "other"), None)
        c.ask("UNREGISTER_CLIENT", clientID="x", consumerGroup=g)
        becomes(p, None, pulsar_name(t, 1), g)


@ours("two protocols")
def test_until_the_last_one_goes(b):
    with Client(b) as c, Pulsar(b) as p:
        t, g = made(b, c)
        with Client(b) as d:
            d.heartbeat(consumers=[consumer(g, t)], clientID="d")
            with Client(b) as e:
                e.heartbeat(consumers=[consumer(g, t)], clientID="e")
                becomes(p, "ConsumerBusy", pulsar_name(t), g)
            time.sleep(0.2)     # what follows from e's end has no answer
            equal(try_subscribe(p, pulsar_name(t), g), "ConsumerBusy")
        becomes(p, None, pulsar_name(t), g)


@ours("two protocols")
def test_topic_that_is_dropped(b):
    """A member that reads another topic now lets go of the first."""
    with Client(b) as c, Pulsar(b) as p:
        t, g = made(b, c)
        u, _ = made(b, c)
        c.heartbeat(consumers=[consumer(g, t)])
        becomes(p, "ConsumerBusy", pulsar_name(t), g)
        c.heartbeat(consumers=[consumer(g, u, version=2)])
        becomes(p, "ConsumerBusy", pulsar_name(u), g)
        becomes(p, None, pulsar_name(t), g)


@ours("two protocols")
def test_topic_that_comes_later(b):
    with Client(b) as c, Pulsar(b) as p:
        _, g = made(b, c)
        t = b.name()
        c.heartbeat(consumers=[consumer(g, t)])
        c.create_topic(t, queues=2)
        becomes(p, "ConsumerBusy", pulsar_name(t, 1), g)


@ours("two protocols")
def test_consumers_keep_pulls_off(b):
    """SYSTEM_BUSY: clients try again, and go on when the consumers have gone."""
    for kind in TYPES:
        with Client(b) as c:
            t, g = made(b, c)
            c.send(t, b"x", queueId=0)
            with Pulsar(b) as p:
                p.subscribe(pulsar_name(t), g, sub_type=kind)
                c.heartbeat(consumers=[consumer(g, t)])
                a = c.pull(t, group=g, code=2)
                check("connected" in a.remark, a.remark)
                # of the other queue nobody is
                c.pull(t, group=g, queue=1, code=19)
                c.pull(t, group=b.name("other"), code=0)
            a = pull_until(c, t, g, 0)
            equal([r.body for r in a.records()], [b"x"])
            # and the claim is made up for
            with Pulsar(b) as p:
                becomes(p, "ConsumerBusy", pulsar_name(t), g, kind)


@ours("two protocols")
def test_pop_and_shared_may_mix(b):
    with Client(b) as c, Pulsar(b) as p:
        t, g = made(b, c, queues=1)
        c.heartbeat(consumers=[consumer(g, t, consume_type="CONSUME_POP")])
        for kind in ("Exclusive", "Failover", "Key_Shared"):
            becomes(p, "ConsumerBusy", pulsar_name(t), g, kind)
        equal(try_subscribe(p, pulsar_name(t), g, "Shared"), None)
        c.send(t, b"a")
        p.flow(1, 1)
        m, = p.messages(1)
        c.send(t, b"b")
        (r, h), = handles(b, pop(c, t, g))
        equal(r.body, b"b")
        ack(c, t, g, r, h)
        p.ack(1, m.pos)


@ours("two protocols")
def test_told_to_pop(b):
    """A push consumer that the broker tells to pop"""
    with Client(b) as c, Pulsar(b) as p:
        t, g = made(b, c, queues=1)
        c.ask("SET_MESSAGE_REQUEST_MODE", body=rmqlib.json.dumps(dict(
            topic=t, consumerGroup=g, mode="POP",
            popShareQueueNum=0)).encode())
        c.heartbeat(consumers=[consumer(g, t)])
        becomes(p, "ConsumerBusy", pulsar_name(t), g, "Exclusive")
        equal(try_subscribe(p, pulsar_name(t), g, "Shared"), None)


@ours("two protocols")
def test_broadcasting_is_on_its_own(b):
    """It has no cursor here."""
    with Client(b) as c, Pulsar(b) as p:
        t, g = made(b, c, queues=1)
        c.send(t, b"x")
        c.heartbeat(consumers=[consumer(g, t, model="BROADCASTING")])
        p.subscribe(pulsar_name(t), g)
        a = c.pull(t, group=g, sysFlag=0, subVersion=1)
        equal([r.body for r in a.records()], [b"x"])


@ours("two protocols")
def test_handed_over(b):
    with Client(b) as c:
        t, g = made(b, c, queues=1)
        for i in range(6):
            c.send(t, b"%d" % i)
        c.heartbeat(consumers=[consumer(g, t)])
        c.ask("UPDATE_CONSUMER_OFFSET", consumerGroup=g, topic=t, queueId=0,
              commitOffset=2)
        c.ask("UNREGISTER_CLIENT", clientID="x", consumerGroup=g)
        with Pulsar(b) as p:
            becomes(p, None, pulsar_name(t), g)
            p.flow(1, 3)
            ms = p.messages(3)
            equal([m.payload for m in ms], [b"2", b"3", b"4"])
            req = p.next_req()
            p.ack(1, ms[-1].pos, cumulative=True, req=req)
            p.rx("ACK_RESPONSE", request_id=req)
        c.heartbeat(consumers=[consumer(g, t)])
        a = pull_until(c, t, g, 0, offset=5)
        equal([r.body for r in a.records()], [b"5"])
        a = c.ask("QUERY_CONSUMER_OFFSET", consumerGroup=g, topic=t, queueId=0)
        equal(a.ext["offset"], "5")
