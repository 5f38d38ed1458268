# SPDX-License-Identifier: Apache-2.0
"""Name server: routes, cluster info, auto-created topics; frames."""
import json
import struct

from mqlib import check, equal
import rmqlib
from rmqlib import Client, Command


def test_heartbeat(b):
    g, t = b.name("g"), b.name()
    with Client(b) as c:
        a = c.heartbeat(producers=[g])
        check(int(a.version) >= 232, "a version that has no SQL92", a.version)
        a = c.heartbeat(producers=[g], consumers=[(g, t)])
        equal(a.ext.get("IS_SUPPORT_HEART_BEAT_V2"), "true")
        c.ask("UNREGISTER_CLIENT", clientID=c.id, producerGroup=g,
              consumerGroup=g)


def test_cluster(b):
    with Client(b, ns=True) as c:
        info = c.ask("GET_BROKER_CLUSTER_INFO").json()
        (name, data), = info["brokerAddrTable"].items()
        equal(data["brokerName"], name)
        equal(info["clusterAddrTable"], {data["cluster"]: [name]})
        check(":" in data["brokerAddrs"]["0"])


def test_route_of_the_default_topic(b):
    rmqlib.broker_addr(b)
    with Client(b, ns=True) as c:
        for topic, queues in (("TBW102", 8), (b.cluster, 16),
                              (b.broker_name, 1)):
            r = c.ask("GET_ROUTEINFO_BY_TOPIC", topic=topic).json()
            q, = r["queueDatas"]
            equal(q["brokerName"], b.broker_name)
            equal((q["readQueueNums"], q["writeQueueNums"], q["perm"]),
                  (queues, queues, 7), topic)
            d, = r["brokerDatas"]
            equal(d["brokerAddrs"]["0"], "%s:%d" % b.broker_addr)
            equal(d["cluster"], b.cluster)
            equal(r["filterServerTable"], {})


def test_route_in_standard_json(b):
    """Keys are quoted when the client can't read others."""
    with Client(b, ns=True) as c:
        a = c.ask("GET_ROUTEINFO_BY_TOPIC", topic="TBW102",
                  acceptStandardJsonOnly=True)
        d, = json.loads(a.body)["brokerDatas"]
        equal(list(d["brokerAddrs"]), ["0"])


def test_no_route(b):
    with Client(b, ns=True) as c:
        a = c.ask("GET_ROUTEINFO_BY_TOPIC", topic=b.name(), code=17)
        check("No topic route info" in a.remark, a.remark)


def route(c, topic):
    return c.ask("GET_ROUTEINFO_BY_TOPIC", topic=topic).json()


def routed(c, topic):
    """The route of a topic, once it is there."""
    def look():
        a = c.ask("GET_ROUTEINFO_BY_TOPIC", topic=topic, code=None)
        return a.json() if a.code == 0 else None
    return rmqlib.until("route of " + topic, look)


def test_create_by_send(b):
    t = b.name()
    with Client(b) as c, Client(b, ns=True) as n:
        a = c.send(t, b"first", tags="a")
        equal(a.ext["queueOffset"], "0")
        q, = routed(n, t)["queueDatas"]
        equal((q["readQueueNums"], q["writeQueueNums"], q["perm"],
               q["topicSysFlag"]), (4, 4, 6, 0))
        r, = c.pull(t).records()
        equal((r.body, r.topic, r.props["TAGS"]), (b"first", t, "a"))


def test_create_by_send_has_the_queues_asked_for(b):
    """At most those of the default topic."""
    with Client(b) as c, Client(b, ns=True) as n:
        for want, got in ((2, 2), (8, 8), (20, 8)):
            t = b.name()
            c.send(t, defaultTopicQueueNums=want)
            q, = routed(n, t)["queueDatas"]
            equal(q["writeQueueNums"], got)


def test_create_topic(b):
    t = b.name()
    with Client(b) as c, Client(b, ns=True) as n:
        c.create_topic(t, queues=3)
        q, = routed(n, t)["queueDatas"]
        equal((q["readQueueNums"], q["writeQueueNums"], q["perm"]), (3, 3, 6))
        c.create_topic(t, queues=5, perm=4)
        rmqlib.until("changed route", lambda: [
            (q["writeQueueNums"], q["perm"])
            for q in route(n, t)["queueDatas"]] == [(5, 4)])
        c.send(t)           # who has an old route may still send
        d = c.ask("GET_TOPIC_CONFIG", topic=t).json()
        equal((d["topicName"], d["readQueueNums"], d["perm"]), (t, 5, 4))


def test_delete_topic(b):
    t = b.name()
    with Client(b) as c, Client(b, ns=True) as n:
        c.create_topic(t)
        c.send(t)
        routed(n, t)
        c.ask("DELETE_TOPIC_IN_BROKER", topic=t)
        n.ask("DELETE_TOPIC_IN_NAMESRV", topic=t)
        n.ask("GET_ROUTEINFO_BY_TOPIC", topic=t, code=17)
        c.pull(t, code=17)


def test_topic_list(b):
    t = b.name()
    with Client(b) as c, Client(b, ns=True) as n:
        c.create_topic(t)
        routed(n, t)
        all_topics = n.ask("GET_ALL_TOPIC_LIST_FROM_NAMESERVER").json()
        check(t in all_topics["topicList"])
        here = n.ask("GET_TOPICS_BY_CLUSTER", cluster=b.cluster).json()
        check(t in here["topicList"] and "TBW102" in here["topicList"])


def test_kv(b):
    ns, k = b.name("ns"), "a key"
    with Client(b, ns=True) as c:
        c.ask("GET_KV_CONFIG", namespace=ns, key=k, code=22)
        c.ask("PUT_KV_CONFIG", namespace=ns, key=k, value="1=2;\u00e9")
        equal(c.ask("GET_KV_CONFIG", namespace=ns, key=k).ext["value"],
              "1=2;\u00e9")
        equal(c.ask("GET_KVLIST_BY_NAMESPACE", namespace=ns).json(),
              {"table": {k: "1=2;\u00e9"}})
        c.ask("DELETE_KV_CONFIG", namespace=ns, key=k)
        c.ask("GET_KV_CONFIG", namespace=ns, key=k, code=22)


def test_unknown_code(b):
    for ns in (False, True):
        with Client(b, ns=ns) as c:
            a = c.ask(9999, code=3)
            equal(a.remark, " request type 9999 not supported"
                  if not ns else a.remark)
            a = c.ask(9998, code=3)         # the connection goes on


def test_oneway_is_not_answered(b):
    """Not even by an error."""
    with Client(b) as c:
        o = [c.tx(9999, oneway=True),
             c.tx("GET_CONSUMER_LIST_BY_GROUP", consumerGroup=b.name("g"),
                  oneway=True)]
        c.ask(9999, code=3)
        c.silent()
        c.unanswered(*o)


def test_pipelined(b):
    """Many requests at once; each is answered under its number."""
    t = b.name()
    with Client(b) as c:
        c.create_topic(t)
        ops, data = [], b""
        for i in range(200):
            f, o = c.request("SEND_MESSAGE_V2", b"m%d" % i, **c.send_fields(
                t, queueId=i % 4))
            ops.append(o)
            data += f
        c.raw(data)
        for o in ops:
            c.rx(o)
        for q in range(4):
            c.indexed(t, q, 50)
        equal(sum(len(c.drain(t, q)) for q in range(4)), 200)


def test_in_pieces(b):
    t = b.name()
    with Client(b) as c:
        data, o = c.request("SEND_MESSAGE_V2", b"x" * 3000,
                            **c.send_fields(t))
        for i in range(0, len(data), 97):
            c.raw(data[i:i + 97])
        c.rx(o)
        equal(c.pull(t).records()[0].body, b"x" * 3000)


def test_binary_header(b):
    """Code, fields, remark and body by the other header, at both servers."""
    t = b.name()
    with Client(b, binary=True) as c, Client(b) as d:
        b_answers = send_binary(c, t)
        a = d.rx(d.tx("GET_TOPIC_CONFIG", topic=t))
        equal(a.json()["topicName"], t)
        check(b_answers.ext["msgId"] != "")


def send_binary(c, t):
    """The reference answers a binary request by a JSON header."""
    o = c.tx_send(t, b"body", tags="a")
    c.binary = c.broker.ours
    a = c.rx(o)
    c.binary = True
    return a


def test_header_order_and_blanks(b):
    """Members in any order, with blanks, unknown ones, no extFields."""
    with Client(b, ns=True) as c:
        for h in (b'{"extFields":{"topic":"TBW102"},"opaque":77,"code":105}',
                  b' { "opaque" : 78 , "x" : [ 1 , { "y" : null } ] , '
                  b'"extFields" : { "topic" : "TBW102" , "z" : "\\u00e9\\"" }'
                  b' , "flag" : 0, "code" : 105, "language" : "GO" } ',
                  b'{"code":105,"opaque":79,"flag":0,"version":317,'
                  b'"language":"CPP","extFields":{"topic":"TBW\\u0031\\u00302",'
                  b'"Signature":"","AccessKey":"","OnsChannel":""}}\n'):
            c.raw(struct.pack(">II", 4 + len(h), len(h)) + h)
        for o in (77, 78, 79):
            c.rx(o)
        h = b'{"code":106,"opaque":80}'
        c.raw(struct.pack(">II", 4 + len(h), len(h)) + h)
        c.rx(80)


def hostile(b, data, ns=False):
    with Client(b, ns=ns) as c:
        c.raw(data)
        c.rx_closed()
    with Client(b, ns=ns) as c:
        c.ask(9999, code=3)


def test_frame_too_big(b):
    hostile(b, struct.pack(">II", (16 << 20) + 1, 10) + b"x" * 100)


def test_length_below_its_header(b):
    """The header's length reaches beyond the frame."""
    hostile(b, struct.pack(">II", 12, 500) + b'{"code":' * 100)


def test_negative_length(b):
    hostile(b, struct.pack(">iI", -5, 10) + b"x" * 100)


def test_header_is_no_json(b):
    hostile(b, struct.pack(">II", 4 + 20, 20) + b"\xff\x00{{{{" + b"x" * 14)


def test_binary_header_lies(b):
    """A field that is longer than the header."""
    h = bytearray(Command(105, 1, ext={"topic": "TBW102"}).header(True))
    i = h.index(b"topic")
    h[i - 2:i] = b"\x7f\xff"
    hostile(b, struct.pack(">II", 4 + len(h), 1 << 24 | len(h)) + bytes(h))


def test_http_and_garbage(b):
    hostile(b, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
    hostile(b, b"\xde\xad\xbe\xef" * 50)


def test_answer_to_nothing(b):
    """An answer that nobody waits for is passed over."""
    with Client(b) as c:
        c.raw(Command(0, 4711, rmqlib.RESPONSE).encode())
        c.ask(9999, code=3)
