# SPDX-License-Identifier: Apache-2.0
"""SUBSCRIBE, FLOW, MESSAGE, ACK and leaving."""
import time

from mqlib import Client, check, equal, ours
import mqlib


def filled(b, c, n, pid=1, **meta):
    """A topic with n messages, and their positions."""
    t = b.topic()
    c.producer(t, pid)
    return t, [c.publish(pid, i, b"m%d" % i, meta=meta) for i in range(n)]


def test_round(b):
    t = b.topic()
    with Client(b) as c:
        c.subscribe(t)
        c.producer(t)
        c.flow()
        for i in range(10):
            c.send(1, i, b"m%d" % i, meta=dict(partition_key="k%d" % i))
        got, receipts = [], 0
        while len(got) < 10 or receipts < 10:
            name, msg, rest = c.rx_any()
            if name == "SEND_RECEIPT":
                receipts += 1
            else:
                equal(name, "MESSAGE")
                got.append(mqlib.Message(msg, rest))
        for i, m in enumerate(got):
            equal(m.payload, b"m%d" % i)
            equal(m.meta.partition_key, "k%d" % i)
            check(m.crc_ok)
            equal(m.cmd.consumer_id, 1)
            equal(m.cmd.redelivery_count, 0)
            equal(m.id.partition, -1)


def test_bytes_as_sent(b):
    t = b.topic()
    with Client(b) as c:
        c.producer(t)
        c.subscribe(t)
        c.flow()
        want = mqlib.body(mqlib.metadata(
            seq=3, properties=[dict(key="a", value="b")], event_time=5,
            encryption_keys=[dict(key="k", value=b"v")]), bytes(range(256)))
        c.raw(mqlib.frame(mqlib.command("SEND", producer_id=1, sequence_id=3),
                          want))
        c.rx("SEND_RECEIPT")
        equal(c.rx("MESSAGE").raw, want)


def test_permits(b):
    with Client(b) as c:
        t, pos = filled(b, c, 10)
        c.subscribe(t, initialPosition=mqlib.pb.CommandSubscribe.Earliest)
        c.silent()
        c.flow(n=3)
        c.messages(3)
        c.silent()
        c.flow(n=100)
        equal([m.pos for m in c.messages(7)], pos[3:])
        c.silent()


def test_latest(b):
    with Client(b) as c:
        t, _ = filled(b, c, 3)
        c.subscribe(t)
        c.flow()
        c.silent()
        pos = c.publish(1, 9)
        equal(c.rx("MESSAGE").pos, pos)


@ours("the reference counts entries where it reads ahead")
def test_batch_counts_messages(b):
    t = b.topic()
    with Client(b) as c:
        c.subscribe(t)
        c.producer(t)
        for i in range(3):
            c.send(1, i * 10, b"batch", num_messages=10,
                   meta=dict(num_messages_in_batch=10))
            c.rx("SEND_RECEIPT")
        c.flow(n=10)
        c.rx("MESSAGE")
        c.silent()
        c.flow(n=1)
        c.rx("MESSAGE")
        c.silent()


def test_ack_and_again(b):
    with Client(b) as c, Client(b) as d:
        t, pos = filled(b, c, 6)
        c.subscribe(t, initialPosition=mqlib.pb.CommandSubscribe.Earliest)
        c.flow()
        c.messages(6)
        c.ack(1, pos[0], pos[2], pos[3])
        c.ask("CLOSE_CONSUMER", "SUCCESS", consumer_id=1)
        d.subscribe(t)
        d.flow()
        equal([m.pos for m in d.messages(3)], [pos[1], pos[4], pos[5]])
        d.silent()


def test_ack_cumulative(b):
    with Client(b) as c, Client(b) as d:
        t, pos = filled(b, c, 6)
        c.subscribe(t, initialPosition=mqlib.pb.CommandSubscribe.Earliest)
        c.flow()
        c.messages(6)
        c.ack(1, pos[3], cumulative=True)
        c.ask("CLOSE_CONSUMER", "SUCCESS", consumer_id=1)
        d.subscribe(t)
        d.flow()
        equal([m.pos for m in d.messages(2)], pos[4:])


def test_ack_receipt(b):
    with Client(b) as c:
        t, pos = filled(b, c, 3)
        c.subscribe(t, initialPosition=mqlib.pb.CommandSubscribe.Earliest)
        c.flow()
        c.messages(3)
        c.ack(1, pos[0], req=71)
        r = c.rx("ACK_RESPONSE", request_id=71, consumer_id=1)
        check(not r.HasField("error"))
        c.ack(1, pos[2], req=72, cumulative=True)
        c.rx("ACK_RESPONSE", request_id=72)
        # unknown positions are no fault
        c.ack(1, (pos[0][0], 5000), req=73)
        r = c.rx("ACK_RESPONSE", request_id=73)
        # an ack of nobody's without a wish for an answer
        c.ack(9, pos[0])
        c.sync()


@ours("the reference says nothing at all")
def test_ack_of_nobody(b):
    with Client(b) as c:
        c.ack(9, (1, 1), req=5)
        r = c.rx("ACK_RESPONSE", request_id=5)
        equal(r.error, mqlib.pb.ConsumerNotFound)


def test_batch_index_ack(b):
    t = b.topic()
    with Client(b) as c, Client(b) as d:
        c.producer(t)
        c.subscribe(t, sub_type="Shared")
        c.flow()
        c.send(1, 0, b"batch", num_messages=10,
               meta=dict(num_messages_in_batch=10))
        c.rx("SEND_RECEIPT")
        m = c.rx("MESSAGE")
        equal(len(m.cmd.ack_set), 0)
        # 0 to 3 are acknowledged
        c.ack(1, m.pos, ack_set=[0x3f0], batch_size=10, req=1)
        c.rx("ACK_RESPONSE")
        c.ask("CLOSE_CONSUMER", "SUCCESS", consumer_id=1)
        d.subscribe(t, sub_type="Shared")
        d.flow()
        m = d.rx("MESSAGE")
        equal(list(m.cmd.ack_set), [0x3f0], "ack set")
        d.ack(1, m.pos, ack_set=[0], batch_size=10, req=1)
        d.rx("ACK_RESPONSE")
        d.ask("CLOSE_CONSUMER", "SUCCESS", consumer_id=1)
        d.subscribe(t, sub_type="Shared")
        d.flow()
        d.silent()


def test_redeliver(b):
    with Client(b) as c:
        t, pos = filled(b, c, 4)
        c.subscribe(t, sub_type="Shared",
                    initialPosition=mqlib.pb.CommandSubscribe.Earliest)
        c.flow()
        c.messages(4)
        c.tx("REDELIVER_UNACKNOWLEDGED_MESSAGES", consumer_id=1, message_ids=[
            dict(ledgerId=p[0], entryId=p[1]) for p in (pos[1], pos[3])])
        got = c.messages(2)
        equal([m.pos for m in got], [pos[1], pos[3]])
        equal([m.cmd.redelivery_count for m in got], [1, 1])
        c.tx("REDELIVER_UNACKNOWLEDGED_MESSAGES", consumer_id=1)
        got = c.messages(4)
        equal(sorted(m.pos for m in got), pos)


def test_redeliver_exclusive(b):
    with Client(b) as c:
        t, pos = filled(b, c, 4)
        c.subscribe(t, consumer_epoch=0,
                    initialPosition=mqlib.pb.CommandSubscribe.Earliest)
        c.flow()
        c.messages(4)
        c.ack(1, pos[0], req=1)
        c.rx("ACK_RESPONSE")
        c.tx("REDELIVER_UNACKNOWLEDGED_MESSAGES", consumer_id=1,
             consumer_epoch=1)
        got = c.messages(3)
        equal([m.pos for m in got], pos[1:])
        equal([m.cmd.consumer_epoch for m in got], [1] * 3)
        equal([m.cmd.redelivery_count for m in got], [0] * 3)


def test_exclusive_is_taken(b):
    t = b.topic()
    with Client(b) as c, Client(b) as d:
        c.subscribe(t)
        c.error("SUBSCRIBE", "ConsumerBusy", topic=t, subscription="s",
                subType=0, consumer_id=2)
        c.pings = False
        d.tx("SUBSCRIBE", topic=t, subscription="s", subType=0, consumer_id=1,
             request_id=1)
        c.rx("PING")
        c.tx("PONG")
        e = d.rx("ERROR", request_id=1)
        equal(e.error, mqlib.pb.ConsumerBusy)
        d.error("SUBSCRIBE", "ConsumerBusy", topic=t, subscription="s",
                subType=mqlib.pb.CommandSubscribe.Shared, consumer_id=2)
        c.close()
        time.sleep(0.1)
        d.subscribe(t)


def test_subscribe_again(b):
    t = b.topic()
    with Client(b) as c:
        c.subscribe(t)
        c.subscribe(t)


def test_bad_subscribes(b):
    t = b.topic()
    with Client(b) as c:
        c.error("SUBSCRIBE", "InvalidTopicName", topic="a//b",
                subscription="s", subType=0, consumer_id=1)
        c.error("SUBSCRIBE", "TopicNotFound", topic=t, subscription="s",
                subType=0, consumer_id=1, force_topic_creation=False)
        c.error("SUBSCRIBE", "MetadataError", topic=t, subscription="s",
                subType=0, consumer_id=1,
                metadata=[dict(key="k", value="v" * 2000)])
        c.error("SUBSCRIBE", "NotAllowedError", topic=t, subscription="s",
                subType=mqlib.pb.CommandSubscribe.Shared, consumer_id=1,
                read_compacted=True)


def test_unsubscribe(b):
    with Client(b) as c:
        t, pos = filled(b, c, 3)
        c.error("UNSUBSCRIBE", "MetadataError", consumer_id=1)
        c.subscribe(t, initialPosition=mqlib.pb.CommandSubscribe.Earliest)
        c.ask("UNSUBSCRIBE", "SUCCESS", consumer_id=1)
        c.ask("CLOSE_CONSUMER", "SUCCESS", consumer_id=1)
        # the subscription has gone: it starts at the end again
        c.subscribe(t)
        c.flow()
        c.silent()


def test_unsubscribe_shared(b):
    t = b.topic()
    with Client(b) as c:
        c.subscribe(t, cid=1, sub_type="Shared")
        c.subscribe(t, cid=2, sub_type="Shared")
        c.error("UNSUBSCRIBE", "MetadataError", consumer_id=1)


def test_shared_spreads(b):
    with Client(b) as c:
        t = b.topic()
        for cid in (1, 2, 3):
            c.subscribe(t, cid=cid, sub_type="Shared")
            c.flow(cid)
        c.producer(t)
        for i in range(30):
            c.send(1, i)
        seen, receipts = {}, 0
        while sum(seen.values()) < 30 or receipts < 30:
            name, msg, _ = c.rx_any()
            if name == "SEND_RECEIPT":
                receipts += 1
            else:
                seen[msg.consumer_id] = seen.get(msg.consumer_id, 0) + 1
        check(len(seen) > 1, seen)


def test_key_shared_keeps_keys_together(b):
    t = b.topic()
    with Client(b) as c:
        for cid in (1, 2, 3):
            c.subscribe(t, cid=cid, sub_type="Key_Shared")
            c.flow(cid)
        c.producer(t)
        for i in range(60):
            c.send(1, i, meta=dict(partition_key="k%d" % (i % 12)))
        owner, n = {}, 0
        while n < 120:
            name, msg, rest = c.rx_any()
            n += 1
            if name == "MESSAGE":
                m = mqlib.Message(msg, rest)
                equal(owner.setdefault(m.meta.partition_key,
                                       msg.consumer_id), msg.consumer_id)
        equal(len(owner), 12)
        check(len(set(owner.values())) > 1)


def becomes(c, active, timeout=5.0, told=()):
    """Waits until the broker says so; other commands are returned."""
    other = []
    if active in told:
        return other
    while True:
        try:
            name, msg, rest = c.rx_any(timeout)
        except TimeoutError:
            raise mqlib.Fail(f"never told: active {active}") from None
        if name == "ACTIVE_CONSUMER_CHANGE" and msg.is_active == active:
            return other
        other.append((name, msg, rest))


def failover(c, t, name, priority):
    c.tx("SUBSCRIBE", topic=t, subscription="s", consumer_id=1, request_id=7,
         subType=mqlib.pb.CommandSubscribe.Failover, consumer_name=name,
         priority_level=priority)
    # the reference may say who is active before it says SUCCESS
    told = []
    while True:
        got = c.rx_any()
        if got[0] == "SUCCESS":
            break
        told.append(got[1].is_active)
    c.flow()
    return told


def test_failover(b):
    t = b.topic()
    with Client(b) as c, Client(b) as d, Client(b) as p:
        becomes(c, True, told=failover(c, t, "a", 0))
        becomes(d, False, told=failover(d, t, "b", 1))
        p.producer(t)
        pos = p.publish(1, 0)
        c.close()
        equal(becomes(d, True), [])
        equal(d.rx("MESSAGE", 5.0).pos, pos)


def test_old_clients_hear_only_what_they_know(b):
    t = b.topic()
    with Client(b, version=8) as c:
        c.subscribe(t, sub_type="Failover")
        c.sync()
        c.silent()


def test_checksum_is_for_v11(b):
    t = b.topic()
    with Client(b) as c, Client(b, version=10) as old:
        old.subscribe(t)
        old.flow()
        c.producer(t)
        c.publish(1, 0, b"hello")
        m = old.rx("MESSAGE")
        check(m.crc_ok is None)
        equal(m.payload, b"hello")


def test_consumer_stats(b):
    with Client(b) as c:
        t, pos = filled(b, c, 5)
        c.subscribe(t, initialPosition=mqlib.pb.CommandSubscribe.Earliest,
                    sub_type="Shared")
        c.flow(n=100)
        c.messages(5)
        c.ack(1, pos[0], req=9)
        c.rx("ACK_RESPONSE")
        m = c.ask("CONSUMER_STATS", "CONSUMER_STATS_RESPONSE", consumer_id=1)
        check(not m.HasField("error_code"), m)
        equal(m.consumerName, "c1")
        equal(m.availablePermits, 95)
        equal(m.unackedMessages, 4)
        equal(m.type, "Shared")
        equal(m.msgBacklog, 4)
        check(m.connectedSince != "" and m.address != "", m)


def test_leave_while_messages_come(b):
    with Client(b) as c:
        t, pos = filled(b, c, 200)
        for _ in range(20):
            c.subscribe(t, sub_type="Shared",
                        initialPosition=mqlib.pb.CommandSubscribe.Earliest)
            c.flow()
            c.tx("CLOSE_CONSUMER", consumer_id=1, request_id=9999)
            while True:
                name, msg, _ = c.rx_any()
                if name == "SUCCESS":
                    equal(msg.request_id, 9999)
                    break
                equal(name, "MESSAGE")


def test_pause_of_the_slow(b):
    """One that doesn't read keeps no other from reading."""
    t = b.topic()
    n = 200
    with Client(b) as slow, Client(b) as fast, Client(b) as p:
        slow.subscribe(t, "slow")
        slow.flow(n=n)
        fast.subscribe(t, "fast")
        fast.flow(n=n)
        p.producer(t)
        for i in range(n):
            p.send(1, i, b"z" * 100000)
        for i in range(n):
            p.rx("SEND_RECEIPT", timeout=20.0)
        equal(len(fast.messages(n, 20.0)), n)
        equal(len(slow.messages(n, 20.0)), n)
