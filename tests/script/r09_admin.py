# SPDX-License-Identifier: Apache-2.0
"""What admins ask for: topics, groups, configuration, figures."""
import json
import select
import time

from mqlib import Fail, check, equal, ours
import rmqlib
from rmqlib import Client, consumer, mq
from r08_pop_reply import pop


def attributes(c, t):
    return c.ask("GET_TOPIC_CONFIG", topic=t).json()["attributes"]


def test_attributes(b):
    t = b.name()
    with Client(b) as c:
        c.create_topic(t, attributes="+message.type=NORMAL")
        equal(attributes(c, t), {"message.type": "NORMAL"})
        c.create_topic(t, attributes="+message.type=FIFO,+reserve.time=5")
        equal(attributes(c, t), {"message.type": "FIFO", "reserve.time": "5"})
        c.create_topic(t, attributes="-message.type")
        equal(attributes(c, t), {"reserve.time": "5"})
        c.create_topic(t)
        equal(attributes(c, t), {"reserve.time": "5"})


def put(c, t, code, **kw):
    return c.ask("UPDATE_AND_CREATE_TOPIC", code=code, **{**dict(
        topic=t, defaultTopic="TBW102", readQueueNums=1, writeQueueNums=1,
        perm=6, topicFilterType="SINGLE_TAG", topicSysFlag=0, order=False),
        **kw}).remark


def test_topics_that_are_refused(b):
    with Client(b) as c:
        equal(put(c, "a b", 29),
              "The specified topic: a b, contains illegal characters, "
              "allowing only ^[%|a-zA-Z0-9_-]+$")
        equal(put(c, "x" * 128, 29), "The specified topic: " + "x" * 128 +
              ", is longer than topic max length: 127")
        equal(put(c, "TBW102", 29),
              "The topic[TBW102] is conflict with system topic.")
        t = b.name()
        for attrs, why in (
                ("+no.such=1", "unsupported key: no.such"),
                ("-message.type", "only add attribute is supported while "
                 "creating topic. key: message.type"),
                ("+message.type=X", "value is not in set: [UNSPECIFIED, MIXED"
                 ", TRANSACTION, PRIORITY, FIFO, DELAY, LITE, NORMAL]")):
            equal(put(c, t, 1, attributes=attrs), why)
        equal(put(c, t, 29, attributes="+message.type=MIXED"),
              "MIXED message type is not supported.")
        equal(c.ask("GET_TOPIC_CONFIG", topic=t, code=17).remark,
              "No topic in this broker. topic: " + t)


def test_queues_grow_and_are_hidden(b):
    """Fewer are only not told of: what lies in the others is still there."""
    t = b.name()
    with Client(b) as c, Client(b, ns=True) as n:
        c.create_topic(t, queues=2)
        c.send(t, b"1", queueId=1)
        c.create_topic(t, queues=6)
        c.send(t, b"5", queueId=5)
        c.create_topic(t, queues=1)
        rmqlib.until("route", lambda: n.ask(
            "GET_ROUTEINFO_BY_TOPIC", topic=t).json()["queueDatas"][0][
                "writeQueueNums"] == 1)
        c.create_topic(t, queues=6)
        equal([r.body for q in (1, 5) for r in c.drain(t, q)], [b"1", b"5"])


def test_topic_list_of_a_body(b):
    a, z = b.name(), b.name()
    with Client(b) as c:
        c.ask("UPDATE_AND_CREATE_TOPIC_LIST", dict(topicConfigList=[
            dict(topicName=t, readQueueNums=q, writeQueueNums=q, perm=6,
                 topicFilterType="SINGLE_TAG", topicSysFlag=0, order=False,
                 attributes={"+message.type": "FIFO"})
            for t, q in ((a, 2), (z, 3))]))
        table = c.ask("GET_ALL_TOPIC_CONFIG", topicSeq=0)
        all_topics = table.json()["topicConfigTable"]
        equal(int(table.ext["totalTopicNum"]), len(all_topics))
        equal([all_topics[t]["writeQueueNums"] for t in (a, z)], [2, 3])
        equal(all_topics[a]["attributes"], {"message.type": "FIFO"})
        check("TBW102" in all_topics)
        c.ask("UPDATE_AND_CREATE_TOPIC_LIST", dict(topicConfigList=[
            dict(topicName="bad name")]), code=29)


def test_deleted_topic_leaves_nothing(b):
    """A new one of the same name begins anew."""
    t, g = b.name(), b.name("g")
    with Client(b) as c, Client(b, ns=True) as n:
        c.create_topic(t)
        c.create_group(g)
        c.send(t)
        c.ask("UPDATE_CONSUMER_OFFSET", consumerGroup=g, topic=t, queueId=0,
              commitOffset=1)
        c.ask("DELETE_TOPIC_IN_BROKER", topic=t)
        c.ask("DELETE_TOPIC_IN_BROKER", topic=t)
        n.ask("DELETE_TOPIC_IN_NAMESRV", topic=t)
        equal(c.ask("QUERY_TOPIC_CONSUME_BY_WHO", topic=t).json(),
              {"groupList": []})
        c.create_topic(t)
        equal(c.send(t).ext["queueOffset"], "0")
        c.ask("DELETE_TOPIC_IN_BROKER", topic="TBW102", code=29)


def test_group_settings(b):
    g = b.name("g")
    with Client(b) as c:
        c.create_group(g, groupRetryPolicy=dict(
            type="EXPONENTIAL", exponentialRetryPolicy=dict(
                initial=5000, max=7200000, multiplier=2)))
        a = c.ask("GET_SUBSCRIPTIONGROUP_CONFIG", group=g)
        equal(a.body.decode(), '{"attributes":{},"brokerId":0,'
              '"consumeBroadcastEnable":true,"consumeEnable":true,'
              '"consumeFromMinEnable":true,"consumeMessageOrderly":false,'
              '"consumeTimeoutMinute":15,"groupName":"%s",'
              '"groupRetryPolicy":{"exponentialRetryPolicy":{"initial":5000,'
              '"max":7200000,"multiplier":2},"type":"EXPONENTIAL"},'
              '"groupSysFlag":0,"notifyConsumerIdsChangedEnable":true,'
              '"retryMaxTimes":16,"retryQueueNums":1,'
              '"whichBrokerWhenConsumeSlowly":1}' % g)
        c.create_group("bad name", code=29)
        c.ask("UPDATE_AND_CREATE_SUBSCRIPTIONGROUP", b"junk", code=1)
        c.ask("UPDATE_AND_CREATE_SUBSCRIPTIONGROUP", b"{}", code=29)


def test_group_that_must_not_consume(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c, Client(b) as d:
        c.create_topic(t)
        c.pull(t, group=g, code=19)
        d.create_group(g)
        d.ask("UPDATE_AND_CREATE_SUBSCRIPTIONGROUP",
              dict(groupName=g, consumeEnable=False))
        c.pull(t, group=g, code=16)
        d.create_group(g)
        c.pull(t, group=g, code=19)


def test_producers(b):
    g = b.name("g")
    with Client(b) as c, Client(b) as d:
        c.heartbeat(producers=[g])
        one, = d.ask(328).json()["data"][g]
        equal((one["clientId"], one["remoteIP"], one["language"]),
              (c.id, "/" + c.addr, "JAVA"))
        d.ask("GET_PRODUCER_CONNECTION_LIST", producerGroup=b.name("g"),
              code=1)


def test_subscription_of_a_group(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c, Client(b) as d:
        c.heartbeat(consumers=[consumer(g, t, "x || y")])
        s = d.ask(345, group=g, topic=t).json()["subscriptionData"]
        equal((s["subString"], sorted(s["tagsSet"]), sorted(s["codeSet"])),
              ("x || y", ["x", "y"], [120, 121]))
        equal(d.ask(345, group=g, topic="none").json(),
              {"group": g, "topic": "none"})


def test_time_span(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.create_topic(t, queues=2)
        c.create_group(g)
        for _ in range(4):
            c.send(t)
        times = [r.stored for r in c.drain(t)]
        c.ask("UPDATE_CONSUMER_OFFSET", consumerGroup=g, topic=t, queueId=0,
              commitOffset=3)
        spans = c.ask("QUERY_CONSUME_TIME_SPAN", topic=t, group=g).json()
        by = {s["messageQueue"]["queueId"]: s
              for s in spans["consumeTimeSpanSet"]}
        equal([by[0][k] for k in ("minTimeStamp", "maxTimeStamp",
                                  "consumeTimeStamp")],
              [times[0], times[3], times[2]])
        equal(by[1]["maxTimeStamp"], -1)
        check(0 <= by[0]["delayTime"] < 60000, by[0])


def test_all_offsets(b):
    t, g, h = b.name(), b.name("g"), b.name("g")
    with Client(b) as c:
        c.create_topic(t)
        c.create_group(g)
        c.create_group(h)
        for _ in range(3):
            c.send(t, queueId=2)
        c.ask("UPDATE_CONSUMER_OFFSET", consumerGroup=g, topic=t, queueId=2,
              commitOffset=3)
        table = c.ask("GET_ALL_CONSUMER_OFFSET").json()["offsetTable"]
        equal(table[t + "@" + g], {"2": 3})
        equal(c.ask(343, group=g).json()["topicList"], [t])
        c.ask(314, srcGroup=g, destGroup=h, topic=t, offline=True)
        table = c.ask("GET_ALL_CONSUMER_OFFSET").json()["offsetTable"]
        equal(table[t + "@" + h], {"2": 3})
        stats = c.ask(317, isOrder=False).json()
        mine, = [s[h] for s in stats["consumeStatsList"] if h in s]
        (k, v), = [(k, v) for k, v in mine[0]["offsetTable"].items()
                   if dict(k)["queueId"] == 2]
        equal((dict(k), v["brokerOffset"], v["consumerOffset"]),
              (mq(b, t, 2), 3, 3))


def test_reset_of_a_queue(b):
    t, g = b.name(), b.name("g")

    def reset(code=0, **kw):
        return c.ask("INVOKE_BROKER_TO_RESET_OFFSET", code=code, **{**dict(
            topic=t, group=g, timestamp=0, isForce=True), **kw})
    with Client(b) as c:
        c.create_topic(t, queues=2)
        c.create_group(g)
        for _ in range(3):
            c.send(t)
        equal(reset(queueId=0, offset=1).json()["offsetTable"],
              {tuple(sorted(mq(b, t, 0).items())): 1})
        equal(reset(1, queueId=0, offset=100).remark,
              "Target offset 100 not in consume queue range [0-3]")
        equal(sorted(reset(timestamp=-1).json()["offsetTable"].values()),
              [0, 3])
        equal(reset(17, topic="none").remark, "Topic none does not exist")
        equal(reset(26, group="none").remark, "Group none does not exist")


def test_write_permission(b):
    t = b.name()

    def perm():
        return n.ask("GET_ROUTEINFO_BY_TOPIC", topic=t).json()[
            "queueDatas"][0]["perm"]
    with Client(b) as c, Client(b, ns=True) as n:
        c.create_topic(t)
        rmqlib.until("route", lambda: n.ask(
            "GET_ROUTEINFO_BY_TOPIC", topic=t, code=None).code == 0)
        try:
            a = n.ask("WIPE_WRITE_PERM_OF_BROKER", brokerName=b.broker_name)
            check(int(a.ext["wipeTopicCount"]) > 10)
            equal(perm(), 4)
        finally:
            n.ask("ADD_WRITE_PERM_OF_BROKER", brokerName=b.broker_name)
        equal(perm(), 6)
        a = n.ask("WIPE_WRITE_PERM_OF_BROKER", brokerName="none")
        equal(a.ext["wipeTopicCount"], "0")


def test_a_system_topic_that_is_in_use(b):
    """It counts once, whether somebody has sent to it or not."""
    with Client(b) as c, Client(b, ns=True) as n:
        def seen():
            ext = n.ask("ADD_WRITE_PERM_OF_BROKER",
                        brokerName=b.broker_name).ext
            return (int(ext["addTopicCount"]),
                    c.ask("GET_ALL_TOPIC_CONFIG").body.count(
                        f'"topicName":"{b.broker_name}"'.encode()))
        before = seen()
        c.send(b.broker_name, b"x")
        equal(seen(), before)
        equal(before[1], 1)


def test_rows_come_with_a_subscription(b):
    """With a group's name they come with what it subscribes to."""
    t, g = b.name(), b.name("g")
    with Client(b) as c, Client(b) as d:
        c.create_topic(t, queues=1)
        for i in range(3):
            c.send(t, b"x", tags="a")
        c.indexed(t, 0, 3)

        def rows(**kw):
            return c.ask("QUERY_CONSUME_QUEUE", topic=t, queueId=0,
                         **{**dict(index=0, count=2), **kw})
        a = rows().json()
        equal((a["minQueueIndex"], a["maxQueueIndex"]), (0, 3))
        equal([r["tagsCode"] for r in a["queueData"]],
              [rmqlib.tag_hash("a")] * 2)
        check("subscriptionData" not in a and "filterData" not in a)
        a = rows(consumerGroup=g).json()
        equal(a["filterData"], f"{g}@{t} is not online!")
        d.heartbeat(consumers=[consumer(g, t, "a || b")])
        a = rows(consumerGroup=g).json()
        equal(a["filterData"], "null")
        equal(a["subscriptionData"]["subString"], "a || b")
        equal(a["subscriptionData"]["topic"], t)
        d.heartbeat(consumers=[consumer(g, t, "x > 1", "SQL92", version=2)])
        a = rows(consumerGroup=g).json()
        f = json.loads(a["filterData"])
        equal((f["expression"], f["expressionType"]), ("x > 1", "SQL92"))
        equal(len(a["queueData"]), 2)
        equal(rows(index=3, consumerGroup=g).remark,
              f"Index 3 of 0@{t} is not exist!")


def test_a_queue_that_is_not_there(b):
    t = b.name()
    with Client(b) as c:
        c.create_topic(t, queues=2, attributes="+message.type=NORMAL")
        r = c.send(t, b"x", queueId=2, code=29).remark
        check(r.startswith(
            f"request queueId[2] is illegal, TopicConfig [topicName={t}, "
            "readQueueNums=2, writeQueueNums=2, perm=RW-, topicFilterType="
            "SINGLE_TAG, topicSysFlag=0, order=false, attributes="
            "{message.type=NORMAL}] Producer: "), r)


def config(c):
    text = c.ask("GET_BROKER_CONFIG").body.decode()
    return dict(line.split("=", 1) for line in text.splitlines())


def test_config(b):
    with Client(b) as c:
        conf = config(c)
        equal((conf["brokerName"], conf["brokerClusterName"]),
              (b.broker_name, b.cluster))
        old = conf["transactionCheckMax"]
        c.ask("UPDATE_BROKER_CONFIG", b"# x\ntransactionCheckMax = 14\n")
        equal(config(c)["transactionCheckMax"], "14")
        with Client(b) as d:
            equal(config(d)["transactionCheckMax"], "14")
        c.ask("UPDATE_BROKER_CONFIG",
              ("transactionCheckMax=" + old).encode())
        c.ask("UPDATE_BROKER_CONFIG", b"noSuchKey=1\n")
        equal(c.ask("UPDATE_BROKER_CONFIG", b"configBlackList=x\n",
                    code=16).remark, "Can not update config in black list.")
    with Client(b, ns=True) as n:
        check(b"configBlackList=" in n.ask(319).body)
        n.ask(318, b"waitSecondsForService=46\n")


def test_config_has_its_effect(b):
    """A body over maxMessageSize is refused at once, on every shard."""
    t = b.name()
    with Client(b) as c:
        c.create_topic(t)
        old = config(c)["maxMessageSize"]
        try:
            c.ask("UPDATE_BROKER_CONFIG", b"maxMessageSize=2000\n")
            for _ in range(4):
                with Client(b) as d:
                    d.send(t, b"x" * 3000, code=13)
        finally:
            c.ask("UPDATE_BROKER_CONFIG", ("maxMessageSize=" + old).encode())
        c.send(t, b"x" * 3000)


def test_permission_of_the_broker(b):
    """How a broker is taken out of use: routes say so, reads go on or not."""
    t = b.name()

    def route():
        return n.ask("GET_ROUTEINFO_BY_TOPIC", topic=t).json()[
            "queueDatas"][0]["perm"]

    def permit(perm):
        c.ask("UPDATE_BROKER_CONFIG", b"brokerPermission=%d\n" % perm)
        rmqlib.until("route", lambda: route() == perm)
    with Client(b) as c, Client(b, ns=True) as n:
        c.create_topic(t)
        c.send(t)
        rmqlib.until("route", lambda: n.ask(
            "GET_ROUTEINFO_BY_TOPIC", topic=t, code=None).code == 0)
        try:
            permit(4)
            equal(len(c.pull(t).records()), 1)
            permit(2)
            c.pull(t, code=16)
        finally:
            permit(6)
        equal(len(c.pull(t).records()), 1)


KEYS = """brokerVersionDesc brokerActive putTps getTransferredTps getTotalTps
getFoundTps getMissTps msgPutTotalYesterdayMorning msgPutTotalTodayMorning
msgPutTotalTodayNow msgGetTotalYesterdayMorning msgGetTotalTodayMorning
msgGetTotalTodayNow sendThreadPoolQueueSize sendThreadPoolQueueCapacity
sendThreadPoolQueueHeadWaitTimeMills pullThreadPoolQueueSize
queryThreadPoolQueueSize ackThreadPoolQueueSize litePullThreadPoolQueueSize
pageCacheLockTimeMills earliestMessageTimeStamp commitLogDiskRatio
consumeQueueDiskRatio commitLogMinOffset commitLogMaxOffset timerReadBehind
timerOffsetBehind timerCongestNum timerEnqueueTps timerDequeueTps runtime
bootTimestamp putMessageAverageSize dispatchBehindBytes
startAcceptSendRequestTimeStamp remainHowManyDataToFlush""".split()


def test_runtime_info(b):
    t = b.name()
    with Client(b) as c:
        def now():
            return c.ask("GET_BROKER_RUNTIME_INFO").json()["table"]
        before = now()
        equal([k for k in KEYS if k not in before], [])
        c.create_topic(t)
        for _ in range(5):
            c.send(t)
        if b.ours:
            equal(int(now()["msgPutTotalTodayNow"]) -
                  int(before["msgPutTotalTodayNow"]), 5)
        check(0 < float(before["commitLogDiskRatio"]) < 1)


def test_check_client_config(b):
    t = b.name()
    with Client(b) as c:
        def ask(sub, **kw):
            return c.ask("CHECK_CLIENT_CONFIG", dict(
                clientId="c", group="g", namespace="",
                subscriptionData=sub), **kw)
        ask(rmqlib.subscription(t, "a || b"))
        c.ask("CHECK_CLIENT_CONFIG")
        if b.ours:          # off in the reference unless it is asked for
            ask(rmqlib.subscription(t, "a > 1", "SQL92"))
            ask(rmqlib.subscription(t, "a > ", "SQL92"), code=23)


def test_what_is_not_here(b):
    with Client(b) as c:
        a = c.ask(907).json()
        equal((a["master"], a["haConnectionInfo"]), (True, []))
        c.ask(908, masterFlushOffset=1)
        equal(c.ask(1007, code=1).remark,
              "this request only for controllerMode ")
        equal(c.ask(200078, group="g", liteTopic="x", code=None).code, 29)
        for code in (902, 903, 1001, 1005, 1010):
            c.ask(code, code=3)
        for code in (306, 316, 329):
            c.ask(code)
        check(c.ask(3010, code=1).remark.startswith(
            "java.lang.IllegalStateException: The "
            "authorizationMetadataProvider is not configured."))
    with Client(b, ns=True) as n:
        rmqlib.broker_addr(b)
        a = n.ask(901, clusterName=b.cluster, brokerName=b.broker_name)
        equal(a.json()["brokerMemberGroup"]["brokerAddrs"],
              {"0": "%s:%d" % b.broker_addr})


def test_system_topics(b):
    with Client(b) as c, Client(b, ns=True) as n:
        here = c.ask(305).json()["topicList"]
        check("SCHEDULE_TOPIC_XXXX" in here and "TBW102" in here)
        rmqlib.broker_addr(b)
        equal(sorted(n.ask(304).json()["topicList"]),
              sorted([b.cluster, b.broker_name]))
        for code in (311, 312, 313):
            equal(n.ask(code).json(), {"topicList": []})
        equal(n.ask("GET_TOPICS_BY_CLUSTER", cluster="none").json(),
              {"topicList": []})


def test_rows_of_a_queue(b):
    t = b.name()

    def rows(**kw):
        return c.ask("QUERY_CONSUME_QUEUE", **{**dict(
            topic=t, queueId=0, index=1, count=2), **kw})
    with Client(b) as c:
        c.create_topic(t)
        for i in range(4):
            c.send(t, b"x" * (i + 1), tags="x" if i == 2 else None)
        a = rows().json()
        equal((a["minQueueIndex"], a["maxQueueIndex"]), (0, 4))
        want = c.pull(t, 1, n=2).records()
        equal([(r["physicOffset"], r["physicSize"], r["tagsCode"])
               for r in a["queueData"]],
              [(m.locator, len(m.raw), rmqlib.tag_hash(m.props.get(
                  "TAGS", ""))) for m in want])
        equal(rows(index=100).remark, f"Index 100 of 0@{t} is not exist!")
        equal(rows(queueId=9, code=1).remark, f"9@{t} is not exist!")
        c.ask("QUERY_CONSUME_QUEUE", topic="none", queueId=0, index=0,
              count=1, code=1)


def asked_next(clients):
    """The client that is asked first, and the request; notices are passed."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        for c in clients:
            # a frame may have come together with the one before
            if not c.requests and (c.buf or select.select(
                    [c.sock], [], [], 0.05)[0]):
                check(c.read(end), "closed")
            while c.requests:
                r = c.requests.pop(0)
                if r.name != "NOTIFY_CONSUMER_IDS_CHANGED":
                    return c, r
    raise Fail("no client was asked")


def test_status_of_a_group(b):
    """Each member is asked (by the reference one after the other)."""
    t, g = b.name(), b.name("g")
    with Client(b) as c, Client(b) as d, Client(b) as admin:
        for x in (c, d):
            x.heartbeat(consumers=[consumer(g, t)])
        o = admin.tx("INVOKE_BROKER_TO_GET_CONSUMER_STATUS", topic=t, group=g)
        want = {}
        for n in range(2):
            x, r = asked_next([c, d])
            equal((r.name, r.ext["topic"], r.ext["group"]),
                  ("GET_CONSUMER_STATUS_FROM_CLIENT", t, g))
            x.answer(r, body=b'{"messageQueueTable":{{"brokerName":"b",'
                     b'"queueId":%d,"topic":"t"}:7}}' % n)
            want[x.id] = [(n, 7)]
        table = admin.rx(o).json()["consumerTable"]
        equal({k: [(dict(m)["queueId"], n) for m, n in v.items()]
               for k, v in table.items()}, want)


def test_counts(b):
    """Of the last minute; sampled every ten seconds."""
    t, t2, g, pops = b.name(), b.name(), b.name("g"), b.name("g")

    def count(name, key, code=None):
        a = c.ask("VIEW_BROKER_STATS_DATA", statsName=name, statsKey=key,
                  code=code)
        return a.json()["statsMinute"] if a.code == 0 else {"sum": 0}
    with Client(b) as c:
        count("TOPIC_PUT_NUMS", t, code=1)
        c.create_group(g)
        for topic, n in ((t, 5), (t2, 20)):
            for _ in range(n):
                c.send(topic, b"x" * 100)
            equal(len(c.drain(topic, group=g)), n)
            c.ask("UPDATE_CONSUMER_OFFSET", consumerGroup=g, topic=topic,
                  queueId=0, commitOffset=n)
        c.create_group(pops)
        equal(len(pop(c, t, pops, queue=0).records()), 5)
        m = rmqlib.until("puts", lambda: count("TOPIC_PUT_NUMS", t)["sum"] and
                         count("TOPIC_PUT_NUMS", t), 30)
        equal((m["sum"], m["avgpt"]), (5, 1.0))
        check(m["tps"] > 0)
        equal(rmqlib.until("gets", lambda: count(
            "GROUP_GET_NUMS", t + "@" + g)["sum"], 30), 5)
        equal(rmqlib.until("pops", lambda: count(
            "GROUP_GET_NUMS", t + "@" + pops)["sum"], 30), 5)
        check(count("TOPIC_PUT_SIZE", t)["sum"] >= 500)
        check(c.ask("GET_TOPIC_STATS_INFO", topic=t).json()[
            "topicPutTps"] > 0)

        def group(**kw):
            return c.ask("GET_CONSUME_STATS", consumerGroup=g,
                         **kw).json()["consumeTps"]

        def of_broker():
            (mine,) = [x[g] for x in c.ask(317, isOrder=False).json()[
                "consumeStatsList"] if g in x]
            return {dict(k)["topic"]: s["consumeTps"]
                    for s in mine for k in s["offsetTable"]}

        def same():
            return (of_broker(), group()) == (
                {t: group(topic=t), t2: group(topic=t2)},
                group(topic=t) + group(topic=t2))
        rmqlib.until("gets of the other", lambda: count(
            "GROUP_GET_NUMS", t2 + "@" + g)["sum"] == 20, 30)
        # unless they are sampled in between
        rmqlib.until("figures that fit", same)
        check(0 < group(topic=t) < group(topic=t2), of_broker())


@ours("the reference leaves them to mqadmin")
def test_deleted_group_takes_its_topics(b):
    t, g = b.name(), b.name("g")
    with Client(b) as c:
        c.heartbeat(consumers=[consumer(g, t)])
        c.ask("GET_TOPIC_CONFIG", topic="%RETRY%" + g)
        c.create_topic(t)
        c.send(t)
        c.ask("UPDATE_CONSUMER_OFFSET", consumerGroup=g, topic=t, queueId=0,
              commitOffset=1)
        c.ask("DELETE_SUBSCRIPTIONGROUP", groupName=g, cleanOffset=True)
        c.ask("GET_TOPIC_CONFIG", topic="%RETRY%" + g, code=17)
        equal(c.ask(343, group=g).json()["topicList"], [])


def test_config_of_nobody(b):
    """JSON of settings is not trusted."""
    with Client(b) as c:
        deep = b'{"groupName":"g","x":' + b"[" * 4000
        c.ask("UPDATE_AND_CREATE_SUBSCRIPTIONGROUP", deep, code=1)
        c.ask("UPDATE_AND_CREATE_TOPIC_LIST", deep, code=1)
        json.loads(c.ask("GET_SUBSCRIPTIONGROUP_CONFIG",
                         group="TOOLS_CONSUMER").body)


def test_types_of_queues(b):
    with Client(b) as c:
        for attrs, code in (("+queue.type=SimpleCQ", 0),
                            ("+queue.type=BatchCQ,+cleanup.policy=DELETE", 0),
                            ("+queue.type=RocksDBCQ", 1),
                            ("+queue.type=batchcq", 1)):
            t = b.name()
            a = c.ask("UPDATE_AND_CREATE_TOPIC", topic=t, code=code,
                      defaultTopic="TBW102", readQueueNums=1, writeQueueNums=1,
                      perm=6, topicFilterType="SINGLE_TAG", topicSysFlag=0,
                      order=False, attributes=attrs)
            if code == 1:
                equal(a.remark, "value is not in set: [SimpleCQ, BatchCQ]")


@ours("the reference compacts")
def test_no_compaction(b):
    with Client(b) as c:
        a = c.ask("UPDATE_AND_CREATE_TOPIC", topic=b.name(), code=1,
                  defaultTopic="TBW102", readQueueNums=1, writeQueueNums=1,
                  perm=6, topicFilterType="SINGLE_TAG", topicSysFlag=0,
                  order=False, attributes="+cleanup.policy=COMPACTION")
        equal(a.remark, "value is not in set: [DELETE]")
