# SPDX-License-Identifier: Apache-2.0
"""Priority topics; offsets that admins move, compare and forbid."""
from mqlib import check, equal, ours
import rmqlib
from rmqlib import Client, consumer
from r08_pop_reply import handles, pop

PRIORITY = "_SYS_MSG_PRIORITY_"


def made(b, c, queues=4, group={}, **topic):
    t, g = b.name(), b.name("g")
    c.create_topic(t, queues=queues, **topic)
    c.create_group(g, **group)
    return t, g


def test_queue_is_the_priority(b):
    """Of any topic; what can't be one changes nothing."""
    with Client(b) as c:
        t, _ = made(b, c)
        for p, queue, kept in (("0", 0, True), ("2", 2, True), ("9", 3, True),
                               ("-1", 1, True), ("x", 1, True)):
            a = c.send(t, p.encode(), props={PRIORITY: p}, queueId=1)
            equal(a.ext["queueId"], str(queue), p)
            r = c.drain(t, queue=queue)[-1]
            equal((r.body, r.queue, r.props.get(PRIORITY)),
                  (p.encode(), queue, p))
        # one that is delayed, half or of an order has none
        a = c.send(t, b"k", props={PRIORITY: "3", "__SHARDINGKEY": "k"},
                   queueId=1)
        equal(a.ext["queueId"], "1")
        r = c.drain(t, queue=1)[-1]
        equal((r.body, r.props.get(PRIORITY)), (b"k", None))
        c.send(t, b"d", props={PRIORITY: "3", "DELAY": "1"}, queueId=2,
               wait=False)
        r = rmqlib.until("the delayed one",
                         lambda: c.drain(t, queue=2)[1:])[0]
        equal((r.body, r.props.get(PRIORITY)), (b"d", None))


def fill(c, t):
    for i in range(8):
        c.send(t, b"%d" % (i % 4), props={PRIORITY: str(i % 4)})


def popped(c, t, g, n):
    return [pop(c, t, g, n=1).records()[0].body for _ in range(n)]


def test_pop_by_priority(b):
    with Client(b) as c:
        t, g = made(b, c, attributes="+message.type=PRIORITY")
        fill(c, t)
        equal(popped(c, t, g, 3), [b"3", b"3", b"2"])
        c.send(t, b"3", props={PRIORITY: "3"})
        equal(popped(c, t, g, 6), [b"3", b"2", b"1", b"1", b"0", b"0"])
        pop(c, t, g, code=210)


def test_pop_in_turn_all_the_same(b):
    """Of other topics, and where the group's factor says so."""
    with Client(b) as c:
        for topic, group in (({}, {}),
                             (dict(attributes="+message.type=PRIORITY"),
                              dict(attributes={"+priority.factor": "0"}))):
            t, g = made(b, c, group=group, **topic)
            fill(c, t)
            got = popped(c, t, g, 8)
            equal(sorted(got), sorted(b"01230123"[i:i + 1] for i in range(8)))
            check(got != [b"3", b"3", b"2", b"2", b"1", b"1", b"0", b"0"], got)


def reset(c, t, g, offset):
    c.ask("INVOKE_BROKER_TO_RESET_OFFSET", topic=t, group=g, timestamp=-1,
          isForce=True, queueId=0, offset=offset)


def test_reset_of_who_pops(b):
    """What is out is given again, and commits count once it was popped."""
    with Client(b) as c:
        t, g = made(b, c, queues=1)
        for i in range(6):
            c.send(t, b"%d" % i)
        equal(len(handles(b, pop(c, t, g, queue=0, n=3))), 3)
        for to, want in ((0, b"012345"), (5, b"5"), (2, b"2345")):
            reset(c, t, g, to)
            equal(b"".join(r.body for r in pop(c, t, g, queue=0).records()),
                  want)
        c.ask("UPDATE_CONSUMER_OFFSET", consumerGroup=g, topic=t, queueId=0,
              commitOffset=4)
        a = c.ask("QUERY_CONSUMER_OFFSET", consumerGroup=g, topic=t, queueId=0)
        equal(a.ext["offset"], "4")


def correction(c, t, g, but=None):
    kw = {} if but is None else dict(filterGroups=but)
    a = c.ask("QUERY_CORRECTION_OFFSET", topic=t, compareGroup=g, **kw)
    return {int(q): v for q, v in a.json()["correctionOffsets"].items()}


def commit(c, t, g, offset):
    c.ask("UPDATE_CONSUMER_OFFSET", consumerGroup=g, topic=t, queueId=0,
          commitOffset=offset)


def test_slowest_group(b):
    with Client(b) as c:
        t, g = made(b, c, queues=1)
        _, h = made(b, c)
        for _ in range(3):
            c.send(t, queueId=0)
        equal(correction(c, t, g), {})
        commit(c, t, g, 2)
        commit(c, t, h, 1)
        equal(correction(c, t, g), {0: 1})
        equal(correction(c, t, h), {0: 1})
        equal(correction(c, t, g, ""), {0: 1})


@ours("the reference forgets the offsets of groups that are left out")
def test_slowest_of_the_others(b):
    with Client(b) as c:
        t, g = made(b, c, queues=1)
        _, h = made(b, c)
        for _ in range(3):
            c.send(t, queueId=0)
        commit(c, t, g, 2)
        commit(c, t, h, 1)
        equal(correction(c, t, g, h), {0: 2})
        equal(correction(c, t, h, h), {0: 2**63 - 1})
        equal(correction(c, t, g, f"{g},{h}"), {})
        equal(correction(c, t, g), {0: 1})


def forbidden(c, g, t, code=0, **kw):
    a = c.ask("UPDATE_AND_GET_GROUP_FORBIDDEN", group=g, topic=t, code=code,
              **kw)
    if code == 0:
        v = a.json()
        equal((v["group"], v["topic"]), (g, t))
        return not v["readable"]
    return None


def test_forbidden_topic(b):
    """Members' pulls are refused."""
    with Client(b) as c:
        t, g = made(b, c, queues=1)
        c.send(t, queueId=0)
        c.heartbeat(consumers=[consumer(g, t)])
        equal(forbidden(c, g, t), False)
        equal(forbidden(c, g, t, readable="false"), True)
        equal(forbidden(c, g, t), True)
        a = c.pull(t, group=g, sub=None, code=16)
        equal(a.remark, f"the consumer group[{g}] is forbidden for topic[{t}]")
        table = c.ask("GET_ALL_SUBSCRIPTIONGROUP_CONFIG").json()
        equal(table["forbiddenTable"].get(g), {t: 4})
        equal(forbidden(c, g, t, readable="true"), False)
        c.pull(t, group=g, sub=None)


@ours("the reference forgets all of a group's topics with the first one")
def test_forbidden_topics(b):
    with Client(b) as c:
        t, g = made(b, c, queues=1)
        u, _ = made(b, c, queues=1)
        for name in (t, u):
            c.send(name, queueId=0)
        c.heartbeat(consumers=[dict(consumer(g, t), subscriptionDataSet=[
            rmqlib.subscription(t), rmqlib.subscription(u)])])
        equal(forbidden(c, g, t, readable="false"), True)
        equal(forbidden(c, g, u, readable="false"), True)
        equal(forbidden(c, g, t, readable="true"), False)
        c.pull(t, group=g, sub=None)
        c.pull(u, group=g, sub=None, code=16)
        table = c.ask("GET_ALL_SUBSCRIPTIONGROUP_CONFIG").json()
        equal(table["forbiddenTable"].get(g), {u: 4})
        # it survives a change of the group
        c.create_group(g, retryMaxTimes=3)
        equal(forbidden(c, g, u), True)


@ours("what only slaves ask")
def test_not_supported(b):
    with Client(b) as c:
        for name in ("GET_ALL_DELAY_OFFSET", "GET_TIMER_CHECK_POINT",
                     "GET_TIMER_METRICS"):
            c.ask(name, code=3)
