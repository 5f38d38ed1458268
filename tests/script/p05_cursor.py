# SPDX-License-Identifier: Apache-2.0
"""SEEK, GET_LAST_MESSAGE_ID, readers, closing by the broker."""
import time

from mqlib import LATEST, NONE, Client, check, equal
import mqlib


def filled(b, c, n, what="t"):
    t = b.topic(what)
    c.producer(t)
    return t, [c.publish(1, i, b"m%d" % i) for i in range(n)]


def closed_then(c, name, req):
    """CLOSE_CONSUMER and the answer, in the order of the reference or the other"""
    seen = []
    for _ in range(2):
        n, msg, _rest = c.rx_any()
        seen.append(n)
        if n == "CLOSE_CONSUMER":
            equal(msg.request_id, NONE)
        else:
            equal(n, name)
            equal(msg.request_id, req)
    check("CLOSE_CONSUMER" in seen, seen)


def seek(c, t, **where):
    c.tx("SEEK", consumer_id=1, request_id=77, **where)
    closed_then(c, "SUCCESS", 77)
    c.subscribe(t)
    c.flow()


def test_seek(b):
    with Client(b) as c:
        t, pos = filled(b, c, 8)
        c.subscribe(t)
        c.flow()
        seek(c, t, message_id=dict(ledgerId=pos[3][0], entryId=pos[3][1]))
        equal([m.pos for m in c.messages(5)], pos[3:])
        c.silent()
        seek(c, t, message_id=dict(ledgerId=NONE, entryId=NONE))
        equal([m.pos for m in c.messages(8)], pos)
        seek(c, t, message_id=dict(ledgerId=LATEST, entryId=LATEST))
        c.silent()


def test_seek_time(b):
    with Client(b) as c:
        t, pos = filled(b, c, 4)
        time.sleep(0.05)
        now = int(time.time() * 1000)
        time.sleep(0.05)
        more = [c.publish(1, 10 + i) for i in range(3)]
        c.subscribe(t)
        c.flow()
        seek(c, t, message_publish_time=now)
        equal([m.pos for m in c.messages(3)], more)
        c.silent()
        seek(c, t, message_publish_time=0)
        equal(len(c.messages(7)), 7)


def test_seek_wrong(b):
    with Client(b) as c:
        c.error("SEEK", "MetadataError", consumer_id=1)
        c.error("SEEK", "MetadataError", consumer_id=1,
                message_publish_time=1)
        c.subscribe(b.topic())
        c.error("SEEK", "MetadataError", consumer_id=1)


def test_last_id(b):
    t = b.topic()
    with Client(b) as c:
        c.error("GET_LAST_MESSAGE_ID", "MetadataError", consumer_id=1)
        c.subscribe(t)
        m = c.ask("GET_LAST_MESSAGE_ID", "GET_LAST_MESSAGE_ID_RESPONSE",
                  consumer_id=1)
        equal(m.last_message_id.entryId, NONE)
        equal(m.last_message_id.batch_index, -1)
        c.producer(t)
        pos = [c.publish(1, i) for i in range(3)]
        m = c.ask("GET_LAST_MESSAGE_ID", "GET_LAST_MESSAGE_ID_RESPONSE",
                  consumer_id=1)
        equal((m.last_message_id.ledgerId, m.last_message_id.entryId), pos[2])
        equal(m.last_message_id.batch_index, -1)
        equal(m.last_message_id.partition, -1)
        check(m.HasField("consumer_mark_delete_position"))
        equal(m.consumer_mark_delete_position.entryId, NONE)
        c.send(1, 5, num_messages=4, meta=dict(num_messages_in_batch=4))
        c.rx("SEND_RECEIPT")
        m = c.ask("GET_LAST_MESSAGE_ID", "GET_LAST_MESSAGE_ID_RESPONSE",
                  consumer_id=1)
        equal(m.last_message_id.batch_index, 3)


def test_reader(b):
    with Client(b) as c:
        t, pos = filled(b, c, 6)

        def reader(cid, sub, **start):
            c.subscribe(t, sub, cid, durable=False, **start)
            c.flow(cid)

        reader(1, "r1", start_message_id=dict(ledgerId=NONE, entryId=NONE))
        equal([m.pos for m in c.messages(6)], pos)
        reader(2, "r2", start_message_id=dict(ledgerId=LATEST,
                                              entryId=LATEST))
        c.silent()
        # the entry named comes, too: clients drop what they have had
        reader(3, "r3", start_message_id=dict(ledgerId=pos[2][0],
                                              entryId=pos[2][1]))
        equal([m.pos for m in c.messages(4)], pos[2:])
        c.ask("CLOSE_CONSUMER", "SUCCESS", consumer_id=3)
        # nothing is left of it
        reader(3, "r3", start_message_id=dict(ledgerId=NONE, entryId=NONE))
        equal(len(c.messages(6)), 6)


def test_rollback(b):
    with Client(b) as c:
        t, pos = filled(b, c, 3)
        c.subscribe(t, start_message_rollback_duration_sec=3600)
        c.flow()
        equal(len(c.messages(3)), 3)


def test_durable_and_not(b):
    t = b.topic()
    with Client(b) as c:
        c.subscribe(t, "s", 1)
        c.ask("CLOSE_CONSUMER", "SUCCESS", consumer_id=1)
        c.error("SUBSCRIBE", "NotAllowedError", topic=t, subscription="s",
                subType=0, consumer_id=2, durable=False,
                start_message_id=dict(ledgerId=NONE, entryId=NONE))
