# SPDX-License-Identifier: Apache-2.0
"""PRODUCER, SEND, receipts."""
import random

from mqlib import NONE, Client, check, counters, equal, ours
import mqlib


def test_open_and_close(b):
    t = b.topic()
    with Client(b) as c:
        m = c.producer(t, 7)
        check(m.producer_name != "")
        equal(m.last_sequence_id, -1)
        check(m.HasField("schema_version"))
        equal(m.schema_version, b"")
        check(m.producer_ready)
        m2 = c.producer(t, 8, producer_name="mine")
        equal(m2.producer_name, "mine")
        check(c.producer(t, 9).producer_name != m.producer_name)
        for pid in (7, 8, 9):
            c.ask("CLOSE_PRODUCER", "SUCCESS", producer_id=pid)
        # one that isn't there is closed all the same
        c.ask("CLOSE_PRODUCER", "SUCCESS", producer_id=77)


def test_open_again(b):
    t = b.topic()
    with Client(b) as c:
        name = c.producer(t, 1).producer_name
        equal(c.producer(t, 1).producer_name, name)


def test_bad_name(b):
    with Client(b) as c:
        c.error("PRODUCER", "InvalidTopicName", topic="a//b", producer_id=1)


def test_no_namespace(b):
    with Client(b) as c:
        m = c.ask("PRODUCER", "ERROR", producer_id=1,
                  topic="persistent://public/none-such/x")
        print("#", m.error, m.message)


def test_receipts(b):
    t = b.topic()
    with Client(b) as c:
        c.producer(t)
        last = None
        for seq in range(20):
            ledger, entry = c.publish(1, seq)
            if last is not None:
                equal((ledger, entry), (last[0], last[1] + 1))
            last = ledger, entry


def test_receipts_in_order(b):
    """Of several producers, each in its own order."""
    n, pids = 200, (1, 2, 3)
    with Client(b) as c:
        for pid in pids:
            c.producer(b.topic(), pid)
        for seq in range(n):
            for pid in pids:
                c.send(pid, seq, b"y" * (seq * 37 % 3000))
        seen = dict.fromkeys(pids, 0)
        for _ in range(n * len(pids)):
            r = c.rx("SEND_RECEIPT")
            equal(r.sequence_id, seen[r.producer_id], "sequence")
            seen[r.producer_id] += 1


def test_batch_receipt(b):
    with Client(b) as c:
        c.producer(b.topic())
        c.send(1, 5, b"zzz", meta=dict(num_messages_in_batch=3),
               num_messages=3, highest_sequence_id=7)
        r = c.rx("SEND_RECEIPT", sequence_id=5, highest_sequence_id=7)
        check(r.message_id.ledgerId != NONE)


def test_checksum(b):
    with Client(b) as c:
        c.producer(b.topic())
        c.publish(1, 0)
        c.send(1, 1, bad_crc=True)
        e = c.rx("SEND_ERROR", producer_id=1, sequence_id=1)
        equal(e.error, mqlib.pb.ChecksumError)
        c.publish(1, 2)
        # without one it isn't verified
        c.publish(1, 3, crc=False)


@ours("the reference says it at once")
def test_checksum_in_its_place(b):
    with Client(b) as c:
        c.producer(b.topic())
        for seq in range(10):
            c.send(1, seq, bad_crc=seq % 3 == 2)
        for seq in range(10):
            if seq % 3 == 2:
                c.rx("SEND_ERROR", sequence_id=seq)
            else:
                c.rx("SEND_RECEIPT", sequence_id=seq)


def test_big(b):
    with Client(b) as c:
        c.producer(b.topic())
        # the limit is that of the frame: metadata comes beside it
        c.publish(1, 0, b"x" * (5 << 20))
        c.send(1, 1, b"x" * (5 << 20), is_chunk=True, meta=dict(
            uuid="u", chunk_id=0, num_chunks_from_msg=2,
            total_chunk_msg_size=10 << 20))
        c.rx("SEND_RECEIPT", sequence_id=1)


def test_frame_too_big(b):
    with Client(b) as c:
        c.producer(b.topic())
        try:
            c.send(1, 0, b"x" * ((5 << 20) + 11000))
        except ConnectionError:
            return
        c.rx_closed()


def test_unknown_producer(b):
    with Client(b) as c:
        c.send(5, 0)
        c.rx_closed()


def test_after_close(b):
    with Client(b) as c:
        c.producer(b.topic())
        c.ask("CLOSE_PRODUCER", "SUCCESS", producer_id=1)
        c.send(1, 0)
        c.rx_closed()


def test_name_on_one_connection(b):
    """Who chose the name doesn't matter; a generated one is no different."""
    t = b.topic()
    with Client(b) as c:
        name = c.producer(t, 1).producer_name
        for user in (False, True):
            for epoch in (0, 1):
                c.error("PRODUCER", "ProducerBusy", topic=t, producer_id=2,
                        producer_name=name, epoch=epoch,
                        user_provided_producer_name=user)
        # the same producer is there already, in whatever life
        m = c.producer(t, 1, producer_name=name, epoch=1,
                       user_provided_producer_name=False)
        equal(m.producer_name, name)
        c.publish(1, 0)
        # in its place after it was closed
        c.ask("CLOSE_PRODUCER", "SUCCESS", producer_id=1)
        m = c.producer(t, 1, producer_name=name, epoch=1,
                       user_provided_producer_name=False)
        equal(m.producer_name, name)
        c.publish(1, 1)


def test_name_taken(b):
    t = b.topic()
    with Client(b) as c, Client(b) as d:
        c.producer(t, 1, producer_name="same")
        c.error("PRODUCER", "ProducerBusy", topic=t, producer_id=2,
                producer_name="same")
        # the holder is asked whether it is there, and answers
        c.pings = False
        d.tx("PRODUCER", topic=t, producer_id=1, request_id=1,
             producer_name="same")
        c.rx("PING")
        c.tx("PONG")
        e = d.rx("ERROR", request_id=1)
        equal(e.error, mqlib.pb.ProducerBusy)
        c.close()
        d.producer(t, 1, producer_name="same")


def test_name_of_the_dead(b):
    """A connection that doesn't answer loses the name."""
    t = b.topic()
    with Client(b) as c, Client(b) as d:
        c.producer(t, 1, producer_name="same")
        d.tx("PRODUCER", topic=t, producer_id=1, request_id=1,
             producer_name="same")
        d.rx("PRODUCER_SUCCESS", timeout=12.0)
        c.pings = False
        c.rx("PING")
        got = c.rx_any()
        if got is not None:     # whichever gives up first, core or session
            equal(got[0], "CLOSE_PRODUCER")
            c.rx_closed()


def test_close_waits_for_receipts(b):
    with Client(b) as c:
        c.producer(b.topic())
        for seq in range(50):
            c.send(1, seq)
        c.tx("CLOSE_PRODUCER", producer_id=1, request_id=99)
        for seq in range(50):
            c.rx("SEND_RECEIPT", sequence_id=seq)
        c.rx("SUCCESS", request_id=99)


def test_nonpersistent(b):
    t = b.topic().replace("persistent://", "non-persistent://")
    with Client(b) as c:
        c.producer(t)
        equal(c.publish(1, 0), (0, 0))


def test_many_pending(b):
    """More than the broker lets be under way: it reads on as it goes."""
    n = 5000
    with Client(b) as c:
        c.producer(b.topic())
        for seq in range(n):
            c.send(1, seq, b"x" * 200)
        for seq in range(n):
            c.rx("SEND_RECEIPT", sequence_id=seq)


def test_half_frames(b):
    """The same bytes in pieces of any length."""
    rnd = random.Random(7)
    with Client(b) as c:
        c.producer(b.topic())
        data = b"".join(
            mqlib.frame(mqlib.command("SEND", producer_id=1, sequence_id=i),
                        mqlib.body(mqlib.metadata(seq=i), b"q" * (i * 91)))
            for i in range(60))
        while data:
            k = rnd.randint(1, 4000)
            c.raw(data[:k])
            data = data[k:]
        for i in range(60):
            c.rx("SEND_RECEIPT", sequence_id=i)


def test_broker_entry_is_dropped(b):
    """A part that only brokers write is not stored."""
    t = b.topic()
    with Client(b) as c:
        c.producer(t)
        c.subscribe(t)
        c.flow()
        be = mqlib.pb.BrokerEntryMetadata(broker_timestamp=1, index=5)
        raw = be.SerializeToString()
        rest = mqlib.body(mqlib.metadata(seq=0), b"in")
        c.raw(mqlib.frame(
            mqlib.command("SEND", producer_id=1, sequence_id=0),
            b"\x0e\x02" + len(raw).to_bytes(4, "big") + raw + rest))
        c.rx("SEND_RECEIPT")
        m = c.rx("MESSAGE")
        check(m.broker is None)
        equal(m.raw, rest)


test_broker_entry_is_dropped = ours("the reference keeps it")(
    test_broker_entry_is_dropped)


def test_txn_is_refused(b):
    with Client(b) as c:
        c.producer(b.topic())
        c.send(1, 0, txnid_least_bits=1, txnid_most_bits=0)
        e = c.rx("SEND_ERROR", sequence_id=0)
        equal(e.error, mqlib.pb.NotAllowedError)


test_txn_is_refused = ours("the reference may have transactions enabled")(
    test_txn_is_refused)


def test_publishes_are_counted(b):
    t, n = b.topic(), b.topic().replace("persistent://", "non-persistent://")
    was = counters(b)
    with Client(b) as c:
        c.producer(t, 1)
        c.producer(n, 2)
        c.publish(1, 0, b"0123456789")
        c.publish(1, 1, b"x" * 1000, meta=dict(num_messages_in_batch=7))
        c.publish(2, 0, b"n")
        c.send(1, 2, b"wrong", bad_crc=True)
        c.rx("SEND_ERROR", sequence_id=2)
        c.subscribe(t, initialPosition=mqlib.pb.CommandSubscribe.Earliest)
        c.flow()
        sizes = sum(len(m.raw) for m in c.messages(2))
        now = counters(b)
    more = {k: now[k] - was[k] for k in now if now[k] != was[k]}
    equal(more["magnetar_publish_entries_total"], 3)
    equal(more["magnetar_publish_messages_total"], 9)
    check(sizes < more["magnetar_publish_bytes_total"] < sizes + 100)
    equal(more["magnetar_dispatch_entries_total"], 2)
    equal(more["magnetar_dispatch_messages_total"], 8)
    equal(more["magnetar_dispatch_bytes_total"], sizes)


test_publishes_are_counted = ours("counters of our own")(
    test_publishes_are_counted)
