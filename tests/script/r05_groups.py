# SPDX-License-Identifier: Apache-2.0
"""Members of groups, notices of changes, locks of queues."""
from mqlib import alone, check, equal, ours
import mqlib
import rmqlib
from rmqlib import Client, consumer, mq


def members(c, g, code=0):
    a = c.ask("GET_CONSUMER_LIST_BY_GROUP", consumerGroup=g, code=code)
    return sorted(a.json()["consumerIdList"]) if a.code == 0 else None


def test_members(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        members(c, g, code=1)
        with Client(b) as d:
            c.heartbeat(consumers=[consumer(g, t)])
            equal(members(c, g), [c.id])
            d.heartbeat(consumers=[consumer(g, t)])
            equal(members(d, g), sorted([c.id, d.id]))
        rmqlib.until("one that is gone", lambda: members(c, g) == [c.id])


def test_notices(b):
    """Who comes, goes or changes its subscription is told to all."""
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.heartbeat(consumers=[consumer(g, t)])
        r = c.rx_request("NOTIFY_CONSUMER_IDS_CHANGED", consumerGroup=g)
        check(r.flag & rmqlib.ONEWAY, "not oneway")
        with Client(b) as d:
            d.heartbeat(consumers=[consumer(g, t)])
            c.rx_request("NOTIFY_CONSUMER_IDS_CHANGED", consumerGroup=g)
            d.rx_request("NOTIFY_CONSUMER_IDS_CHANGED", consumerGroup=g)
            d.heartbeat(consumers=[consumer(g, t)])
            c.silent()
            d.ask("UNREGISTER_CLIENT", clientID=d.id, consumerGroup=g)
            c.rx_request("NOTIFY_CONSUMER_IDS_CHANGED", consumerGroup=g)
            equal(members(c, g), [c.id])
            d.heartbeat(consumers=[consumer(g, t)])
            c.rx_request("NOTIFY_CONSUMER_IDS_CHANGED", consumerGroup=g)
        c.rx_request("NOTIFY_CONSUMER_IDS_CHANGED", consumerGroup=g)
        c.heartbeat(consumers=[consumer(g, b.name("u"), version=2)])
        c.rx_request("NOTIFY_CONSUMER_IDS_CHANGED", consumerGroup=g)


def test_no_notices(b):
    """notifyConsumerIdsChangedEnable of the group, as of the next heartbeat"""
    t, g = b.name(), b.name("g")
    with Client(b) as c, Client(b) as d:
        c.create_group(g, notifyConsumerIdsChangedEnable=False)
        for x in (c, d):
            x.heartbeat(consumers=[consumer(g, t)])
        c.silent()
        d.silent()
        equal(members(c, g), sorted([c.id, d.id]))
        d.ask("UNREGISTER_CLIENT", clientID=d.id, consumerGroup=g)
        c.silent()
        equal(members(c, g), [c.id])
        c.create_group(g)
        c.heartbeat(consumers=[consumer(g, t)])
        d.heartbeat(consumers=[consumer(g, t)])
        c.rx_request("NOTIFY_CONSUMER_IDS_CHANGED", consumerGroup=g)
        d.rx_request("NOTIFY_CONSUMER_IDS_CHANGED", consumerGroup=g)


@ours("the reference leaves it to mqadmin consumerStatus")
@alone
def test_unequal(b):
    """A group whose members don't subscribe to the same is told of; the order of
    subscriptions, their versions and where one begins are no difference."""
    t, t2, g = b.name(), b.name(), b.name("g")

    def both(swap, expression="*", version=1, **kw):
        x = consumer(g, t)
        x["subscriptionDataSet"] = [
            rmqlib.subscription(t, version=version),
            rmqlib.subscription(t2, expression)][::-1 if swap else 1]
        return {**x, **kw}

    def told(n):
        rmqlib.until(f"{n} unequal groups", lambda: mqlib.counters(b)[
            "magnetar_rocketmq_groups_unequal"] == n)
    with Client(b) as c:
        with Client(b) as d:
            c.heartbeat(consumers=[both(False)])
            d.heartbeat(consumers=[both(
                True, version=7,
                consumeFromWhere="CONSUME_FROM_FIRST_OFFSET")])
            told(0)
            d.heartbeat(consumers=[both(False, "red")])
            told(1)
            d.heartbeat(consumers=[both(False)])
            told(0)
            d.heartbeat(consumers=[both(False, messageModel="BROADCASTING")])
            told(1)
            d.heartbeat(consumers=[consumer(g, t)])
            told(1)
        told(0)


def test_told_after_the_answer(b):
    """Whoever comes learns of it when its heartbeat is answered: Java's 5.x would leave
    out the heartbeat that it sends for a notice."""
    if not b.ours:
        return
    t = b.name()
    for i in range(8):      # groups of either shard
        with Client(b) as c:
            c.heartbeat(consumers=[consumer(b.name(f"g{i}"), t)])
            equal(len(c.requests), 0, "notices before the answer")
            c.rx_request("NOTIFY_CONSUMER_IDS_CHANGED")


def test_broadcast_is_not_told(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c, Client(b) as d:
        c.heartbeat(consumers=[consumer(g, t, model="BROADCASTING")])
        d.heartbeat(consumers=[consumer(g, t, model="BROADCASTING")])
        c.silent()


def test_connection_list(b):
    t, g = b.name(), b.name("g")
    with Client(b, language="GO", version=317) as c, Client(b) as d:
        d.ask("GET_CONSUMER_CONNECTION_LIST", consumerGroup=g, code=206)
        c.heartbeat(producers=[g], consumers=[consumer(g, t, "x")])
        a = d.ask("GET_CONSUMER_CONNECTION_LIST", consumerGroup=g).json()
        one, = a["connectionSet"]
        equal((one["clientId"], one["clientAddr"], one["language"],
               one["version"]), (c.id, c.addr, "GO", 317))
        equal((a["consumeType"], a["messageModel"], a["consumeFromWhere"]),
              ("CONSUME_PASSIVELY", "CLUSTERING", "CONSUME_FROM_FIRST_OFFSET"))
        equal(a["subscriptionTable"][t]["subString"], "x")
        a = d.ask("GET_PRODUCER_CONNECTION_LIST", producerGroup=g).json()
        equal(a["connectionSet"][0]["clientId"], c.id)


def test_heartbeat_makes_the_group(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.heartbeat(consumers=[consumer(g, t)])
        a = c.ask("GET_SUBSCRIPTIONGROUP_CONFIG", group=g).json()
        equal((a["groupName"], a["retryMaxTimes"], a["retryQueueNums"],
               a["consumeEnable"]), (g, 16, 1, True))
        a = c.ask("GET_TOPIC_CONFIG", topic="%RETRY%" + g).json()
        equal((a["readQueueNums"], a["perm"]), (1, 6))


def lock(c, g, queues, b, t, who=None, code=0):
    a = c.ask("LOCK_BATCH_MQ", dict(
        consumerGroup=g, clientId=who or c.id, onlyThisBroker=False,
        mqSet=[mq(b, t, q) for q in queues]), code=code)
    for m in a.json()["lockOKMQSet"]:
        equal((m["brokerName"], m["topic"]), (b.broker_name, t))
    return sorted(m["queueId"] for m in a.json()["lockOKMQSet"])


def unlock(c, g, queues, b, t):
    c.ask("UNLOCK_BATCH_MQ", dict(
        consumerGroup=g, clientId=c.id, onlyThisBroker=False,
        mqSet=[mq(b, t, q) for q in queues]))


def test_locks(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c, Client(b) as d:
        c.create_topic(t)
        c.heartbeat(consumers=[consumer(g, t)])
        d.heartbeat(consumers=[consumer(g, t)])
        equal(lock(c, g, [0, 1], b, t), [0, 1])
        equal(lock(d, g, [0, 1, 2], b, t), [2])
        equal(lock(c, g, [0, 1, 2, 3], b, t), [0, 1, 3])
        unlock(d, g, [0], b, t)         # not its own
        equal(lock(d, g, [0], b, t), [])
        unlock(c, g, [0], b, t)
        equal(lock(d, g, [0], b, t), [0])
        equal(lock(d, b.name("g"), [1], b, t), [1])     # another group


def test_group_config(b):
    g = b.name("g")
    with Client(b) as c:
        c.create_group(g)
        a = c.ask("GET_ALL_SUBSCRIPTIONGROUP_CONFIG", groupSeq=0).json()
        check(g in a["subscriptionGroupTable"])
        c.ask("DELETE_SUBSCRIPTIONGROUP", groupName=g, cleanOffset=True)
        a = c.ask("GET_ALL_SUBSCRIPTIONGROUP_CONFIG", groupSeq=0).json()
        check(g not in a["subscriptionGroupTable"])


def test_heartbeat_v2(b):
    """With a fingerprint, later ones may leave the subscriptions out."""
    t, g = b.name(), b.name("g")
    with Client(b) as c, Client(b) as d:
        c.heartbeat(consumers=[consumer(g, t)], heartbeatFingerprint=77)
        c.rx_request("NOTIFY_CONSUMER_IDS_CHANGED", consumerGroup=g)
        bare = dict(consumer(g, t), subscriptionDataSet=[])
        a = c.heartbeat(consumers=[bare], heartbeatFingerprint=77,
                        withoutSub=True)
        equal((a.ext["IS_SUPPORT_HEART_BEAT_V2"], a.ext["IS_SUB_CHANGE"]),
              ("true", "false"))
        a = d.ask("GET_CONSUMER_CONNECTION_LIST", consumerGroup=g).json()
        check(t in a["subscriptionTable"])
        c.silent()


def test_running_info_is_asked_of_the_client(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c, Client(b) as admin:
        c.heartbeat(consumers=[consumer(g, t)])
        c.rx_request("NOTIFY_CONSUMER_IDS_CHANGED")
        o = admin.tx("GET_CONSUMER_RUNNING_INFO", consumerGroup=g,
                     clientId=c.id, jstackEnable=False)
        r = c.rx_request("GET_CONSUMER_RUNNING_INFO", consumerGroup=g,
                         clientId=c.id)
        c.answer(r, body=b'{"properties":{"a":"b"}}')
        equal(admin.rx(o).json(), {"properties": {"a": "b"}})
