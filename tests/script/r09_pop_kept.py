# SPDX-License-Identifier: Apache-2.0
"""POP: what leases are after a crash, what comes again, acks of many."""
import base64
import json
import time

from mqlib import alone, check, equal, ours
import mqlib
import rmqlib
from rmqlib import Client, consumer
from x01_cross import kv, pack, pulsar_name
from r08_pop_reply import ack, handles, pop, tx_pop


def again(c, t, g, **kw):
    """The next pop that gets something."""
    def one():
        a = pop(c, t, g, code=None, **kw)
        return a if a.code == 0 else None
    return rmqlib.until("a message", one, 40)


def change(c, t, g, r, handle, invisible, code=0):
    return c.ask("CHANGE_MESSAGE_INVISIBLETIME", consumerGroup=g, topic=t,
                 queueId=r.queue, extraInfo=handle, offset=r.offset,
                 invisibleTime=invisible, code=code)


def made(b, c, queues=1, **group):
    t, g = b.name(), b.name("g")
    c.create_topic(t, queues=queues)
    c.create_group(g, **group)
    return t, g


@ours("the reference's revive topic is behind by seconds")
def test_nack(b):
    """It comes back at once, counted; what was acked doesn't."""
    with Client(b) as c:
        t, g = made(b, c)
        for i in range(3):
            c.send(t, b"%d" % i)
        got = handles(b, pop(c, t, g))
        change(c, t, g, *got[1], invisible=0)
        (r, h), = handles(b, pop(c, t, g))
        equal((r.body, r.reconsumed), (b"1", 1))
        ack(c, t, g, *got[0])
        ack(c, t, g, r, h)
        ack(c, t, g, *got[2])
        pop(c, t, g, code=210)


@ours("the reference acks what another one has by now")
def test_old_handle(b):
    with Client(b) as c:
        t, g = made(b, c)
        c.send(t, b"x")
        (r, old), = handles(b, pop(c, t, g, invisible=500))
        (r, h), = handles(b, again(c, t, g))
        equal(r.reconsumed, 1)
        ack(c, t, g, r, old, code=208)
        change(c, t, g, r, old, 1000, code=208)
        ack(c, t, g, r, h)
        ack(c, t, g, r, h)                  # no fault


def test_batch_ack(b):
    with Client(b) as c:
        t, g = made(b, c)
        for i in range(10):
            c.send(t, b"%d" % i)
        a = pop(c, t, g, invisible=3000)
        bits = bytes([0b11101110, 0b01])    # all but 0, 4 and 9
        c.ask("BATCH_ACK_MESSAGE", json.dumps({
            "brokerName": b.broker_name, "acks": [{
                "c": g, "t": t, "r": "0", "so": 0, "q": 0,
                "rq": int(a.ext["reviveQid"]), "pt": int(a.ext["popTime"]),
                "it": 3000, "b": base64.b64encode(bits).decode()}]}).encode())
        left = set()

        def back():
            a = pop(c, t, g, code=None)
            if a.code == 0:
                for r, h in handles(b, a):
                    equal(r.reconsumed, 1)
                    left.add(r.body)
            return len(left) == 3
        rmqlib.until("what was not acked", back, 40)
        equal(left, {b"0", b"4", b"9"})


@ours("the reference passes over what only another one takes")
def test_unequal_tags(b):
    """Only what nobody of the group takes is passed over."""
    with Client(b) as c, Client(b) as d:
        t, g = made(b, c)
        for x, tag in ((c, "a"), (d, "b")):
            x.heartbeat(consumers=[consumer(g, t, tag)])
        c.rx_request("NOTIFY_CONSUMER_IDS_CHANGED")
        c.rx_request("NOTIFY_CONSUMER_IDS_CHANGED")
        d.rx_request("NOTIFY_CONSUMER_IDS_CHANGED")
        for i in range(6):
            c.send(t, b"%d" % i, tags="abz"[i % 3])
        a = pop(c, t, g, exp="a")
        equal([r.body for r in a.records()], [b"0", b"3"])
        pop(c, t, g, exp="a", code=210)
        a = pop(d, t, g, exp="b")
        equal([r.body for r in a.records()], [b"1", b"4"])
        pop(d, t, g, exp="z", code=210)     # passed over before


def test_no_notice_for_a_version(b):
    """Clients raise it when they were given other queues: no end of notices."""
    with Client(b) as c:
        t, g = made(b, c)
        c.heartbeat(consumers=[consumer(g, t, version=1)])
        c.rx_request("NOTIFY_CONSUMER_IDS_CHANGED")
        for v in range(2, 5):
            c.heartbeat(consumers=[consumer(g, t, version=v)])
        c.silent()


@ours("the reference keeps the group's retries in topics of their own")
def test_retry_topic(b):
    """What a push consumer sent back comes to those who pop, as of its topic."""
    with Client(b) as c:
        t, g = made(b, c)
        a = c.send(t, b"again")
        (r, h), = handles(b, pop(c, t, g))
        ack(c, t, g, r, h)
        c.ask("CONSUMER_SEND_MSG_BACK", offset=r.locator, group=g, delayLevel=1,
              originMsgId=a.ext["msgId"], originTopic=t, unitMode=False,
              maxReconsumeTimes=16)
        (r, h), = handles(b, again(c, t, g))
        equal((r.body, r.topic, r.reconsumed), (b"again", t, 1))
        equal(h.split(" ")[4], "1")
        c.ask("ACK_MESSAGE", consumerGroup=g, topic="%%RETRY%%%s_%s" % (g, t),
              queueId=0, extraInfo=h, offset=int(h.split(" ")[7]))
        pop(c, t, g, code=210)


@ours("the reference leaves dead letters of POP to its proxy")
def test_dead_letter(b):
    with Client(b) as c:
        t, g = made(b, c, retryMaxTimes=2)
        c.send(t, b"bad", props={"k": "v"})
        for i in range(3):
            (r, h), = handles(b, again(c, t, g))
            equal(r.reconsumed, i)
            change(c, t, g, r, h, 0)
        pop(c, t, g, code=210)

        def dead():
            a = c.pull("%DLQ%" + g, code=None)
            return a.records() if a.code == 0 else None
        r, = rmqlib.until("the dead letter", dead, 20)
        equal((r.body, r.props["k"], r.reconsumed), (b"bad", "v", 3))
        equal(r.props["RETRY_TOPIC"], t)

        def gone():
            pop(c, t, g, code=210)
            return True
        rmqlib.until("nothing", gone)


def test_order(b):
    """Nothing of a queue while something of it is out."""
    with Client(b) as c:
        t, g = made(b, c)
        for i in range(4):
            c.send(t, b"%d" % i)
        a = pop(c, t, g, queue=0, n=2, order=True)
        equal(a.ext["reviveQid"], "999")
        got = handles(b, a)
        equal([r.body for r, h in got], [b"0", b"1"])
        pop(c, t, g, queue=0, n=2, order=True, code=210)
        ack(c, t, g, *got[0])
        pop(c, t, g, queue=0, n=2, order=True, code=210)
        ack(c, t, g, *got[1])
        got = pop(c, t, g, queue=0, n=2, order=True).records()
        equal([r.body for r in got], [b"2", b"3"])


@ours("the reference has no shards, and may give a message twice")
def test_all_queues(b):
    """Two wait at all queues of several shards: each message comes once."""
    with Client(b) as c, Client(b) as d, Client(b) as p:
        t, g = made(b, c, queues=8)
        seen = []
        wait = {x: tx_pop(x, t, g, poll=1000) for x in (c, d)}

        def take(x):
            a = x.rx(wait[x], code=None)
            for r, h in handles(b, a) if a.code == 0 else ():
                seen.append(r.body)
                equal(r.reconsumed, 0)
                ack(x, t, g, r, h)
        for i in range(40):
            p.send(t, b"%d" % i, queueId=i % 8)
            if i % 4 == 3:
                for x in (c, d):
                    take(x)
                    wait[x] = tx_pop(x, t, g, poll=1000)

        def rest():
            a = pop(p, t, g, code=None)
            for r, h in handles(b, a) if a.code == 0 else ():
                seen.append(r.body)
                ack(p, t, g, r, h)
            return len(seen) >= 40
        for x in (c, d):
            take(x)
        rmqlib.until("all of them", rest, 40)
        equal(sorted(seen, key=int), [b"%d" % i for i in range(40)])


@ours("the reference has no Pulsar messages")
def test_pulsar_batch(b):
    """Each message of a Pulsar batch has a handle of its own."""
    with Client(b) as c, mqlib.Client(b) as p:
        t, g = made(b, c)
        p.producer(pulsar_name(t))
        p.publish(1, 0, pack(*[(b"%d" % i, dict(properties=kv(
            TAGS="ab"[i % 2]))) for i in range(5)]), num_messages=5,
            meta=dict(num_messages_in_batch=5))
        p.publish(1, 5, b"5", meta=dict(properties=kv(TAGS="a")))
        got = handles(b, pop(c, t, g, exp="a", invisible=1500))
        equal([(r.body, r.offset) for r, h in got],
              [(b"0", 0), (b"2", 2), (b"4", 4), (b"5", 5)])
        ack(c, t, g, *got[1])
        ack(c, t, g, *got[3])
        got = handles(b, again(c, t, g, exp="a"))
        equal([(r.body, r.reconsumed) for r, h in got],
              [(b"0", 1), (b"4", 1)])
        for r, h in got:
            ack(c, t, g, r, h)
        pop(c, t, g, code=210)


@ours("the reference has no such answer before its first lease")
def test_notification(b):
    with Client(b) as c, Client(b) as d:
        t, g = made(b, c)
        born = int(time.time() * 1000)
        note = dict(consumerGroup=g, topic=t, queueId=-1, bornTime=born,
                    order=False)
        equal(c.ask("NOTIFICATION", pollTime=0, **note).ext["hasMsg"],
              "false")
        o = c.tx("NOTIFICATION", pollTime=15000, **note)
        c.silent()
        d.send(t, b"x")
        equal(c.rx(o).ext["hasMsg"], "true")
        a = c.ask("PEEK_MESSAGE", consumerGroup=g, topic=t, queueId=-1,
                  maxMsgNums=8)
        equal([r.body for r in a.records()], [b"x"])
        r, = pop(c, t, g).records()         # it was not leased by that
        equal(r.reconsumed, 0)


@alone
@ours("the reference is not ended by scripts")
def test_after_a_crash(b):
    """A handle acks after a kill -9; what is out stays out, then it counts."""
    with Client(b) as c:
        t, g = made(b, c)
        for i in range(4):
            c.send(t, b"%d" % i)
        got = handles(b, pop(c, t, g, n=2, invisible=600000))
        short = handles(b, pop(c, t, g, n=1, invisible=5000))
        # an answer that is durable makes what was before it so
        change(c, t, g, *short[0], invisible=5000)
    b.crash()
    with Client(b) as c:
        r, = pop(c, t, g, n=1).records()
        equal((r.body, r.reconsumed), (b"3", 0))
        ack(c, t, g, *got[0])
        (r, h), = handles(b, again(c, t, g))
        equal((r.body, r.reconsumed), (b"2", 1))
        ack(c, t, g, r, h)
        ack(c, t, g, *got[1])
        check(pop(c, t, g, code=210) is not None)
