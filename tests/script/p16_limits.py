# SPDX-License-Identifier: Apache-2.0
"""Rates of publishes and dispatch: of the broker, a namespace, a topic; what is over
one waits."""
import http.client
import json
import threading
import time

from mqlib import Client, alone, check, equal, options, ours
import mqlib

RATE = {"publishThrottlingRateInMsg": 10, "publishThrottlingRateInByte": -1}


def admin(b, method, path, body=None, raw=None):
    """(status, text) of a request to the admin API"""
    c = http.client.HTTPConnection(b.host, b.http, timeout=10)
    if body is not None:
        raw = json.dumps(body)
    c.request(method, "/admin/v2/" + path, raw,
              {"Content-Type": "application/json"} if raw is not None else {})
    r = c.getresponse()
    text = r.read().decode()
    c.close()
    return r.status, text


def path_of(topic):
    return topic.replace("://", "/")


def reason(answer):
    return answer[0], json.loads(answer[1])["reason"]


def value(answer):
    equal(answer[0], 200)
    return json.loads(answer[1]) if answer[1] else None


@ours("asks the admin API")
def test_of_a_namespace(b):
    ns = "namespaces/public/limits"
    equal(admin(b, "PUT", ns, {})[0], 204)
    p = ns + "/publishRate"
    equal(admin(b, "GET", p), (200, ""))
    equal(admin(b, "POST", p, RATE), (204, ""))
    equal(value(admin(b, "GET", p)), RATE)
    equal(admin(b, "POST", p, {"publishThrottlingRateInMsg": -5})[0], 204)
    equal(value(admin(b, "GET", p)), {"publishThrottlingRateInMsg": -5,
                                      "publishThrottlingRateInByte": -1})
    for bad in ('x"', '"s"', "[]", '{"publishThrottlingRateInMsg":"x"}',
                '{"publishThrottlingRateInMsg":3000000000}'):
        equal(admin(b, "POST", p, raw=bad)[0], 400, bad)
    equal(admin(b, "POST", p)[0], 204)
    equal(admin(b, "GET", p), (200, ""))
    equal(admin(b, "POST", p, {"foo": 1})[0], 204)
    equal(value(admin(b, "GET", p)), {"publishThrottlingRateInMsg": -1,
                                      "publishThrottlingRateInByte": -1})
    equal(admin(b, "POST", p, RATE)[0], 204)
    equal(value(admin(b, "GET", ns))["publishMaxMessageRate"],
          {"standalone": RATE})
    equal(admin(b, "DELETE", p), (204, ""))
    equal(admin(b, "DELETE", p), (204, ""))
    equal(admin(b, "GET", p), (200, ""))
    for method in "GET", "POST", "DELETE":
        equal(reason(admin(b, method, "namespaces/public/none/publishRate",
                           RATE if method == "POST" else None)),
              (404, "Namespace does not exist"))
    # with a namespace that is made
    equal(admin(b, "PUT", "namespaces/public/limits2",
                {"publishMaxMessageRate": {"standalone": RATE}})[0], 204)
    equal(value(admin(b, "GET", "namespaces/public/limits2/publishRate")), RATE)
    equal(admin(b, "PUT", "namespaces/public/limits3",
                {"publishMaxMessageRate": {"standalone": 3}})[0], 400)


@ours("asks the admin API")
def test_of_a_topic(b):
    for parts in 0, 3:
        t = path_of(b.topic())
        p = t + "/publishRate"
        equal(reason(admin(b, "GET", p))[0], 404)
        equal(reason(admin(b, "POST", p, RATE))[0], 404)
        equal(reason(admin(b, "DELETE", p))[0], 404)
        if parts:
            equal(admin(b, "PUT", t + "/partitions", parts)[0], 204)
        else:
            equal(admin(b, "PUT", t)[0], 204)
        equal(admin(b, "GET", p), (204, ""))
        equal(admin(b, "POST", p, RATE), (204, ""))
        equal(value(admin(b, "GET", p)), RATE)
        equal(value(admin(b, "GET", p + "?applied=true")), RATE)
        # it is no property of its user's
        equal(value(admin(b, "GET", t + "/partitions")).get("properties"), None)
        equal(admin(b, "POST", p, raw='x"')[0], 400)
        equal(admin(b, "POST", p)[0], 204)
        equal(value(admin(b, "GET", p)), RATE)
        equal(admin(b, "DELETE", p), (204, ""))
        equal(admin(b, "GET", p), (204, ""))
        equal(admin(b, "GET", p + "?applied=true"), (204, ""))
        equal(reason(admin(b, "GET", t + "-partition-0/publishRate")),
              (412, "Not allowed to set/get topic policy for a partition"))
    np = path_of(b.topic()).replace("persistent", "non-persistent", 1)
    equal(admin(b, "PUT", np)[0], 204)
    equal(admin(b, "POST", np + "/publishRate", RATE)[0], 405)


def pump(c, seconds, pid=1, payload=b"x" * 100, window=2000):
    """Publishes with up to `window` under way, c.under_way in the end; receipts that came
    in that time"""
    end, sent, got = time.monotonic() + seconds, 0, 0
    while time.monotonic() < end:
        while sent - got < window:
            c.send(pid, sent, payload)
            sent += 1
        try:
            c.rx("SEND_RECEIPT", timeout=max(0.01, end - time.monotonic()))
            got += 1
        except (mqlib.Fail, TimeoutError, OSError):
            break
    c.under_way = sent - got
    return got


def stats(b, t):
    return value(admin(b, "GET", path_of(t) + "/stats"))


@ours("asks the admin API")
def test_it_holds(b):
    """A rate of 50 a second; a window of 60, so that what is read ahead is less than
    what the rate gives in the time."""
    t = b.topic()
    equal(admin(b, "PUT", path_of(t))[0], 204)
    rate = dict(RATE, publishThrottlingRateInMsg=50)
    equal(admin(b, "POST", path_of(t) + "/publishRate", rate)[0], 204)
    with Client(b) as c, Client(b) as d:
        c.producer(t)
        n = pump(c, 3.0, window=60)
        # 50 at once, 50 a second, and the debt of what was read with them
        check(60 <= n <= 290, n)
        check(stats(b, t)["publishRateLimitedTimes"] > 0)
        check(stats(b, t)["msgInCounter"] <= 290)
        # another connection isn't paused, and its own topic has no rate
        d.producer(b.topic())
        for i in range(300):
            d.publish(1, i)
        # without it, it goes on
        equal(admin(b, "DELETE", path_of(t) + "/publishRate")[0], 204)
        for i in range(n, n + c.under_way):
            c.rx("SEND_RECEIPT", sequence_id=i)
        c.sync()
    text = admin_metrics(b)
    check(any(line.startswith("pulsar_publish_rate_limit_times") and
              t in line and not line.endswith(" 0")
              for line in text.splitlines()))


def admin_metrics(b):
    c = http.client.HTTPConnection(b.host, b.http, timeout=10)
    c.request("GET", "/metrics")
    text = c.getresponse().read().decode()
    c.close()
    return text


@ours("asks the admin API")
def test_bytes(b):
    t = b.topic()
    equal(admin(b, "PUT", path_of(t))[0], 204)
    equal(admin(b, "POST", path_of(t) + "/publishRate",
                {"publishThrottlingRateInByte": 20000})[0], 204)
    with Client(b) as c:
        c.producer(t)
        n = pump(c, 2.0, payload=b"y" * 1000, window=20)
        check(30 <= n <= 110, n)


@ours("asks the admin API")
def test_a_producer_that_goes(b):
    """The connection goes on when its throttled producer is gone."""
    t = b.topic()
    equal(admin(b, "PUT", path_of(t))[0], 204)
    equal(admin(b, "POST", path_of(t) + "/publishRate",
                {"publishThrottlingRateInByte": 1})[0], 204)
    with Client(b) as c:
        c.producer(t)
        c.publish(1, 0, b"x" * 100)
        # its debt is more than 100 s, it isn't read from
        c.tx("PING")
        c.silent(1.0)
        equal(admin(b, "PUT", path_of(t) + "/unload")[0], 204)
        c.rx("CLOSE_PRODUCER")
        c.rx("PONG")


@alone
@options(maxPublishRatePerTopicInMessages=20)
@ours("asks the admin API")
def test_of_the_broker_and_kept(b):
    t, o = b.topic(), b.topic()
    for name in t, o:
        equal(admin(b, "PUT", path_of(name))[0], 204)
    equal(value(admin(b, "GET", path_of(t) + "/publishRate?applied=true")),
          {"publishThrottlingRateInMsg": 20, "publishThrottlingRateInByte": 0})
    equal(admin(b, "POST", path_of(o) + "/publishRate",
                dict(RATE, publishThrottlingRateInMsg=100000))[0], 204)
    for again in False, True:
        with Client(b) as c:
            c.producer(t, 1)
            n = pump(c, 2.0, window=30)
            # at least what was there; a slow machine gets to little more
            check(10 <= n <= 130, n)
        with Client(b) as c:
            c.producer(o, 1)
            n = pump(c, 1.0, window=1000)
            check(n > 200, n)
        if not again:
            b.crash()
            equal(value(admin(b, "GET", path_of(o) + "/publishRate")),
                  dict(RATE, publishThrottlingRateInMsg=100000))


@alone
@options(brokerPublisherThrottlingMaxByteRate=50000, shards=3)
@ours("asks for a key of the configuration")
def test_of_the_whole_broker(b):
    """All topics together, persistent or not, on whatever shard."""
    def run(t, n):
        with Client(b) as c:
            c.producer(t)
            n.append(pump(c, 3.0, payload=b"z" * 980, window=10))

    got, threads = [], []
    for kind in ["persistent"] * 5 + ["non-persistent"]:
        t = b.topic().replace("persistent", kind, 1)
        threads.append(threading.Thread(target=run, args=(t, got)))
        threads[-1].start()
    for t in threads:
        t.join()
    # 50 at once, 50 a second, and what each may have sent on debt
    check(100 <= sum(got) <= 200 + 6 * 20, got)


DISPATCH = {"dispatchThrottlingRateInMsg": 10, "dispatchThrottlingRateInByte": -1,
            "relativeToPublishRate": False, "ratePeriodInSecond": 1}


@ours("asks the admin API")
def test_dispatch_rates(b):
    ns, t = "namespaces/public/limits4", path_of(b.topic())
    equal(admin(b, "PUT", ns, {})[0], 204)
    equal(admin(b, "PUT", t)[0], 204)
    for name, member in (("dispatchRate", "topicDispatchRate"),
                         ("subscriptionDispatchRate", "subscriptionDispatchRate")):
        for at in ns, t:
            p = f"{at}/{name}"
            equal(admin(b, "GET", p), (200, ""))
            equal(admin(b, "POST", p, DISPATCH), (204, ""))
            equal(value(admin(b, "GET", p)), DISPATCH)
            equal(admin(b, "POST", p, {})[0], 204)
            equal(value(admin(b, "GET", p)),
                  {"dispatchThrottlingRateInMsg": 0,
                   "dispatchThrottlingRateInByte": 0,
                   "relativeToPublishRate": False, "ratePeriodInSecond": 0})
            equal(admin(b, "POST", p, {"relativeToPublishRate": 3})[0], 400)
        equal(value(admin(b, "GET", ns))[member]["standalone"]
              ["dispatchThrottlingRateInMsg"], 0)
        for at in ns, t:
            equal(admin(b, "DELETE", f"{at}/{name}"), (204, ""))
            equal(admin(b, "GET", f"{at}/{name}"), (200, ""))
        equal(value(admin(b, "GET", f"{t}/{name}?applied=true")),
              {"dispatchThrottlingRateInMsg": 0, "dispatchThrottlingRateInByte": 0,
               "relativeToPublishRate": False, "ratePeriodInSecond": 1})


def received(c, seconds):
    end, n = time.monotonic() + seconds, 0
    while True:
        try:
            c.rx("MESSAGE", timeout=max(0.001, end - time.monotonic()))
        except mqlib.Fail:
            return n
        n += 1


@ours("asks the admin API")
def test_dispatch_is_held(b):
    for name in "dispatchRate", "subscriptionDispatchRate":
        for kind in "Exclusive", "Shared", "Key_Shared":
            t = b.topic()
            equal(admin(b, "PUT", path_of(t))[0], 204)
            equal(admin(b, "POST", path_of(t) + "/" + name,
                        dict(DISPATCH, dispatchThrottlingRateInMsg=50))[0], 204)
            with Client(b) as c:
                c.subscribe(t, sub_type=kind)
                c.producer(t)
                for i in range(300):
                    c.publish(1, i)
                c.flow()
                n = received(c, 2.0)
                check(60 <= n <= 170, name, kind, n)
                s = stats(b, t)["subscriptions"]["s"]
                by = "Topic" if name == "dispatchRate" else "Subscription"
                check(s[f"dispatchThrottledMsgEventsBy{by}Limit"] > 0)
                equal(admin(b, "DELETE", path_of(t) + "/" + name)[0], 204)
                equal(received(c, 1.0), 300 - n)


SUBSCRIBE = {"subscribeThrottlingRatePerConsumer": 2, "ratePeriodInSecond": 60}


@ours("asks the admin API")
def test_subscribe_rate(b):
    ns, t = "namespaces/public/limits6", path_of(b.topic())
    equal(admin(b, "PUT", ns, {})[0], 204)
    equal(admin(b, "PUT", t)[0], 204)
    for at in ns, t:
        p = f"{at}/subscribeRate"
        equal(admin(b, "GET", p), (200, ""))
        equal(admin(b, "POST", p, SUBSCRIBE), (204, ""))
        equal(value(admin(b, "GET", p)), SUBSCRIBE)
        equal(admin(b, "POST", p, {})[0], 204)
        equal(value(admin(b, "GET", p)), {"subscribeThrottlingRatePerConsumer": -1,
                                          "ratePeriodInSecond": 30})
        for bad in "[]", '{"ratePeriodInSecond":"x"}', "3":
            equal(admin(b, "POST", p, raw=bad)[0], 400, bad)
    equal(value(admin(b, "GET", ns))["clusterSubscribeRate"]["standalone"]
          ["ratePeriodInSecond"], 30)
    for at in ns, t:
        equal(admin(b, "DELETE", f"{at}/subscribeRate"), (204, ""))
        equal(admin(b, "GET", f"{at}/subscribeRate"), (200, ""))
    equal(value(admin(b, "GET", t + "/subscribeRate?applied=true")),
          {"subscribeThrottlingRatePerConsumer": 0, "ratePeriodInSecond": 30})


def comes(c, t, **fields):
    """Subscribes and goes again"""
    c.subscribe(t, sub_type="Shared", **fields)
    c.ask("CLOSE_CONSUMER", "SUCCESS", consumer_id=fields.get("cid", 1))


def is_limited(c, t, cid=1):
    m = c.error("SUBSCRIBE", "NotAllowedError", topic=t, subscription="s",
                subType=1, consumer_id=cid, consumer_name=f"c{cid}")
    equal(m.message, "Subscribe limited by subscribe rate limit per consumer.")


@ours("asks the admin API")
def test_subscribe_is_limited(b):
    t = b.topic()
    p = path_of(t) + "/subscribeRate"
    equal(admin(b, "PUT", path_of(t))[0], 204)
    equal(admin(b, "POST", p, SUBSCRIBE)[0], 204)
    with Client(b) as c, Client(b) as d:
        comes(c, t)
        comes(d, t)
        is_limited(c, t)
        is_limited(d, t)
        comes(c, t, cid=2)
        # to subscribe again what one has is no other subscribe
        c.subscribe(t, sub_type="Shared", cid=3)
        for i in range(3):
            c.subscribe(t, sub_type="Shared", cid=3)
        comes(c, b.topic())
        equal(admin(b, "DELETE", p)[0], 204)
        comes(c, t)
        c.sync()


@alone
@options(subscribeThrottlingRatePerConsumer=1)
@ours("asks for a key of the configuration")
def test_subscribe_rate_of_the_broker(b):
    t = b.topic()
    with Client(b) as c:
        comes(c, t)
        is_limited(c, t)
        equal(value(admin(b, "GET", path_of(t) + "/subscribeRate?applied=true")),
              {"subscribeThrottlingRatePerConsumer": 1, "ratePeriodInSecond": 30})


COUNTS = (("maxProducersPerTopic", "maxProducers", "maxProducers"),
          ("maxConsumersPerTopic", "maxConsumers", "maxConsumers"),
          ("maxConsumersPerSubscription", "maxConsumersPerSubscription", None),
          ("maxSubscriptionsPerTopic", "maxSubscriptionsPerTopic",
           "maxSubscriptionsPerTopic"),
          ("maxUnackedMessagesPerConsumer", "maxUnackedMessagesOnConsumer",
           "maxUnackedNum"),
          ("maxUnackedMessagesPerSubscription", "maxUnackedMessagesOnSubscription",
           "maxUnackedNum"),
          ("maxTopicsPerNamespace", None, None))


@ours("asks the admin API")
def test_counts(b):
    ns, t = "namespaces/public/limits5", path_of(b.topic())
    equal(admin(b, "PUT", ns, {})[0], 204)
    equal(admin(b, "PUT", t)[0], 204)
    for of_ns, of_topic, said in COUNTS:
        at = [(ns, of_ns, of_ns)] + ([(t, of_topic, said)] if of_topic else [])
        for where, name, word in at:
            p = f"{where}/{name}"
            unset = admin(b, "GET", p)
            check(unset in ((200, ""), (204, ""), (200, "0")), p, unset)
            equal(admin(b, "POST", p, 5), (204, ""))
            equal(value(admin(b, "GET", p)), 5)
            equal(reason(admin(b, "POST", p, -1)),
                  (412, f"{word} must be 0 or more" if word else
                   f"Invalid value for {name}"))
            for bad in '"s"', 'x"', "[]", "3000000000":
                equal(admin(b, "POST", p, raw=bad)[0], 400, bad)
            equal(admin(b, "POST", p)[0], 400)
            equal(value(admin(b, "GET", p)), 5)
            equal(admin(b, "DELETE", p), (204, ""))
            equal(admin(b, "GET", p), unset)
    equal(value(admin(b, "GET", t + "/maxProducers?applied=true")), 0)


@ours("asks the admin API")
def test_counts_are_kept_to(b):
    t = b.topic()
    p = path_of(t)
    equal(admin(b, "PUT", p)[0], 204)
    with Client(b) as c:
        equal(admin(b, "POST", p + "/maxProducers", 1)[0], 204)
        c.producer(t, 1)
        m = c.error("PRODUCER", "ProducerBusy", topic=t, producer_id=2)
        equal(m.message, "Topic reached max producers limit")
        equal(admin(b, "POST", p + "/maxProducers", 0)[0], 204)
        c.producer(t, 2)
        equal(admin(b, "POST", p + "/maxConsumersPerSubscription", 1)[0], 204)
        c.subscribe(t, cid=1, sub_type="Shared")
        m = c.error("SUBSCRIBE", "ConsumerBusy", topic=t, subscription="s",
                    subType=1, consumer_id=2)
        equal(m.message, "Subscription reached max consumers limit")
        equal(admin(b, "POST", p + "/maxConsumers", 1)[0], 204)
        m = c.error("SUBSCRIBE", "ConsumerBusy", topic=t, subscription="s2",
                    subType=1, consumer_id=2)
        equal(m.message, "Topic reached max consumers limit")
        equal(admin(b, "DELETE", p + "/maxConsumers")[0], 204)
        n = len(value(admin(b, "GET", p + "/subscriptions")))
        equal(admin(b, "POST", p + "/maxSubscriptionsPerTopic", n)[0], 204)
        c.error("SUBSCRIBE", "NotAllowedError", topic=t, subscription="s3",
                subType=1, consumer_id=3)
        equal(admin(b, "POST", p + "/maxUnackedMessagesOnConsumer", 2)[0], 204)
        for i in range(5):
            c.publish(1, i)
        c.flow()
        got = c.messages(2)
        c.silent()
        c.ack(1, *[m.pos for m in got])
        c.messages(2)
        c.silent()


@alone
@options(maxTenants=3, maxNamespacesPerTenant=3, maxTopicsPerNamespace=3,
         maxSameAddressProducersPerTopic=2, maxSameAddressConsumersPerTopic=2)
@ours("asks the admin API")
def test_counts_of_the_broker(b):
    """maxNamespacesPerTenant lets one more be, as in the reference."""
    body = {"allowedClusters": ["standalone"]}
    equal(admin(b, "PUT", "tenants/t1", body)[0], 204)
    equal(reason(admin(b, "PUT", "tenants/t2", body)),
          (412, "Exceed the maximum number of tenants"))
    equal(admin(b, "POST", "tenants/t1", body)[0], 204)
    for i in range(4):
        equal(admin(b, "PUT", f"namespaces/t1/n{i}", {})[0], 204)
    equal(reason(admin(b, "PUT", "namespaces/t1/n4", {})),
          (412, "Exceed the maximum number of namespace in tenant :t1"))
    many = "Exceed maximum number of topics in namespace."
    equal(reason(admin(b, "PUT", "persistent/t1/n1/p/partitions", 4)),
          (412, many))
    equal(admin(b, "PUT", "persistent/t1/n1/p/partitions", 2)[0], 204)
    equal(admin(b, "PUT", "persistent/t1/n1/a")[0], 204)
    equal(reason(admin(b, "PUT", "persistent/t1/n1/b")), (409, many))
    equal(admin(b, "PUT", "non-persistent/t1/n1/b")[0], 204)
    with Client(b) as c:
        m = c.error("PRODUCER", "NotAllowedError", producer_id=1,
                    topic="persistent://t1/n1/c")
        equal(m.message, many)
        t = "persistent://t1/n1/a"
        c.producer(t, 1)
        c.producer(t, 2)
        m = c.error("PRODUCER", "ProducerBusy", topic=t, producer_id=3)
        equal(m.message, "Topic reached max same address producers limit")
        c.subscribe(t, sub="a", cid=1)
        c.subscribe(t, sub="b", cid=2)
        m = c.error("SUBSCRIBE", "ConsumerBusy", topic=t, subscription="c",
                    subType=0, consumer_id=3)
        equal(m.message, "Topic reached max same address consumers limit")
    equal(admin(b, "POST", "namespaces/t1/n1/maxTopicsPerNamespace", 0)[0], 204)
    equal(admin(b, "PUT", "persistent/t1/n1/b")[0], 204)
