# SPDX-License-Identifier: Apache-2.0
"""What was not consumed: sent back, retried, dead."""
from mqlib import check, equal
import rmqlib
from rmqlib import Client, consumer, id_parts


def sent(c, b, t, g, **kw):
    """A record, stored for a group that is there."""
    c.heartbeat(consumers=[consumer(g, t)])
    c.send(t, b"again", tags="tag", props={"UNIQ_KEY": "AB" * 16, "p": "1"},
           **kw)
    r, = c.pull(t, group=g).records()
    return r


def back(c, g, r, level=0, code=0, **kw):
    return c.ask("CONSUMER_SEND_MSG_BACK", code=code, **{**dict(
        offset=r.locator, group=g, delayLevel=level,
        originMsgId=r.props["UNIQ_KEY"], originTopic=r.topic, unitMode=False,
        maxReconsumeTimes=16), **kw})


def arrived(c, topic, n=1, limit=20, **kw):
    """The records of a topic's first queue, once there are n of them."""
    def look():
        a = c.pull(topic, code=None, **kw)
        got = a.records() if a.code == 0 else []
        return got if len(got) >= n else None
    return rmqlib.until("messages in " + topic, look, limit)


def test_back_to_retry(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        r = sent(c, b, t, g)
        back(c, g, r, level=1)          # after a second
        x, = arrived(c, "%RETRY%" + g)
        equal((x.topic, x.queue, x.offset, x.body, x.reconsumed),
              ("%RETRY%" + g, 0, 0, b"again", 1))
        for k, v in dict(RETRY_TOPIC=t, TAGS="tag", p="1",
                         UNIQ_KEY="AB" * 16,
                         ORIGIN_MESSAGE_ID=r.id).items():
            equal(x.props.get(k), v, k)
        equal(x.props["DELAY"], "1")
        equal((x.born, x.born_host), (r.born, r.born_host))
        check(x.stored >= r.stored + 900, "came too early")
        # a second time: counted, and the first id kept
        back(c, g, x, level=1, originTopic=t)
        x2 = arrived(c, "%RETRY%" + g, 2)[1]
        equal((x2.reconsumed, x2.props["RETRY_TOPIC"],
               x2.props["ORIGIN_MESSAGE_ID"]), (2, t, r.id))


def test_back_to_dead(b):
    """No retry left, or none wanted."""
    with Client(b) as c:
        for kw in (dict(level=-1), dict(maxReconsumeTimes=0)):
            t, g = b.name(), b.name("g")
            r = sent(c, b, t, g)
            back(c, g, r, **kw)
            # the dead letter topic can't be read until an admin says so
            c.ask("GET_TOPIC_CONFIG", topic="%DLQ%" + g)
            c.create_topic("%DLQ%" + g, queues=1)
            x, = arrived(c, "%DLQ%" + g)
            equal((x.topic, x.body, x.props["RETRY_TOPIC"]),
                  ("%DLQ%" + g, b"again", t))
            equal(x.reconsumed, 1)
            equal(x.props["ORIGIN_MESSAGE_ID"], r.id)


def test_back_of_what_is_not_there(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        r = sent(c, b, t, g)
        back(c, g, r, offset=2**60, code=1)
        back(c, b.name("g"), r)         # a group is made


def test_sent_to_retry_by_the_client(b):
    """What a client does when 36 fails; the limit holds there, too."""
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.heartbeat(consumers=[consumer(g, t)])
        props = {"RETRY_TOPIC": t, "ORIGIN_MESSAGE_ID": "X" * 32,
                 "RECONSUME_TIME": "3", "MAX_RECONSUME_TIMES": "16"}
        c.send("%RETRY%" + g, b"3", props=props, reconsumeTimes=3,
               maxReconsumeTimes=16)
        x, = arrived(c, "%RETRY%" + g)
        equal((x.body, x.reconsumed, x.topic), (b"3", 3, "%RETRY%" + g))
        c.send("%RETRY%" + g, b"16", wait=False, props=props,
               reconsumeTimes=17, maxReconsumeTimes=16)
        c.ask("GET_TOPIC_CONFIG", topic="%DLQ%" + g)
        x, = arrived(c, "%DLQ%" + g)
        equal(x.body, b"16")


def test_resolves_by_id(b):
    """The copy in the retry topic has an id of its own."""
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        r = sent(c, b, t, g)
        back(c, g, r, level=1)
        x, = arrived(c, "%RETRY%" + g)
        check(x.id != r.id)
        for m in (x, r):
            a = c.ask("VIEW_MESSAGE_BY_ID", offset=id_parts(m.id)[2])
            equal(a.records()[0].raw, m.raw)
