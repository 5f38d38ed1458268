# SPDX-License-Identifier: Apache-2.0
"""The broker ends, and connections that end in the middle of things."""
import random

from mqlib import NONE, Client, alone, check, command, equal, frame
import mqlib


@alone
def test_term(b):
    """Producers and consumers are told, then the connections end; status 0."""
    t = b.topic()
    with Client(b) as c, Client(b) as idle:
        c.producer(t, 1)
        c.subscribe(t, cid=2)
        c.publish(1, 0)
        status = b.terminate()
        equal(status, 0, "exit status")
        seen = set()
        while True:
            got = c.rx_any()
            if got is None:
                break
            name, msg, _ = got
            equal(msg.request_id, NONE)
            seen.add(name)
        equal(seen, {"CLOSE_PRODUCER", "CLOSE_CONSUMER"})
        idle.rx_closed()


def test_all_commands_cut(b):
    """Every command, cut at random bytes, over and over: the broker stays."""
    rnd = random.Random(11)
    t = b.topic()
    every = [
        command("PRODUCER", topic=t, producer_id=1, request_id=1),
        command("SUBSCRIBE", topic=t, subscription="s", subType=1,
                consumer_id=1, request_id=2),
        command("FLOW", consumer_id=1, messagePermits=100),
        command("ACK", consumer_id=1, ack_type=0, request_id=3,
                message_id=[dict(ledgerId=1, entryId=1, ack_set=[1, 2])]),
        command("REDELIVER_UNACKNOWLEDGED_MESSAGES", consumer_id=1),
        command("LOOKUP", topic=t, request_id=4),
        command("PARTITIONED_METADATA", topic=t, request_id=5),
        command("GET_LAST_MESSAGE_ID", consumer_id=1, request_id=6),
        command("CONSUMER_STATS", consumer_id=1, request_id=7),
        command("GET_TOPICS_OF_NAMESPACE", namespace="public/default",
                request_id=8),
        command("WATCH_TOPIC_LIST", namespace="public/default", request_id=9,
                watcher_id=1, topics_pattern="x.*"),
        command("SEEK", consumer_id=1, request_id=10, message_publish_time=5),
        command("UNSUBSCRIBE", consumer_id=1, request_id=11),
        command("CLOSE_CONSUMER", consumer_id=1, request_id=12),
        command("CLOSE_PRODUCER", producer_id=1, request_id=13),
    ]
    data = b"".join(frame(c) for c in every)
    for _ in range(60):
        with Client(b) as c:
            c.raw(data[:rnd.randrange(len(data))])
    with Client(b) as c:
        c.producer(t, 1)
        c.subscribe(t, sub_type="Shared")
        c.sync()


def test_flipped_bits(b):
    """The same with bytes that were changed on the way."""
    rnd = random.Random(12)
    t = b.topic()
    good = frame(command("PRODUCER", topic=t, producer_id=1, request_id=1)) + \
        frame(command("SUBSCRIBE", topic=t, subscription="s", subType=1,
                      consumer_id=1, request_id=2)) + \
        frame(command("SEND", producer_id=1, sequence_id=1),
              mqlib.body(mqlib.metadata(), b"abc"))
    for _ in range(150):
        bad = bytearray(good)
        for _ in range(rnd.randint(1, 4)):
            bad[rnd.randrange(len(bad))] ^= 1 << rnd.randrange(8)
        with Client(b) as c:
            try:
                c.raw(bytes(bad))
                c.tx("PING")
            except ConnectionError:
                continue
            try:
                while True:
                    got = c.rx_any(0.05)
                    if got is None or got[0] == "PONG":
                        break
            except TimeoutError:
                pass     # waits for the rest of a longer frame
    with Client(b) as c:
        c.sync()


def test_gone_with_everything_open(b):
    t = b.topic()
    for _ in range(10):
        with Client(b) as c:
            for i in range(1, 6):
                c.producer(t, i)
                c.subscribe(t, cid=i, sub_type="Shared")
            for i in range(1, 6):
                c.flow(i)
            for i in range(50):
                c.send(1, i)
            while c.rx_any()[0] != "SEND_RECEIPT":
                pass
    with Client(b) as c:
        c.subscribe(t, sub_type="Shared")  # who goes may still be there
        m = c.ask("CONSUMER_STATS", "CONSUMER_STATS_RESPONSE", consumer_id=1)
        check(m.msgBacklog > 0)
