# SPDX-License-Identifier: Apache-2.0
"""Offsets of groups and queues; by time; admin's view of them."""
import time

from mqlib import check, equal
import rmqlib
from rmqlib import COMMIT, Client


def stored(c, g, t, q=0, code=0, **kw):
    a = c.ask("QUERY_CONSUMER_OFFSET", consumerGroup=g, topic=t, queueId=q,
              code=code, **kw)
    return int(a.ext["offset"]) if a.code == 0 else None


def commit(c, g, t, offset, q=0, **kw):
    c.ask("UPDATE_CONSUMER_OFFSET", consumerGroup=g, topic=t, queueId=q,
          commitOffset=offset, **kw)


def offset_of(c, name, t, q=0, **kw):
    return int(c.ask(name, topic=t, queueId=q, **kw).ext["offset"])


def test_commit(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_topic(t)
        c.create_group(g)
        for _ in range(10):
            c.send(t)
        for offset in (3, 10, 1, 0):
            commit(c, g, t, offset)
            equal(stored(c, g, t), offset)
        commit(c, g, t, 7, q=2)
        # behind the end: the reference keeps the number, ours takes the end
        equal((stored(c, g, t, 2), stored(c, g, t, 0)), (0 if b.ours else 7, 0))


def test_commit_of_no_group(b):
    t = b.name()
    with Client(b) as c:
        c.create_topic(t)
        c.ask("UPDATE_CONSUMER_OFFSET", consumerGroup=b.name("g"), topic=t,
              queueId=0, commitOffset=0, code=26)


def test_nothing_stored(b):
    """A small queue is read from its start by who is new."""
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_topic(t)
        stored(c, g, t, setZeroIfNotFound=False, code=22)
        # of an empty queue: what comes before the client has asked for its end
        # would be lost with what the reference says
        equal(stored(c, g, t, code=0 if b.ours else 22),
              0 if b.ours else None)
        c.send(t)
        equal(stored(c, g, t), 0)
        stored(c, g, t, setZeroIfNotFound=False, code=22)


def test_oneway_commit(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_topic(t)
        c.create_group(g)
        for _ in range(5):
            c.send(t, queueId=0)
        o = c.tx("UPDATE_CONSUMER_OFFSET", oneway=True, consumerGroup=g,
                 topic=t, queueId=0, commitOffset=5)
        rmqlib.until("the offset", lambda: stored(
            c, g, t, code=None) == 5)
        c.unanswered(o)


def test_commit_by_pull(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        for _ in range(5):
            c.send(t)
        c.pull(t, 4, group=g, flags=COMMIT, commitOffset=3)
        equal(stored(c, g, t), 3)
        c.pull(t, 4, group=g, commitOffset=2)       # not asked for
        equal(stored(c, g, t), 3)


def test_ends(b):
    t = b.name()
    with Client(b) as c:
        c.create_topic(t)
        for name in ("GET_MAX_OFFSET", "GET_MIN_OFFSET"):
            equal(offset_of(c, name, t), 0)
        for _ in range(6):
            c.send(t, queueId=1)
        equal(offset_of(c, "GET_MAX_OFFSET", t, 1), 6)
        equal(offset_of(c, "GET_MIN_OFFSET", t, 1), 0)
        equal(offset_of(c, "GET_MAX_OFFSET", t, 0), 0)


def test_by_time(b):
    t = b.name()
    with Client(b) as c:
        c.create_topic(t)
        for i in range(6):
            c.send(t)
            time.sleep(0.02)        # store times are to differ
        times = [r.stored for r in c.drain(t)]

        def search(ms, **kw):
            return offset_of(c, "SEARCH_OFFSET_BY_TIMESTAMP", t,
                             timestamp=ms, **kw)
        for i, ms in enumerate(times):
            equal(search(ms), i)
            equal(search(ms, boundaryType="LOWER"), i)
            equal(search(ms, boundaryType="UPPER"), i)
        equal(search(times[2] + 1), 3)
        equal(search(0), 0)
        equal(search(times[-1] + 100000, boundaryType="LOWER"), 6)
        e = c.ask("GET_EARLIEST_MSG_STORETIME", topic=t, queueId=0)
        equal(int(e.ext["timestamp"]), times[0])


def test_stats_of_a_topic(b):
    t = b.name()
    with Client(b) as c:
        c.create_topic(t, queues=2)
        table = c.ask("GET_TOPIC_STATS_INFO", topic=t).json()["offsetTable"]
        equal(len(table), 2)        # queues without messages are there
        c.send(t, queueId=1)
        table = c.ask("GET_TOPIC_STATS_INFO", topic=t).json()["offsetTable"]
        got = {dict(k)["queueId"]: (v["minOffset"], v["maxOffset"])
               for k, v in table.items()}
        equal(got, {0: (0, 0), 1: (0, 1)})


def test_stats_of_a_group(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_topic(t, queues=1)
        for _ in range(5):
            c.send(t)
        c.heartbeat(consumers=[rmqlib.consumer(g, t)])
        commit(c, g, t, 2)
        s = c.ask("GET_CONSUME_STATS", consumerGroup=g, topic=t).json()
        (k, v), = s["offsetTable"].items()
        equal(dict(k), rmqlib.mq(b, t, 0))
        equal((v["brokerOffset"], v["consumerOffset"]), (5, 2))


def test_groups_of_a_topic(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.send(t)
        c.heartbeat(consumers=[rmqlib.consumer(g, t)])
        commit(c, g, t, 1)
        a = c.ask("QUERY_TOPIC_CONSUME_BY_WHO", topic=t).json()
        check(g in a["groupList"], a)


def test_reset(b):
    """An admin's reset moves the group, and its next pull is told so."""
    t, g = b.name(), b.name("g")

    def reset(code=0):
        return admin.ask("INVOKE_BROKER_TO_RESET_OFFSET", topic=t, group=g,
                         timestamp=0, isForce=True, code=code)
    with Client(b) as c, Client(b) as admin:
        c.create_topic(t, queues=1)
        for _ in range(5):
            c.send(t)
        reset(code=26)
        c.heartbeat(consumers=[rmqlib.consumer(g, t)])
        commit(c, g, t, 5)
        (k, v), = reset().json()["offsetTable"].items()
        equal((dict(k), v), (rmqlib.mq(b, t, 0), 0))
        equal(stored(c, g, t), 0)
        equal(c.pull(t, 5, group=g, code=21).ext["nextBeginOffset"], "0")
        equal(len(c.pull(t, 0, group=g).records()), 5)
        c.pull(t, 5, group=g, code=19)      # told once
