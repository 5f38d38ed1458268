# SPDX-License-Identifier: Apache-2.0
"""Publish rates: sends are answered late, at most 1 s, then with code 2; nothing else
of their connection waits. Dispatch rates: pulls and pops are held."""
import time
from collections import Counter

from mqlib import alone, check, equal, options, ours
import mqlib
from p16_limits import admin
from rmqlib import Client, pop_fields, records

SLOW = 5


def limited(b, c, rate, queues=1):
    t = b.name()
    c.create_topic(t, queues=queues)
    equal(admin(b, "POST", f"persistent/public/default/{t}" + "/publishRate",
                {"publishThrottlingRateInMsg": rate})[0], 204)
    return t


def answers(c, opaques, timeout=10.0):
    """{opaque: (when, answer)}"""
    got, end = {}, time.monotonic() + timeout
    while len(got) < len(opaques):
        for o in [o for o in c.answers if o in opaques]:
            got[o] = time.monotonic(), c.answers.pop(o)
        if len(got) < len(opaques):
            check(c.read(end), "closed")
    return got


@ours("asks the admin API")
def test_late_and_refused(b):
    with Client(b) as c, Client(b) as d:
        t = limited(b, c, SLOW)
        start = time.monotonic()
        sent = [c.tx_send(t, queueId=0) for _ in range(40)]
        # others go on
        o = b.name()
        d.create_topic(o, queues=1)
        d.pull(t, code=None)    # the first may not be stored yet
        d.heartbeat(producers=["g"])
        d.send(o, queueId=0)
        got = [(when - start, a.code, a.remark)
               for when, a in answers(c, sent).values()]
        ok = [a for a in got if a[1] == 0]
        no = [a for a in got if a[1] != 0]
        # those that were there, and what comes until the last is answered
        last = max(a[0] for a in got)
        check(SLOW <= len(ok) <= (1 + last) * SLOW + 2, len(ok))
        check(any(a[0] > 0.15 for a in ok), "nobody was late")
        for wait, code, remark in no:
            equal(code, 2)
            check(remark.startswith("[TIMEOUT_CLEAN_QUEUE]broker busy, start flow "
                                    "control for a while, period in queue: 1000ms, "
                                    "size of queue: "), remark)
            check(wait >= 0.9, wait)
        # what was refused is nowhere
        equal(len(c.drain(t)), len(ok))
        before = mqlib.counters(b)["magnetar_rocketmq_sends_throttled_total"]
        check(before >= len(no))


@ours("asks the admin API")
def test_the_connection_goes_on(b):
    """However many sends wait."""
    with Client(b) as c:
        t = limited(b, c, SLOW)
        o = b.name()
        c.create_topic(o, queues=1)
        c.send(t, queueId=0)
        start = time.monotonic()
        sent = [c.tx_send(t, queueId=0) for _ in range(3000)]
        asked = [c.tx_pull(t), c.tx_send(o, queueId=0),
                 c.tx("GET_BROKER_CONFIG")]
        for _, a in answers(c, asked).values():
            equal(a.code, 0)
        # before those that wait
        check(any(o not in c.answers for o in sent), "waited")
        codes = [a.code for _, a in answers(c, sent).values()]
        most = (time.monotonic() - start + 2) * SLOW + 3
        check(1 <= codes.count(0) <= most, codes.count(0), most)
        equal(codes.count(0) + codes.count(2), 3000)


@ours("asks the admin API")
def test_with_queues(b):
    """A topic's rate is that of each of its queues, which are partitions."""
    with Client(b) as c:
        t = limited(b, c, SLOW, queues=4)
        sent = [c.tx_send(t, queueId=i % 4) for i in range(4 * SLOW)]
        for _, a in answers(c, sent).values():
            equal(a.code, 0)


@alone
@options(brokerPublisherThrottlingMaxMessageRate=60, shards=3)
@ours("asks for a key of the configuration")
def test_of_the_whole_broker(b):
    """Queues of six topics, on several shards, of each of which four sends always wait:
    all get the same of the broker's rate, and together no more than that."""
    with Client(b) as c:
        topics = [b.name(f"t{i}") for i in range(6)]
        for t in topics:
            c.create_topic(t, queues=1)
        sent = {c.tx_send(t, queueId=0): t for _ in range(4) for t in topics}
        ok, at_60, start = Counter(), None, time.monotonic()
        while ok.total() < 60 + 180:
            for o in [o for o in c.answers if o in sent]:
                t, a = sent.pop(o), c.answers.pop(o)
                check(a.code in (0, 2), a)
                ok[t] += a.code == 0
                sent[c.tx_send(t, queueId=0)] = t
                if at_60 is None and ok.total() == 60:
                    at_60 = Counter(ok)    # who comes first has what is there
            check(c.read(start + 60), "closed")
        check(time.monotonic() - start > 2.8, "over the rate")
        each = ok - at_60
        check(all(20 <= each[t] <= 40 for t in topics), each)
        for o, (_, a) in answers(c, list(sent)).items():
            check(a.code in (0, 2), a)
            ok[sent[o]] += a.code == 0
        for t in topics:
            equal(len(c.drain(t)), ok[t])


def paced(b, c, name, rate):
    t = b.name()
    c.create_topic(t, queues=1)
    for _ in range(60):
        c.send(t, queueId=0)
    equal(admin(b, "POST", f"persistent/public/default/{t}/{name}",
                {"dispatchThrottlingRateInMsg": rate})[0], 204)
    return t


@ours("asks the admin API")
def test_pulls_are_held(b):
    with Client(b) as c:
        t = paced(b, c, "dispatchRate", 20)
        at, end, pulls = 0, time.monotonic() + 2.0, 0
        while time.monotonic() < end:
            a = c.pull(t, at, code=None, n=5, suspend_ms=500, flags=2)
            check(a.code in (0, 19), a)
            at += len(a.records()) if a.code == 0 else 0
            pulls += 1
        # those that were there, and what came since
        check(15 <= at <= 65, at)
        check(pulls < 40, "they were answered at once", pulls)
        # without a wait: late, and no error
        since = time.monotonic()
        c.pull(t, 0, n=32)
        a = c.pull(t, 0, n=32, code=None)
        check(a.code == 19 and time.monotonic() - since > 0.5, a)


@ours("asks the admin API")
def test_pops_are_held(b):
    for name in "dispatchRate", "subscriptionDispatchRate":
        with Client(b) as c:
            t, g = paced(b, c, name, 20), b.name("g")
            n, end = 0, time.monotonic() + 2.0
            while time.monotonic() < end:
                a = c.ask("POP_MESSAGE", code=None,
                          **pop_fields(t, g, queue=0, n=5, poll=500, initMode=0))
                n += len(records(a.body)) if a.code == 0 else 0
            check(15 <= n <= 65, name, n)
