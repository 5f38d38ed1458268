# SPDX-License-Identifier: Apache-2.0
"""GET_TOPICS_OF_NAMESPACE and the topic watcher."""
import struct

from mqlib import Client, check, crc32c, equal
import mqlib

NS = "public/default"


def hash_of(names):
    crc = crc32c(",".join(sorted(names)).encode())
    return struct.pack("<I", crc).hex()


def topics(c, **fields):
    return c.ask("GET_TOPICS_OF_NAMESPACE", "GET_TOPICS_OF_NAMESPACE_RESPONSE",
                 namespace=NS, **fields)


def test_list(b):
    tag = f"g{b.run_id[-4:]}"
    names = [f"persistent://{NS}/{tag}-{i}" for i in range(3)]
    with Client(b) as c:
        for i, n in enumerate(names):
            c.producer(n, i)
        m = topics(c)
        check(set(names) <= set(m.topics), m.topics)
        check(not m.filtered and m.changed)
        equal(m.topics_hash, hash_of(m.topics))
        check(not [t for t in m.topics if "__change_events" in t])
        m = topics(c, topics_pattern=f"{NS}/{tag}-[01]")
        equal(sorted(m.topics), names[:2])
        check(m.filtered)
        equal(m.topics_hash, hash_of(names[:2]))
        again = topics(c, topics_pattern=f"{NS}/{tag}-[01]",
                       topics_hash=m.topics_hash)
        check(not again.changed)
        equal(list(again.topics), [])
        m = topics(c, topics_pattern=f"persistent://{NS}/{tag}-.*")
        equal(sorted(m.topics), names)
        # anchored at both ends
        m = topics(c, topics_pattern=f"{tag}-.*")
        equal(list(m.topics), [])
        # too long to be looked at
        m = topics(c, topics_pattern=f"{NS}/{tag}-.*" + "(x|)" * 20)
        check(not m.filtered)


def test_modes(b):
    tag = f"m{b.run_id[-4:]}"
    p = f"persistent://{NS}/{tag}"
    np = f"non-persistent://{NS}/{tag}"
    pb = mqlib.pb.CommandGetTopicsOfNamespace
    with Client(b) as c:
        c.producer(p, 1)
        c.producer(np, 2)
        pat = f"{NS}/{tag}"
        equal(list(topics(c, topics_pattern=pat).topics), [p])
        equal(list(topics(c, topics_pattern=pat,
                          mode=pb.NON_PERSISTENT).topics), [np])
        equal(sorted(topics(c, topics_pattern=pat, mode=pb.ALL).topics),
              sorted([p, np]))


def test_no_namespace(b):
    with Client(b) as c:
        m = c.ask("GET_TOPICS_OF_NAMESPACE",
                  "GET_TOPICS_OF_NAMESPACE_RESPONSE",
                  namespace="public/none-such")
        equal(list(m.topics), [])
        equal(m.topics_hash, "00000000")


def watch(c, wid, pattern, **fields):
    return c.ask("WATCH_TOPIC_LIST", "WATCH_TOPIC_LIST_SUCCESS",
                 watcher_id=wid, namespace=NS, topics_pattern=pattern,
                 **fields)


def test_watch(b):
    tag = f"w{b.run_id[-4:]}"
    names = [f"persistent://{NS}/{tag}-{i}" for i in range(3)]
    with Client(b) as c, Client(b) as d:
        d.producer(names[0], 1)
        m = watch(c, 5, f"persistent://{NS}/{tag}-.*")
        equal(list(m.topic), names[:1])
        equal(m.topics_hash, hash_of(names[:1]))
        d.producer(names[1], 2)
        u = c.rx("WATCH_TOPIC_UPDATE", watcher_id=5)
        equal(list(u.new_topics), names[1:2])
        equal(list(u.deleted_topics), [])
        equal(u.topics_hash, hash_of(names[:2]))
        d.producer(f"persistent://{NS}/{tag}x", 3)
        c.silent()
        # the same watcher again, to see whether something was missed
        m = watch(c, 5, f"persistent://{NS}/{tag}-.*")
        equal(sorted(m.topic), names[:2])
        m = watch(c, 5, f"persistent://{NS}/{tag}-.*",
                  topics_hash=hash_of(names[:2]))
        equal(list(m.topic), [])
        c.ask("WATCH_TOPIC_LIST_CLOSE", "SUCCESS", watcher_id=5)
        d.producer(names[2], 4)
        c.silent()


def test_watch_too_long(b):
    with Client(b) as c:
        c.error("WATCH_TOPIC_LIST", "NotAllowedError", watcher_id=1,
                namespace=NS, topics_pattern="x" * 51)
        # one that isn't there is closed all the same
        c.ask("WATCH_TOPIC_LIST_CLOSE", "SUCCESS", watcher_id=9)
