# SPDX-License-Identifier: Apache-2.0
"""The RocketMQ Python client's suite (a binding of the C++ library). interop/run
starts it and tells it what to run.

usage: suite.py NAMESRV WORKDIR < commands
"""

import os
import sys
import threading
import time
import traceback

from rocketmq.client import Message, Producer, PullConsumer, PushConsumer, SendStatus
from rocketmq.exceptions import RocketMQException
from rocketmq.ffi import MessageModel

QUIET_S = 0.7       # "nothing more comes" is believed after this


def check(cond, *what):
    if not cond:
        raise AssertionError(" ".join(str(w) for w in what))


def equal(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: got {str(got)[:150]}, not {str(want)[:150]}")


def wait(what, limit_s, test):
    end = time.monotonic() + limit_s
    while not test():
        if time.monotonic() > end:
            raise AssertionError(f"not within {limit_s} s: {what}")
        time.sleep(0.02)


def names(prefix, n):
    return [f"{prefix}-{i:04}" for i in range(n)]


def text(m):
    return m.body.decode()


class Taken:
    """What a push consumer got. The library's messages live only in the callback."""

    def __init__(self):
        self.all = []

    def __call__(self, m):
        self.all.append(dict(
            body=text(m), topic=m.topic, tags=m.tags, keys=m.keys, id=m.id, queue=m.queue_id, offset=m.queue_offset,
            times=m.reconsume_times, born=m.born_timestamp, stored=m.store_timestamp, size=m.store_size,
            a=m.get_property("a")))

    def bodies(self):
        return [m["body"] for m in list(self.all)]

    def exactly(self, want, limit_s=40):
        try:
            wait("all messages", limit_s, lambda: len(self.all) >= len(want))
        except AssertionError as e:
            raise AssertionError(f"{e}: {len(self.all)} of {len(want)}: {str(self.bodies())[:100]}") from None
        time.sleep(QUIET_S)
        equal(sorted(self.bodies()), sorted(want), "what came")


class Ctx:
    def __init__(self, addr, work, unique, ask):
        self.addr, self.work, self.unique, self.ask = addr, work, unique.replace(".", "-"), ask
        self.n, self.ends, self._producer = 0, [], None

    def topic(self, suffix="t"):
        return f"{self.unique}_{suffix}"

    def group(self, suffix):
        return f"g_{self.unique}_{suffix}"

    def producer(self):
        if self._producer is None:
            p = Producer(self.group("p"))
            p.set_namesrv_addr(self.addr)
            p.set_max_message_size(4 << 20)
            p.start()
            self.ends.append(p.shutdown)
            self._producer = p
        return self._producer

    def send(self, topic, body, tags=None, keys=None, level=None, **props):
        r = self.producer().send_sync(message(topic, body, tags, keys, level, **props))
        equal(r.status, SendStatus.OK, "status of a send")
        return r

    def create(self, topic):
        """The client can only make a topic by a send; what it sent is told apart by its body."""
        self.send(topic, "makes its topic", tags="first")

    def signed_producer(self, user, secret):
        """None: it doesn't sign."""
        self.n += 1
        p = Producer(self.group(f"p{self.n}"))
        p.set_namesrv_addr(self.addr)
        if user is not None:
            p.set_session_credentials(user, secret, "")
        p.start()
        self.ends.append(p.shutdown)
        return p

    def take(self, group, topic, expr="*", callback=None, user=None, **kw):
        c = PushConsumer(group, **kw)
        if user is not None:
            c.set_session_credentials(user, user + "-secret", "")
        c.set_namesrv_addr(self.addr)
        self.n += 1
        c.set_instance_name(f"{self.unique}-{self.n}")
        t = callback or Taken()
        c.subscribe(topic, t, expr)
        c.start()
        self.ends.append(c.shutdown)
        t.consumer = c
        return t

    def close(self):
        for f in reversed(self.ends):
            f()
        self.ends = []


def message(topic, body, tags=None, keys=None, level=None, **props):
    m = Message(topic)
    m.set_body(body)
    if tags is not None:
        m.set_tags(tags)
    if keys is not None:
        m.set_keys(keys)
    if level is not None:
        m.set_delay_time_level(level)
    for k, v in props.items():
        m.set_property(k, v)
    return m


FIRST = "makes its topic"


def connect(c):
    c.create(c.topic())
    c.take(c.group("g"), c.topic()).exactly([FIRST])
    try:
        c.producer().send_sync(message("a b", "x"))
    except Exception:       # the library has its own
        return
    raise AssertionError("a name with a blank was taken")


def send(c):
    sent = {f"m{i}": c.send(c.topic(), f"m{i}", f"tag{i % 2}", f"key{i}", a=f"\u00e4 {i}") for i in range(30)}
    big = "x" * (1 << 20)
    c.send(c.topic(), big)
    t = c.take(c.group("g"), c.topic())
    t.exactly([*sent, big])
    for m in t.all:
        equal(m["topic"], c.topic(), "topic")
        if m["body"] != big:
            i = int(m["body"][1:])
            equal((m["tags"], m["keys"].strip(), m["a"]), (f"tag{i % 2}".encode(), f"key{i}".encode(), f"\u00e4 {i}".encode()), "fields")
            equal(m["offset"], sent[m["body"]].offset, "offset")
            equal(m["id"], sent[m["body"]].msg_id, "id")


def send_async(c):
    c.create(c.topic())
    done, bad = [], []
    for n in names("m", 50):
        c.producer().send_async(message(c.topic(), n), done.append, bad.append)
    wait("50 answers", 20, lambda: len(done) + len(bad) == 50)
    equal(bad, [], "failures")
    c.take(c.group("g"), c.topic()).exactly([FIRST, *names("m", 50)])


def oneway(c):
    c.create(c.topic())
    for n in names("m", 50):
        c.producer().send_oneway(message(c.topic(), n))
    c.take(c.group("g"), c.topic()).exactly([FIRST, *names("m", 50)])


def push(c):
    c.create(c.topic())
    a, b = names("a", 200), names("b", 200)
    for n in a:
        c.send(c.topic(), n)
    t = c.take(c.group("g"), c.topic())
    t.exactly([FIRST, *a])
    for n in b:
        c.send(c.topic(), n)
    t.exactly([FIRST, *a, *b])
    equal(len({m["queue"] for m in t.all}), 4, "queues")


def broadcast(c):
    c.create(c.topic())
    two = [c.take(c.group("g"), c.topic(), message_model=MessageModel.BROADCASTING) for _ in range(2)]
    # a broadcast consumer starts at the end of each queue, whenever it is ready
    n = 0

    def both():
        nonlocal n
        n += 1
        for k in names(f"m{n}", 40):
            c.send(c.topic(), k)
        end = time.monotonic() + 3
        while time.monotonic() < end:
            if all(set(names(f"m{n}", 40)) <= set(t.bodies()) for t in two):
                return True
            time.sleep(0.05)
        return False
    wait("all messages at both", 40, both)


def orderly(c):
    c.create(c.topic())
    for i in range(50):
        for q in range(4):
            c.producer().send_orderly(message(c.topic(), f"q{q}-{i:04}"), q)
    t = c.take(c.group("g"), c.topic(), orderly=True)
    wait("all messages", 60, lambda: len(t.all) >= 201)
    for q in range(4):
        equal([b for b in t.bodies() if b.startswith(f"q{q}-")], names(f"q{q}", 50), f"queue {q}")


def pull(c):
    for n in [FIRST, *names("m", 50)]:
        c.send(c.topic(), n, tags="odd" if n[-1] in "13579" else "even")
    p = PullConsumer(c.group("g"))
    p.set_namesrv_addr(c.addr)
    p.start()
    c.ends.append(p.shutdown)
    got = []
    end = time.monotonic() + 15
    while len(got) < 51 and time.monotonic() < end:
        got += [text(m) for m in p.pull(c.topic())]
    equal(sorted(got), sorted([FIRST, *names("m", 50)]), "what came")


def tags(c):
    for i in range(60):
        x = "abc"[i % 3]
        c.send(c.topic(), f"{x}-{i // 3:04}", tags=x)
    c.take(c.group("a"), c.topic(), "a").exactly(names("a", 20))
    c.take(c.group("ac"), c.topic(), "a || c").exactly(names("a", 20) + names("c", 20))


def retry(c):
    c.create(c.topic())
    counts, done = [], []

    def callback(m):
        if text(m) == "bad":
            counts.append((m.topic, m.reconsume_times, m.tags))
            if m.reconsume_times == 0:
                raise RuntimeError("not now")       # the library's way to say: later, after 10 s
        done.append(text(m))
    c.take(c.group("g"), c.topic(), callback=callback)
    c.send(c.topic(), "bad", tags="tag")
    wait("the second attempt", 60, lambda: "bad" in done)
    equal([n for _, n, _ in counts], [0, 1], "attempts")
    equal({(t, g) for t, _, g in counts}, {(c.topic(), b"tag")}, "topic and tag")


def delay(c):
    c.create(c.topic())
    t = c.take(c.group("g"), c.topic())
    for level in (2, 1):
        c.send(c.topic(), str(level), level=level)
    t.exactly([FIRST, "1", "2"])
    for m in t.all:
        if m["body"] != FIRST:
            late = m["stored"] - m["born"] - {"1": 1000, "2": 5000}[m["body"]]
            check(-50 < late < 3000, m["body"], "was late by", late, "ms")


def compressed(c):
    big = "compress me " * 3000
    c.send(c.topic(), big)
    t = c.take(c.group("g"), c.topic())
    t.exactly([big])
    check(t.all[0]["size"] < len(big) // 2, "not compressed")


def restart(c, sig):
    c.create(c.topic())
    t = c.take(c.group("g"), c.topic())
    sent, stop = [], threading.Event()

    def sender():
        i = 0
        while not stop.is_set():
            i += 1
            try:
                if c.producer().send_sync(message(c.topic(), f"m-{i:06}")).status == SendStatus.OK:
                    sent.append(f"m-{i:06}")
            except Exception:       # not acknowledged: it may be there, or not
                pass
            time.sleep(0.002)
    th = threading.Thread(target=sender)
    th.start()
    try:
        wait("a start", 40, lambda: len(sent) >= 300 and len(t.all) >= 300)
        c.ask("@restart " + sig)
        was = len(sent)
        wait("sends after the restart", 60, lambda: len(sent) >= was + 300)
    finally:
        stop.set()
        th.join()
    wait("all that was acknowledged", 60, lambda: set(sent) <= set(t.bodies()))


def acl(c):
    """The users are those of harness/profiles.py. The library doesn't tell why a broker refused a send."""
    p, bodies = c.signed_producer("works", "works-secret"), names("m", 50)
    for n in bodies:
        equal(p.send_sync(message(c.topic(), n)).status, SendStatus.OK, "status of a send")
    t = c.take(c.group("works"), c.topic(), user="works")
    t.exactly(bodies)
    c.take(c.group("reads"), c.topic(), user="reads").exactly(bodies)
    for user, secret in (("works", "wrong"), ("none", "none"), (None, None), ("nobody", "nobody-secret"),
                         ("reads", "reads-secret")):
        check(not sends(c.signed_producer(user, secret), c.topic()), f"a send of {user} was taken")
    c.take(c.group("nobody"), c.topic(), user="nobody").exactly([])
    p.send_sync(message(c.topic(), "after all"))
    t.exactly([*bodies, "after all"])


def sends(p, topic):
    try:
        p.send_sync(message(topic, "refused"))
    except RocketMQException:
        return False
    return True


def plain_acl(c):
    """ACL 1.0, with the accounts of harness/profiles.py."""
    p, bodies = c.signed_producer("works-key", "works-key-secret"), names("m", 50)
    for n in bodies:
        equal(p.send_sync(message(c.topic(), n)).status, SendStatus.OK, "status of a send")
    t = c.take(c.group("works-key"), c.topic(), user="works-key")
    t.exactly(bodies)
    c.take(c.group("reads-key"), c.topic(), user="reads-key").exactly(bodies)
    for user, secret in (("works-key", "wrong"), ("no-such-key", "none"), (None, None), ("reads-key", "reads-key-secret")):
        check(not sends(c.signed_producer(user, secret), c.topic()), f"a send of {user} was taken")
    check(not sends(p, "denied-topic"), "a denied topic was taken")
    check(sends(c.signed_producer("white-key", "known by its address"), "denied-topic"), "not known by its address")
    c.take("denied-group", c.topic(), user="works-key").exactly([])
    plain_reload(c, p)


def plain_reload(c, stays):
    """The file of accounts is another one, while clients are connected."""
    comes, goes = (c.signed_producer(k + "-key", k + "-key-secret") for k in ("comes", "goes"))
    check(sends(goes, c.topic()) and not sends(comes, c.topic()), "as the first accounts say")
    c.ask("@accounts later")
    try:
        wait("the other accounts", 30, lambda: sends(comes, c.topic()))
        check(not sends(goes, c.topic()), "goes-key is gone")
        check(sends(stays, c.topic()), "works-key stays")
    finally:
        c.ask("@accounts first")
    wait("the first accounts", 30, lambda: sends(goes, c.topic()))
    check(not sends(comes, c.topic()), "comes-key is gone")


ALL = {
    "connect": connect, "send": send, "async": send_async, "oneway": oneway, "push": push,
    "broadcast": broadcast, "orderly": orderly, "pull": pull, "tags": tags, "retry": retry, "delay": delay,
    "compress-zlib": compressed, "restart-term": lambda c: restart(c, "TERM"),
    "restart-kill": lambda c: restart(c, "KILL"), "acl": acl, "plain-acl": plain_acl,
}


def main():
    out = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)       # what the library prints goes to the log

    def say(line):
        out.write(line + "\n")
        out.flush()

    def ask(line):
        say(line)
        answer = sys.stdin.readline().strip()
        check(answer == "ok", answer or "the driver is gone")
    for line in iter(sys.stdin.readline, ""):
        _, name, unique = line.split()
        try:
            check(name in ALL, "no such scenario in this suite")
            c = Ctx(sys.argv[1], sys.argv[2], unique, ask)
            ALL[name](c)
            c.close()
            say("@pass")
        except Exception as e:
            traceback.print_exc()
            say("@fail " + " ".join(f"{type(e).__name__}: {e}".split()))
    os._exit(0)         # the library's threads don't end by themselves


if __name__ == "__main__":
    main()
