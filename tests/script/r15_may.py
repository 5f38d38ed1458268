# SPDX-License-Identifier: Apache-2.0
"""Every request of RocketMQ's as each of six identities, against permissions.tbl."""
import time

from mqlib import check
import maylib
import rmqlib
from rmqlib import V2, Signed, pop_fields, pop_handles
from r14_acl import acl, locked, policy, user

EVERYTHING = ("Pub", "Sub", "Create", "Update", "Delete", "Get", "List")
# name: (topics' actions, groups' actions) on what begins with "may-", or another
RIGHTS = dict(wrong=(EVERYTHING, EVERYTHING), consume=(("Sub",), ("Sub",)),
              produce=(("Pub",), ()), admin=(EVERYTHING, EVERYTHING))
# what the reference has at its name server
NAMESRV = (100, 101, 102, 105, 106, 205, 206, 216, 219, 224, 304, 311, 312, 313,
           318, 319, 327)


class World:
    """Users, a connection for each, and a topic and a group for each question."""

    def __init__(self, b):
        self.b, self.run = b, b.name("may")
        self.links = {}
        root = self.link("super", 106)
        (data,) = root.ask(106).json()["brokerAddrTable"].values()
        b.broker_name, b.cluster = data["brokerName"], data["cluster"]
        host, port = data["brokerAddrs"]["0"].rsplit(":", 1)
        b.broker_addr = host, int(port)
        root = self.link("super", 0)
        for who, (topics, groups) in RIGHTS.items():
            user(root, self.name_of(who))
            start = self.run + ("-other-" if who == "wrong" else "-t-")
            group = self.run + ("-other-" if who == "wrong" else "-g-")
            entries = [policy(f"Topic:{start}*", *topics)]
            if groups:
                entries.append(policy(f"Group:{group}*", *groups))
            acl(root, self.name_of(who), *entries)

    def name_of(self, who):
        return dict(none=None, super="root").get(who, f"{self.run}-{who}")

    def link(self, who, code):
        """A connection to where this code is served."""
        ns = self.b.ours or code in NAMESRV
        if (who, ns) not in self.links or self.links[who, ns].over:
            self.links[who, ns] = Signed(
                self.b, self.name_of(who),
                "12345678" if who == "super" else "password", ns)
        return self.links[who, ns]

    def things(self):
        """A topic with a message, a group, the message's id."""
        root = self.link("super", 0)
        t, g = self.b.name(), self.b.name()
        t, g = f"{self.run}-t-{t[-6:]}", f"{self.run}-g-{g[-6:]}"
        root.create_topic(t, 1)
        root.create_group(g)
        if not self.b.ours:
            # the route comes to the name server a moment later
            rmqlib.until("route", lambda: self.link("super", 105).ask(
                105, topic=t, code=None).code == 0)
        return t, g, root.send(t).ext["msgId"]

    def close(self):
        for c in self.links.values():
            c.close()


def common(w, t, g, msg):
    """The fields of all headers, as far as they don't contradict each other."""
    locator = rmqlib.id_parts(msg)[2]
    now = int(time.time() * 1000)
    return dict(
        topic=t, consumerGroup=g, group=g, groupName=g, producerGroup="script",
        queueId=0, queueOffset=0, offset=0, commitOffset=0, maxMsgNums=1,
        sysFlag=rmqlib.SUBSCRIPTION, suspendTimeoutMillis=0, subscription="*",
        subVersion=0, expressionType="TAG", timestamp=now, key="k", maxNum=1,
        beginTimestamp=0, endTimestamp=now, clientID=w.links["super", True].id
        if ("super", True) in w.links else "x", brokerName="none",
        originTopic=t, delayLevel=1, unitMode=False, maxReconsumeTimes=3,
        tranStateTableOffset=0, commitLogOffset=locator, commitOrRollback=8,
        fromTransactionCheck=False, msgId=msg, namespace="script-ns", value="v",
        destGroup=g, srcGroup=g, compareGroup=g, filterGroups=g, isForce=True,
        index=0, count=1, isOrder=False, enable=False, resetOffset=0,
        defaultTopic="TBW102", readQueueNums=1, writeQueueNums=1, perm=6,
        topicFilterType="SINGLE_TAG", topicSysFlag=0, order=False,
        statsName="TOPIC_PUT_NUMS", statsKey=t, clientId="none")


def record_of(msg):
    return dict(offset=rmqlib.id_parts(msg)[2])


def user_fields(w, code):
    """A user, of whom a request of AUTH_* is."""
    name = w.b.name("u")
    root = w.link("super", 0)
    if code != 3001:
        user(root, name)
    if code in (3007, 3008):
        acl(root, name, policy("Topic:x", "Pub"))
    body = dict(username=name, password="password")
    if code in (3006, 3007):
        body = dict(subject="User:" + name, policies=[dict(
            policyType="Custom", entries=[policy("Topic:x", "Pub")])])
    if code in (3003, 3004, 3005, 3008, 3009, 3010):
        body = b""
    return dict(username=name, subject="User:" + name, filter=name,
                subjectFilter=name), body


def sends(w, code, t, g, msg):
    over = w.link("super", 0).send_fields(t)
    if code in (310, 320, 325):
        over = {V2[k]: v for k, v in over.items()}
        over["n"] = w.b.broker_name
    if code == 320:
        over["m"] = True
    return over, rmqlib.batch(b"x") if code == 320 else b"x"


def popped(w, code, t, g, msg):
    """The handle of a message that is out."""
    root = w.link("super", 0)
    a = root.ask("POP_MESSAGE", **pop_fields(t, g, queue=0))
    (_, handle), = pop_handles(w.b.broker_name, a)
    if code == 200151:
        return {}, dict(brokerName=w.b.broker_name, acks=[dict(
            c=g, t=t, so=0, q=0, rq=int(handle.split(" ")[3]),
            r="0", pt=int(handle.split(" ")[1]),
            it=int(handle.split(" ")[2]), b="AQ==")])
    return dict(extraInfo=handle, invisibleTime=1000), b""


def bodies(w, t, g):
    mq = rmqlib.mq(w.b, t, 0)
    lock = dict(consumerGroup=g, clientId="c", mqSet=[mq])
    group = dict(groupName=g, consumeEnable=True, retryQueueNums=1,
                 retryMaxTimes=16)
    topic = dict(topicName=t, readQueueNums=1, writeQueueNums=1, perm=6,
                 topicFilterType="SINGLE_TAG", topicSysFlag=0, order=False)
    return {
        25: b"maxMessageSize=4194304\n", 318: b"",
        34: dict(clientID="c", producerDataSet=[], consumerDataSet=[
            rmqlib.consumer(g, t)]),
        41: lock, 42: lock, 46: dict(
            clientId="c", group=g, subscriptionData=rmqlib.subscription(t)),
        18: dict(topicConfigList=[topic]), 200: group,
        225: dict(groupConfigList=[group]), 224: b"", 901: b"",
        345: b"", 400: dict(topic=t, consumerGroup=g, clientId="c",
                            strategyName="AVG", messageModel="CLUSTERING"),
        401: dict(topic=t, consumerGroup=g, mode="PULL", popShareQueueNum=0),
    }


def request(w, code):
    """(fields, body) of a request that is carried out when it is let in."""
    t, g, msg = w.things()
    f, over = common(w, t, g, msg), {}
    body = bodies(w, t, g).get(code, b"")
    if code in (10, 310, 320, 324, 325):
        over, body = sends(w, code, t, g, msg)
        if code != 10 and code != 324:
            f = {}
    elif code in (33, 36, 309):
        over = record_of(msg)
    elif 3001 <= code <= 3010:
        over, body = user_fields(w, code)
    elif code in (200051, 200053, 200151):
        over, body = popped(w, code, t, g, msg)
    elif code in (200050, 200052, 200054):
        over = pop_fields(t, g, queue=0)
    elif code in (205, 327):
        over = dict(brokerName=w.b.broker_name)
    elif code in (224, 901):
        over = dict(cluster=w.b.cluster, brokerName=w.b.broker_name)
        f = {}
    elif code == 317:
        f = dict(isOrder=False)
    elif code == 370:
        over = dict(recallHandle="none")
    return {**f, **over}, body


def answer(w, key, who):
    code = int(key.split()[0])
    fields, body = request(w, code)
    a = w.link(who, code).ask(code, body, code=None, **fields)
    if code == 205 and a.code == 0:
        # nobody could send any more
        back = w.link("super", 327).ask(327, brokerName=w.b.broker_name)
        check(back.code == 0, back)
    return str(a.code)


@locked(authenticationFailureLimit=0)
def test_requests(b):
    w = World(b)
    maylib.compare("rocketmq", lambda key, who: answer(w, key, who), b.ours)
    w.close()
