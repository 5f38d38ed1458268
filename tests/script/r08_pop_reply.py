# SPDX-License-Identifier: Apache-2.0
"""POP with its handles; request-reply; assignments."""
from mqlib import check, equal
import rmqlib
from rmqlib import Client, consumer
from r06_retry import arrived


def pop(c, t, g, queue=-1, n=32, invisible=60000, poll=0, code=0, **kw):
    return c.rx(tx_pop(c, t, g, queue, n, invisible, poll, **kw), code)


def tx_pop(c, t, g, *args, **kw):
    return c.tx("POP_MESSAGE", **rmqlib.pop_fields(t, g, *args, **kw))


def handles(b, a):
    return rmqlib.pop_handles(b.broker_name, a)


def ack(c, t, g, r, handle, code=0):
    c.ask("ACK_MESSAGE", consumerGroup=g, topic=t, queueId=r.queue,
          extraInfo=handle, offset=r.offset, code=code)


def test_pop_and_ack(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_topic(t, queues=2)
        c.create_group(g)
        for i in range(6):
            c.send(t, b"%d" % i, queueId=i % 2)
        a = pop(c, t, g, queue=0)
        equal([r.body for r in a.records()], [b"0", b"2", b"4"])
        equal(a.ext["invisibleTime"], "60000")
        equal(a.ext["startOffsetInfo"], "0 0 0")
        equal(a.ext["msgOffsetInfo"], "0 0 0,1,2")
        for r, h in handles(b, a):
            ack(c, t, g, r, h)
        pop(c, t, g, queue=0, code=210)     # nothing left there
        got = pop(c, t, g).records()
        equal([r.body for r in got], [b"1", b"3", b"5"])


def test_pop_hides(b):
    """Until the time is over; then it comes again, counted."""
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_topic(t, queues=1)
        c.create_group(g)
        c.send(t, b"x")
        a = pop(c, t, g, invisible=2000)
        equal(a.records()[0].reconsumed, 0)
        pop(c, t, g, invisible=2000, code=210)

        def again():
            a = pop(c, t, g, invisible=60000, code=None)
            return a if a.code == 0 else None
        a = rmqlib.until("the message again", again, 40)
        (r, h), = handles(b, a)
        equal((r.body, r.reconsumed), (b"x", 1))
        equal(r.topic, t)


def test_change_invisible(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_topic(t, queues=1)
        c.create_group(g)
        c.send(t, b"x")
        (r, h), = handles(b, pop(c, t, g))
        a = c.ask("CHANGE_MESSAGE_INVISIBLETIME", consumerGroup=g, topic=t,
                  queueId=r.queue, extraInfo=h, offset=r.offset,
                  invisibleTime=30000)
        equal(a.ext["invisibleTime"], "30000")
        check(a.ext["popTime"] != "" and a.ext["reviveQid"] != "")
        w = h.split(" ")
        w[1:4] = [a.ext["popTime"], a.ext["invisibleTime"],
                  a.ext["reviveQid"]]
        ack(c, t, g, r, " ".join(w))


def test_pop_waits(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c, Client(b) as d:
        c.create_topic(t, queues=4)
        c.create_group(g)
        o = tx_pop(c, t, g, poll=15000)
        c.silent()
        d.send(t, b"wakes", queueId=3)
        r, = c.rx(o).records()
        equal(r.body, b"wakes")
        c.rx(tx_pop(c, t, g, poll=1000), code=210)


def test_pop_filters(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_topic(t, queues=1)
        c.create_group(g)
        for i in range(6):
            c.send(t, b"%d" % i, tags="ab"[i % 2])
        a = pop(c, t, g, exp="b")
        equal([r.body for r in a.records()], [b"1", b"3", b"5"])
        pop(c, t, g, exp="a", code=210)      # passed over for the group


def test_pop_refused(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_group(g)
        pop(c, t, g, code=17)
        c.create_topic(t, queues=1)
        pop(c, t, g, n=33, code=29)


def test_bad_handle(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_topic(t, queues=1)
        c.create_group(g)
        c.send(t, b"x")
        (r, h), = handles(b, pop(c, t, g))
        c.ask("ACK_MESSAGE", consumerGroup=g, topic=t, queueId=0,
              extraInfo=h, offset=1000, code=208)
        c.ask("ACK_MESSAGE", consumerGroup=g, topic=t, queueId=7,
              extraInfo=h, offset=0, code=13 if not b.ours else None)
        ack(c, t, g, r, h)


def test_assignment(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_topic(t, queues=3)
        c.heartbeat(consumers=[consumer(g, t)])

        def ask():
            a = c.ask("QUERY_ASSIGNMENT", dict(
                topic=t, consumerGroup=g, clientId=c.id, strategyName="AVG",
                messageModel="CLUSTERING")).json()
            return sorted((m["messageQueue"]["queueId"], m["mode"])
                          for m in a["messageQueueAssignments"])
        equal(ask(), [(q, "PULL") for q in range(3)])
        c.ask("SET_MESSAGE_REQUEST_MODE", dict(
            topic=t, consumerGroup=g, mode="POP", popShareQueueNum=0))
        equal({m for _, m in ask()}, {"POP"})


def test_request_reply(b):
    """The answer goes to the client that asked."""
    t, g = b.name(), b.name("g")
    with Client(b) as c, Client(b) as d:
        c.heartbeat(producers=[g])
        c.send(t, b"question", producerGroup=g, props={
            "CORRELATION_ID": "c1", "REPLY_TO_CLIENT": c.id, "TTL": "3000",
            "MSG_TYPE": "request"})
        r, = arrived(d, t)
        equal(r.props["CORRELATION_ID"], "c1")
        o = d.tx("SEND_REPLY_MESSAGE_V2", b"answer", **d.send_fields(
            b.cluster + "_REPLY_TOPIC", props={
                "CORRELATION_ID": "c1", "REPLY_TO_CLIENT": c.id,
                "MSG_TYPE": "reply", "TTL": "3000"}))
        q = c.rx_request("PUSH_REPLY_MESSAGE_TO_CLIENT")
        equal(q.body, b"answer")
        check("CORRELATION_ID\x01c1" in q.ext["properties"])
        equal(q.ext["bornHost"].lstrip("/"), d.addr)
        check("storeTimestamp" in q.ext and "storeHost" in q.ext)
        c.answer(q)
        a = d.rx(o)
        equal((a.ext["queueId"], a.ext["queueOffset"]), ("0", "0"))
        d.ask("SEND_REPLY_MESSAGE_V2", b"late", code=1, **d.send_fields(
            b.cluster + "_REPLY_TOPIC", props={
                "CORRELATION_ID": "c2", "REPLY_TO_CLIENT": "nobody",
                "MSG_TYPE": "reply", "TTL": "3000"}))


def test_directly(b):
    """One message, consumed because an admin says so."""
    t, g = b.name(), b.name("g")
    with Client(b) as c, Client(b) as admin:
        a = c.send(t, b"this")
        c.heartbeat(consumers=[consumer(g, t)])
        c.rx_request("NOTIFY_CONSUMER_IDS_CHANGED")
        o = admin.tx("CONSUME_MESSAGE_DIRECTLY", consumerGroup=g,
                     clientId=c.id, msgId=a.ext["msgId"])
        r = c.rx_request("CONSUME_MESSAGE_DIRECTLY", consumerGroup=g)
        m, = r.records()
        equal(m.body, b"this")
        equal(r.ext["brokerName"], b.broker_name)
        c.answer(r, body=b'{"consumeResult":"CR_SUCCESS"}')
        equal(admin.rx(o).json(), {"consumeResult": "CR_SUCCESS"})
