# SPDX-License-Identifier: Apache-2.0
"""Light queues: one record in the queues of many names (INNER_MULTI_DISPATCH). The
reference has them with enableLmq=true and enableMultiDispatch=true."""
from mqlib import alone, check, equal, ours
import mqlib
import rmqlib
from rmqlib import Client
from r07_delay_txn import end as txn_end, half
from r08_pop_reply import pop

NAMES, OFFSETS = "INNER_MULTI_DISPATCH", "INNER_MULTI_QUEUE_OFFSET"


def light(b, what="l"):
    return "%LMQ%" + b.name(what)


def send(c, t, queues, body=b"x", code=0, **kw):
    props = {**kw.pop("props", {}), NAMES: ",".join(queues)}
    return c.send(t, body, code=code, props=props, **kw)


def end(c, name, n):
    """The queue's end, when it has n: the reference dispatches behind the answer."""
    def at():
        got = int(c.ask("GET_MAX_OFFSET", topic=name, queueId=0).ext["offset"])
        return got if got >= n else None
    equal(rmqlib.until(f"{n} messages in {name}", at), n)


def edge(c, which, name, **kw):
    return int(c.ask(which, topic=name, queueId=0, **kw).ext["offset"])


def bodies(c, name, **kw):
    return [r.body for r in c.drain(name, **kw)]


def test_one_record_in_many_queues(b):
    t, x, y, z = b.name(), light(b), light(b), light(b)
    with Client(b) as c:
        c.create_topic(t)
        first = send(c, t, [x, y], b"0", queueId=1, tags="a", keys="k")
        equal((first.ext["queueId"], first.ext["queueOffset"]), ("1", "0"))
        send(c, t, [y], b"1", queueId=2)
        send(c, t, [y, z, x], b"2", queueId=1)
        for name, n in ((x, 2), (y, 3), (z, 1)):
            end(c, name, n)
        equal(bodies(c, x), [b"0", b"2"])
        equal(bodies(c, y), [b"0", b"1", b"2"])
        equal(bodies(c, z), [b"2"])
        # it is the same record everywhere: its topic's, with its offsets there
        here, = c.pull(t, queue=1, n=1).records()
        there, = c.pull(x, n=1).records()
        equal(there.raw, here.raw)
        equal((there.topic, there.queue, there.offset), (t, 1, 0))
        equal((here.props[NAMES], here.props[OFFSETS]), (f"{x},{y}", "0,0"))
        r = c.pull(y, offset=2).records()[0]
        equal((r.topic, r.queue, r.offset), (t, 1, 1))
        equal((r.props[NAMES], r.props[OFFSETS]), (f"{y},{z},{x}", "2,0,1"))
        a = c.pull(y, offset=1, n=1)
        equal((a.ext["nextBeginOffset"], a.ext["minOffset"],
               a.ext["maxOffset"]), ("2", "0", "3"))


def test_queue_that_nobody_has_sent_to(b):
    with Client(b) as c:
        x = light(b)
        equal(edge(c, "GET_MAX_OFFSET", x), 0)
        equal(edge(c, "GET_MIN_OFFSET", x), 0)
        c.pull(x, code=19)
        # a pull that waits is told of the first one
        req = c.tx_pull(x, sysFlag=rmqlib.SUBSCRIPTION | rmqlib.SUSPEND,
                        suspendTimeoutMillis=20000)
        with Client(b) as p:
            t = b.name()
            p.create_topic(t)
            send(p, t, [x], b"now")
        equal([r.body for r in c.rx(req).records()], [b"now"])


@ours("the reference's dispatch hangs for good at a name that isn't light")
def test_only_light_names_are_dispatched(b):
    t, x, other = b.name(), light(b), b.name("o")
    with Client(b) as c:
        c.create_topic(t)
        c.create_topic(other)
        send(c, t, [other, x], b"0")
        end(c, x, 1)
        equal(bodies(c, other), [])
        r, = c.pull(x).records()
        equal((r.props[NAMES], r.props[OFFSETS]), (f"{other},{x}", ",0"))


def test_offsets_of_groups(b):
    t, x, g = b.name(), light(b), b.name("g")
    with Client(b) as c:
        c.create_topic(t)
        c.create_group(g)
        for i in range(4):
            send(c, t, [x], b"%d" % i)
        end(c, x, 4)
        c.ask("UPDATE_CONSUMER_OFFSET", consumerGroup=g, topic=x, queueId=0,
              commitOffset=3)
        equal(edge(c, "QUERY_CONSUMER_OFFSET", x, consumerGroup=g), 3)


def test_offset_by_time(b):
    t, x = b.name(), light(b)
    with Client(b) as c:
        c.create_topic(t)
        for i in range(3):
            send(c, t, [x], b"%d" % i)
        end(c, x, 3)
        got = c.drain(x)
        equal(edge(c, "SEARCH_OFFSET_BY_TIMESTAMP", x, timestamp=0), 0)
        equal(edge(c, "SEARCH_OFFSET_BY_TIMESTAMP", x,
                   timestamp=got[-1].stored + 100000), 3)


def test_tags(b):
    t, x = b.name(), light(b)
    with Client(b) as c:
        c.create_topic(t)
        for i in range(6):
            send(c, t, [x], b"%d" % i, tags="ab"[i % 2])
        end(c, x, 6)
        a = c.pull(x, subscription="b")
        equal([r.body for r in a.records()], [b"1", b"3", b"5"])


def test_pop(b):
    t, x, g = b.name(), light(b), b.name("g")
    with Client(b) as c:
        c.create_topic(t, queues=1)
        c.create_group(g)
        c.send(t, b"not in it")
        for i in range(3):
            send(c, t, [x], b"%d" % i)
        end(c, x, 3)
        a = pop(c, x, g, queue=0)
        equal([r.body for r in a.records()], [b"0", b"1", b"2"])
        equal(a.ext["msgOffsetInfo"], "0 0 0,1,2")


def test_names(b):
    """Any text may stand behind the head; a queue named twice is named once."""
    with Client(b) as c:
        t = b.name()
        c.create_topic(t)
        for x in (light(b) + "y" * 200, light(b) + " a\u00e4+#", light(b) + "%a%b"):
            send(c, t, [x, x], b"0", queueId=0)
            end(c, x, 1) if b.ours else None
            equal(bodies(c, x)[:1], [b"0"])
        equal({r.props[OFFSETS] for r in c.drain(t)}, {"0,0"})


@ours("the reference dispatches a topic's own queue there as well")
def test_send_to_a_light_queue(b):
    with Client(b) as c:
        c.send(light(b), b"x", code=16)


@ours("what is read is not told there")
def test_names_that_are_wrong(b):
    with Client(b) as c:
        t = b.name()
        c.create_topic(t)
        for x in ("%LMQ%a/b", "%LMQ%" + "y" * 300, "%LMQ%a-partition-1",
                  "%LMQ%\x07"):
            send(c, t, [light(b), x], code=13)
        equal(c.drain(t), [])


def test_many_queues(b):
    t, x = b.name(), light(b)
    names = [f"{x}{i}" for i in range(600)]
    with Client(b) as c:
        c.create_topic(t)
        send(c, t, names, b"all", queueId=0)
        send(c, t, names[1::2], b"some", queueId=0)
        end(c, names[-1], 2)
        for i in (0, 1, 298, 299, 598, 599):
            equal(bodies(c, names[i]), [b"all", b"some"][:1 + i % 2])


def test_many_sends_at_once(b):
    """Queues have all of what was sent, at the offsets that the records say."""
    t, queues = b.name(), [light(b) for _ in range(5)]
    with Client(b) as c, Client(b) as d:
        c.create_topic(t, queues=4)
        sent = []
        for i in range(300):
            p = (c, d)[i % 2]
            to = [q for k, q in enumerate(queues) if (i >> k) % 3 == 0]
            props = {NAMES: ",".join(to)} if to else {}
            sent.append((p, p.tx_send(t, b"%d" % i, queueId=i % 4,
                                      props=props), to))
        for p, req, _ in sent:
            p.rx(req)
        for q in queues:
            want = {b"%d" % i for i, s in enumerate(sent) if q in s[2]}
            end(c, q, len(want))
            got = c.drain(q)
            equal({r.body for r in got}, want)
            for i, r in enumerate(got):
                at = dict(zip(r.props[NAMES].split(","),
                              r.props[OFFSETS].split(",")))
                equal(at[q], str(i))


@alone
@ours("the reference is not ended by scripts")
def test_after_a_crash(b):
    """What was answered is there, at the same offsets; it goes on from there."""
    t, x, y, g = b.name(), light(b), light(b), b.name("g")
    with Client(b) as c:
        c.create_topic(t)
        c.create_group(g)
        for i in range(20):
            send(c, t, [x, y] if i % 2 else [y], b"%d" % i, queueId=i % 4)
        c.ask("UPDATE_CONSUMER_OFFSET", consumerGroup=g, topic=x, queueId=0,
              commitOffset=4)
        before = [r.raw for r in c.drain(x)], [r.raw for r in c.drain(y)]
    b.crash()
    with Client(b) as c:
        equal(([r.raw for r in c.drain(x)], [r.raw for r in c.drain(y)]),
              before)
        equal(edge(c, "QUERY_CONSUMER_OFFSET", x, consumerGroup=g), 4)
        send(c, t, [x, y], b"next", queueId=0)
        r = c.drain(t)[-1]
        equal((r.body, r.props[OFFSETS]), (b"next", "10,20"))
        equal(bodies(c, x, offset=10), [b"next"])


@alone
@ours("the reference is not ended by scripts")
def test_crashes_under_load(b):
    """Whatever was answered is in all of its queues, at the offsets it says."""
    t, queues = b.name(), [light(b) for _ in range(4)]
    answered = {}
    with Client(b) as c:
        c.create_topic(t, queues=2)
    for life in range(3):
        with Client(b) as c, Client(b) as d:
            sent = []
            for i in range(400):
                p = (c, d)[i % 2]
                to = queues[i % 4:] if i % 3 else [queues[i % 4]]
                body = b"%d-%d" % (life, i)
                sent.append((p, p.tx_send(t, body, queueId=i % 2,
                                          props={NAMES: ",".join(to)}),
                             body, to))
            for p, req, body, to in sent[:100 + 50 * life]:
                p.rx(req)
                answered[body] = to
            b.crash()
    with Client(b) as c:
        there = {q: c.drain(q) for q in queues}
        at = {q: {r.body: i for i, r in enumerate(there[q])} for q in queues}
        for body, to in answered.items():
            for q in to:
                check(body in at[q], body, "is not in", q)
        for q in queues:
            for r in there[q]:
                where = dict(zip(r.props[NAMES].split(","),
                                 r.props[OFFSETS].split(",")))
                if r.body in answered:
                    equal(where[q], str(at[q][r.body]), r.body)
        equal([edge(c, "GET_MAX_OFFSET", q) for q in queues],
              [len(there[q]) for q in queues])


@ours("a topic's records outlive it there")
def test_records_that_have_gone(b):
    t, u, x, g = b.name(), b.name("u"), light(b), b.name("g")
    with Client(b) as c:
        c.create_group(g)
        for name in (t, u):
            c.create_topic(name, queues=1)
        for i in range(6):
            send(c, (t, u)[i % 2], [x], b"%d" % i)
        pop(c, x, g, queue=0, n=1, initMode=0)
        c.ask("DELETE_TOPIC_IN_BROKER", topic=t)
        equal(bodies(c, x), [b"1", b"3", b"5"])
        a = pop(c, x, g, queue=0)
        equal([r.body for r in a.records()], [b"1", b"3", b"5"])
        c.ask("DELETE_TOPIC_IN_BROKER", topic=u)
        a = c.pull(x, code=20)
        equal(a.ext["nextBeginOffset"], "6")
        c.pull(x, offset=6, code=19)


@ours("other names of the topic's queues are not hidden there")
def test_in_no_list(b):
    t, x = b.name(), light(b)
    with Client(b) as c, Client(b, ns=True) as ns:
        c.create_topic(t)
        send(c, t, [x])
        got = ns.ask("GET_ALL_TOPIC_LIST_FROM_NAMESERVER").json()["topicList"]
        check(t in got and x not in got, got)


def test_sent_back(b):
    """What goes to a retry topic is not dispatched again."""
    t, x, g = b.name(), light(b), b.name("g")
    with Client(b) as c:
        c.create_topic(t)
        c.create_group(g)
        send(c, t, [x], b"x")
        end(c, x, 1)
        c.send("%RETRY%" + g, b"x", props={NAMES: x}, reconsumeTimes=1)
        send(c, t, [x], b"y")
        end(c, x, 2)
        equal(bodies(c, x), [b"x", b"y"])


def test_delayed(b):
    """It is dispatched when it is due, once."""
    t, x, y = b.name(), light(b), light(b)
    with Client(b) as c:
        c.create_topic(t)
        send(c, t, [x, y], b"late", props={"DELAY": "1"}, queueId=2,
             wait=False, tags="a")
        send(c, t, [y], b"soon")
        end(c, y, 1)
        equal(edge(c, "GET_MAX_OFFSET", x), 0)
        end(c, x, 1)
        end(c, y, 2)
        r, = c.drain(x)
        equal((r.body, r.topic, r.queue, r.offset), (b"late", t, 2, 0))
        equal((r.props["REAL_TOPIC"], r.props[OFFSETS]), (t, "0,1"))
        equal([r.body for r in c.pull(y, subscription="a").records()],
              [b"late"])
        equal(bodies(c, t, queue=2), [b"late"])


@ours("the reference dispatches half messages before they are committed")
def test_half(b):
    t, x, g = b.name(), light(b), b.name("g")
    with Client(b) as c:
        c.create_topic(t)
        c.heartbeat(producers=[g])
        for body, how in ((b"no", 12), (b"yes", 8)):
            a = half(c, t, g, body, **{NAMES: x})
            txn_end(c, a, g, t, how)
        end(c, x, 1)
        r, = c.drain(x)
        equal((r.body, r.topic, r.props[OFFSETS]), (b"yes", t, "0"))
        equal(r.sys & rmqlib.COMMITTED, rmqlib.COMMITTED)


@alone
@ours("the reference is not ended by scripts")
def test_delayed_over_a_crash(b):
    t, x = b.name(), light(b)
    with Client(b) as c:
        c.create_topic(t)
        send(c, t, [x], b"0", queueId=0)
        send(c, t, [x], b"late", props={"DELAY": "1"}, wait=False, queueId=0)
    b.crash()
    with Client(b) as c:
        end(c, x, 2)
        equal([r.props[OFFSETS] for r in c.drain(x)], ["0", "1"])
        equal(bodies(c, t), [b"0", b"late"])


@ours("Pulsar's clients")
def test_no_topic_of_pulsars(b):
    x = light(b)
    with Client(b) as c:
        t = b.name()
        c.create_topic(t)
        send(c, t, [x])
    with mqlib.Client(b) as p:
        p.error("SUBSCRIBE", "InvalidTopicName", subscription="s",
                topic=f"persistent://public/default/{x}", consumer_id=1,
                subType=0)
