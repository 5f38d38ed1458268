# SPDX-License-Identifier: Apache-2.0
"""Long polls, tags, SQL92."""
import time

from mqlib import check, equal
import rmqlib
from rmqlib import Client, consumer, tag_hash


def test_poll_is_woken(b):
    t = b.name()
    with Client(b) as c, Client(b) as d:
        c.create_topic(t)
        o = c.tx_pull(t, 0, suspend_ms=20000)
        c.silent()
        d.send(t, b"wakes")
        start = time.monotonic()
        r, = c.rx(o).records()
        equal(r.body, b"wakes")
        check(time.monotonic() - start < 2, "late")


def test_poll_ends(b):
    t = b.name()
    with Client(b) as c:
        c.create_topic(t)
        c.send(t)
        start = time.monotonic()
        a = c.pull(t, 1, suspend_ms=1500, code=19)
        check(1.4 < time.monotonic() - start < 8, "time of a poll")
        equal(a.ext["nextBeginOffset"], "1")


def test_polls_of_several_queues(b):
    t = b.name()
    with Client(b) as c, Client(b) as d:
        c.create_topic(t)
        ops = [c.tx_pull(t, 0, queue=q, suspend_ms=20000) for q in range(4)]
        c.ask(9999, code=3)         # the connection isn't held up
        d.send(t, b"2", queueId=2)
        equal(c.rx(ops[2]).records()[0].body, b"2")
        c.unanswered(ops[0], ops[1], ops[3])
        for q in (3, 1, 0):
            d.send(t, b"%d" % q, queueId=q)
            equal(c.rx(ops[q]).records()[0].body, b"%d" % q)


def test_two_wait_for_one(b):
    """A pull takes nothing away."""
    t = b.name()
    with Client(b) as c, Client(b) as d, Client(b) as e:
        c.create_topic(t)
        o, p = c.tx_pull(t, suspend_ms=20000), d.tx_pull(t, suspend_ms=20000)
        e.send(t, b"both")
        equal(c.rx(o).records()[0].body, b"both")
        equal(d.rx(p).records()[0].body, b"both")


def test_poll_does_not_wait_where_there_is_something(b):
    t = b.name()
    with Client(b) as c:
        c.send(t)
        start = time.monotonic()
        c.pull(t, 0, suspend_ms=20000)
        c.pull(t, 9, suspend_ms=20000, code=21)
        check(time.monotonic() - start < 5, "waited")


def test_tags(b):
    t = b.name()
    with Client(b) as c:
        for i in range(12):
            c.send(t, b"%d" % i, tags="abc"[i % 3])
        c.send(t, b"12")
        for expr, want in (("a", [0, 3, 6, 9]), ("*", list(range(13))),
                           ("a || c", [0, 2, 3, 5, 6, 8, 9, 11]),
                           ("b||c", [1, 2, 4, 5, 7, 8, 10, 11])):
            got = c.drain(t, sub=expr)
            equal([int(r.body) for r in got], want, expr)


def test_tags_are_chosen_by_their_hash(b):
    """Whose hash is the same comes, too; the client looks again."""
    equal(tag_hash("Aa"), tag_hash("BB"))
    t = b.name()
    with Client(b) as c:
        c.send(t, b"Aa", tags="Aa")
        c.send(t, b"BB", tags="BB")
        c.send(t, b"x", tags="\u00e4\U0001f600")
        equal([r.body for r in c.drain(t, sub="Aa")], [b"Aa", b"BB"])
        equal([r.body for r in c.drain(t, sub="\u00e4\U0001f600")], [b"x"])


def test_none_matches(b):
    t = b.name()
    with Client(b) as c:
        for _ in range(5):
            c.send(t, tags="a")
        a = c.pull(t, 0, sub="z", code=20)
        equal(a.ext["nextBeginOffset"], "5")
        equal((a.ext["minOffset"], a.ext["maxOffset"]), ("0", "5"))
        c.pull(t, 5, sub="z", code=19)


def test_poll_wakes_for_its_tag(b):
    t = b.name()
    with Client(b) as c, Client(b) as d:
        c.create_topic(t)
        o = c.tx_pull(t, sub="mine", suspend_ms=20000)
        d.send(t, b"0", tags="other")
        c.silent(0.5)
        d.send(t, b"1", tags="mine")
        a = c.rx(o)
        equal([r.offset for r in a.records()], [1])
        equal(a.ext["nextBeginOffset"], "2")


def sql(c, t, expr, **kw):
    return [r.body.decode() for r in
            c.drain(t, sub=expr, expressionType="SQL92", **kw)]


def fill(c, t):
    for body, props in (("1", dict(n=1, s="ab", d="1.5")),
                        ("2", dict(n=2, s="abc", f="true")),
                        ("3", dict(n=10, s="it's")),
                        ("4", dict(s="ab"))):
        c.send(t, body.encode(), props=props, tags="t" + body)


SQL = (
    ("n > 1", "23"), ("n >= 2 AND n <= 10", "23"), ("n <> 1", "23"),
    ("n = 10", "3"), ("n BETWEEN 1 AND 2", "12"),
    ("n NOT BETWEEN 1 AND 2", "3"), ("n IS NULL", "4"),
    ("n IS NOT NULL", "123"), ("s = 'ab'", "14"), ("s = 'it''s'", "3"),
    ("s IN ('ab', 'abc')", "124"), ("s NOT IN ('ab')", "23"),
    ("NOT (n = 1)", "23"), ("n = 1 OR s = 'abc'", "12"), ("d > 1.2", "1"),
    # a whole number is compared with whole numbers only
    ("d < 2", ""), ("d < 2.0", "1"), ("f = TRUE", "2"), ("s CONTAINS 'b'", "124"),
    ("s STARTSWITH 'ab'", "124"), ("s ENDSWITH 'c'", "2"),
    ("s NOT CONTAINS 'c'", "134"), ("TAGS = 't2'", "2"),
    ("n > 0 AND (s = 'ab' OR s = 'abc')", "12"), ("none = 1", ""),
    ("TRUE", "1234"), ("n > 1 AND none > 1", ""),
)


def test_sql(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        fill(c, t)
        for i, (expr, want) in enumerate(SQL):
            # the reference compiles an expression only for who registered it
            c.heartbeat(consumers=[consumer(g, t, expr, "SQL92", i + 1)])
            equal("".join(sql(c, t, expr, group=g, subVersion=i + 1)), want,
                  expr)


def test_sql_is_checked(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        for expr, code in (("n > 1", 0), ("n >", 23), ("n = 'a", 23),
                           ("(n = 1", 23), ("", 23)):
            c.ask("CHECK_CLIENT_CONFIG", dict(
                clientId=c.id, group=g, namespace="", subscriptionData=rmqlib
                .subscription(t, expr, "SQL92")), code=code)


def test_subscription_of_the_heartbeat(b):
    """A pull without one of its own takes that of its group."""
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        for tag in "ab":
            c.send(t, tag.encode(), tags=tag)
        c.heartbeat(consumers=[consumer(g, t, "b", version=5)])
        r, = c.pull(t, group=g, sub=None, subVersion=5).records()
        equal(r.body, b"b")
        c.pull(t, group=g, sub=None, subVersion=4)
        c.pull(t, group=g, sub=None, subVersion=6, code=25)
