# SPDX-License-Identifier: Apache-2.0
"""RocketMQ's ACL 2.0: signatures, users, policies, and what each request needs."""
import json

from mqlib import alone, check, equal, options
import rmqlib
from rmqlib import Signed

FIRST = '{"username":"root","password":"12345678"}'


def locked(**more):
    opts = dict(authenticationEnabled="true", authorizationEnabled="true",
                initAuthenticationUser=FIRST)
    return options(**{**opts, **more})


def root(b):
    return Signed(b, "root", "12345678")


def user(c, name, password="password", code=0, **over):
    return c.ask("AUTH_CREATE_USER", dict(
        username=name, password=password, **over), username=name, code=code)


def policy(resource, *actions, decision="Allow", ips=()):
    e = dict(resource=resource, actions=list(actions), sourceIps=list(ips),
             decision=decision)
    return {k: v for k, v in e.items() if v or k != "sourceIps"}


def acl(c, name, *entries, kind="Custom", code=0, request="AUTH_CREATE_ACL"):
    return c.ask(request, dict(subject="User:" + name, policies=[
        dict(policyType=kind, entries=list(entries))]),
        subject="User:" + name, code=code)


def no(a, remark):
    equal(a.code, 16, a)
    check(remark in a.remark, a.remark)


def send_half(c, t):
    return c.rx(c.tx_send(t, sysFlag=4, props={
        "TRAN_MSG": "true", "PGROUP": "script", "UNIQ_KEY": "7F" * 16})).ext


def end(c, half, code=0):
    return c.ask("END_TRANSACTION", producerGroup="script", code=code,
                 tranStateTableOffset=half["queueOffset"],
                 commitLogOffset=rmqlib.id_parts(half["msgId"])[2],
                 commitOrRollback=8, fromTransactionCheck=False,
                 msgId="7F" * 16)


def send(c, t, code=0):
    return c.rx(c.tx_send(t), code)


@locked()
def test_signatures(b):
    t = b.name()
    for binary in (False, True):
        with Signed(b, "root", "12345678", binary=binary) as c:
            c.create_topic(t)
            send(c, t)
            for kind in ("SEND_MESSAGE", "SEND_MESSAGE_V2"):
                c.rx(c.tx_send(t, request=kind))
            no(spoiled(c, t, topic=t + "x"), "check signature failed.")
            no(spoiled(c, t, Signature="AAAA"), "check signature failed.")
            no(spoiled(c, t, AccessKey="none"), "User:none is not found.")
            no(spoiled(c, t, AccessKey=""), "username cannot be null.")
    with Signed(b, "root", "1234567") as c:
        no(send(c, t, 16), "check signature failed.")
    with Signed(b, None, "") as c:
        no(send(c, t, 16), "username cannot be null.")
        # the route is told unsigned, nothing else is
        c.ask("GET_ROUTEINFO_BY_TOPIC", topic=t)
        for code in ("GET_BROKER_CLUSTER_INFO", "GET_BROKER_CONFIG",
                     "GET_ALL_TOPIC_LIST_FROM_NAMESERVER"):
            no(c.ask(code, code=16), "username cannot be null.")
        equal(c.ask(9999, code=3).code, 3)


def spoiled(c, t, **fields):
    c.spoil = fields
    try:
        return c.ask("GET_MAX_OFFSET", topic=t, queueId=0, code=16)
    finally:
        c.spoil = None


@locked()
def test_users(b):
    name = b.name("u")
    with root(b) as c:
        user(c, name, userType="Normal")
        no(user(c, name, code=16), "The user is existed")
        no(user(c, name + "x", password="", code=16), "password can not be blank")
        equal(c.ask("AUTH_GET_USER", username=name).json(), dict(
            username=name, password="password", userType="Normal",
            userStatus="enable"))
        equal(c.ask("AUTH_GET_USER", username="none").body, b"")
        c.ask("AUTH_GET_USER", username="", code=29)
        with Signed(b, name, "password") as u:
            no(u.ask("AUTH_LIST_USER", code=16), "no matched policies.")
            c.ask("AUTH_UPDATE_USER", dict(username=name, password="other"),
                  username=name)
            no(u.ask("AUTH_LIST_USER", code=16), "check signature failed.")
            u.password = "other"
            no(u.ask("AUTH_LIST_USER", code=16), "no matched policies.")
            # one who may administer, and isn't a super user
            acl(c, name, policy("Cluster:*", "All"))
            no_super = u.ask("AUTH_CREATE_USER", dict(
                username="x", password="12345678", userType="Super"),
                username="x", code=1)
            check("can only be create by super user" in no_super.remark)
            listed = u.ask("AUTH_LIST_USER", filter=name).json()
            equal(listed, [dict(username=name, userType="Normal",
                                userStatus="enable")])
            u.ask("AUTH_DELETE_USER", username="root", code=1)
            c.ask("AUTH_UPDATE_USER", dict(username=name, userStatus="disable"),
                  username=name)
            no(u.ask("AUTH_LIST_USER", code=16), f"User:{name} is disabled.")
        no(c.ask("AUTH_UPDATE_USER", dict(username="none", password="x"),
                 username="none", code=16), "The user is not exist")
        c.ask("AUTH_DELETE_USER", username=name)
        c.ask("AUTH_DELETE_USER", username=name)
        equal(c.ask("AUTH_LIST_USER", filter=name).json(), [])


@locked()
def test_acls(b):
    name = b.name("u")
    with root(b) as c:
        no(acl(c, name, policy("Topic:*", "Pub"), code=16),
           f"The subject of User:{name} is not exist.")
        for request in ("AUTH_GET_ACL", "AUTH_DELETE_ACL"):
            no(c.ask(request, subject="User:" + name, code=16),
               "The subject is not exist.")
        user(c, name)
        for entry, why in (
                (policy("", "Pub"), "The resource is null."),
                (policy("Planet:x", "Pub"), "The resource is null."),
                (policy("Topic:", "Pub"), "The resource pattern is null."),
                (policy("Topic:x"), "The actions is empty."),
                (policy("Topic:x", "Fly"), "The actions is empty."),
                (policy("Topic:x", "Pub", "Fly"), "The actions is empty."),
                (policy("Topic:x", "Any"), "The actions can not be Any."),
                (policy("Topic:x", "Pub", ips=["here"]), "The source ip is invalid."),
                (policy("Topic:x", "Pub", decision="Perhaps"),
                 "The decision is null or illegal.")):
            no(acl(c, name, entry, code=16), why)
        one = policy("Topic:a*", "Pub", "Sub", ips=["127.0.0.0/8"])
        acl(c, name, one)
        acl(c, name, policy("Group:g", "Sub"), request="AUTH_UPDATE_ACL")
        got = c.ask("AUTH_GET_ACL", subject="User:" + name).json()
        equal(got["subject"], "User:" + name)
        equal(got["policies"][0]["policyType"], "Custom")
        equal(got["policies"][0]["entries"], [one, policy("Group:g", "Sub")])
        listed = c.ask("AUTH_LIST_ACL", subjectFilter=name,
                       resourceFilter="Group").json()
        equal([e["resource"] for e in listed[0]["policies"][0]["entries"]],
              ["Group:g"])
        c.ask("AUTH_DELETE_ACL", subject="User:" + name, resource="Group:g",
              policyType="Custom")
        got = c.ask("AUTH_GET_ACL", subject="User:" + name).json()
        equal(got["policies"][0]["entries"], [one])
        c.ask("AUTH_DELETE_ACL", subject="User:" + name)
        equal(c.ask("AUTH_GET_ACL", subject="User:" + name).body, b"")


@locked()
def test_needs(b):
    """Publish and consume, in the header and in the body, each with its right."""
    name, t, g = b.name("u"), b.name("t"), b.name("g")
    other = t + "-other"
    with root(b) as c, Signed(b, name, "password") as u:
        user(c, name)
        c.create_topic(t)
        c.create_topic(other)
        c.create_group(g)
        no(send(u, t, 16), f"User:{name} has no permission to access "
           f"Topic:{t} from 127.0.0.1, no matched policies.")
        acl(c, name, policy("Topic:" + t, "Pub"))
        send(u, t)
        no(send(u, other, 16), "no matched policies.")
        # the long name doesn't stand in for the letter
        no(u.rx(u.tx_send(other, ext={"topic": t}), 16), "Topic:" + other)
        no(u.pull(t, code=16, group=g), "Topic:" + t)
        acl(c, name, policy("Topic:" + t, "Pub", "Sub"))
        no(u.pull(t, code=16, group=g), "Group:" + g)
        no(u.heartbeat(consumers=[(g, t, "*")], code=16), "Group:" + g)
        acl(c, name, policy("Group:" + g, "Sub"))
        equal(len(u.pull(t, group=g).records()), 1)
        u.heartbeat(consumers=[(g, t, "*")])
        no(u.heartbeat(consumers=[(g, other, "*")], code=16), "Topic:" + other)
        # retries are the group's
        u.heartbeat(consumers=[dict(rmqlib.consumer(g, "%RETRY%" + g, "*"))])
        no(u.ask("UPDATE_AND_CREATE_TOPIC", topic=t, defaultTopic="TBW102",
                 readQueueNums=1, writeQueueNums=1, perm=6,
                 topicFilterType="SINGLE_TAG", topicSysFlag=0, order=False,
                 code=16), "Topic:" + t)
        no(u.ask("GET_BROKER_CONFIG", code=16), "Cluster:DefaultCluster")
        # given back is only what lies in a topic of one's own
        theirs = rmqlib.id_parts(send(c, other).ext["msgId"])[2]
        mine = rmqlib.id_parts(send(c, t).ext["msgId"])[2]
        back = dict(group=g, originTopic=t, delayLevel=1, unitMode=False,
                    maxReconsumeTimes=3)
        no(u.ask("CONSUMER_SEND_MSG_BACK", offset=theirs, code=16, **back),
           "Topic:" + other)
        u.ask("CONSUMER_SEND_MSG_BACK", offset=mine, **back)
        # a half message is ended by who may send to its topic
        half = send_half(c, other)
        no(end(u, half, 16), "Topic:" + other)
        end(c, half)
        # statistics of a group are not those of any topic that is named beside it
        acl(c, name, policy("Group:" + g, "Get"))
        stats = dict(consumerGroup=g, topic="")
        u.ask("GET_CONSUME_STATS", **stats)
        no(u.ask("GET_CONSUME_STATS", topicList=f"{other};", code=16, **stats),
           "Topic:" + other)
        # nor is what is left when others are left out
        but = dict(topic=t, compareGroup=g)
        acl(c, name, policy("Topic:" + t, "Pub", "Sub", "Get"))
        u.ask("QUERY_CORRECTION_OFFSET", **but)
        no(u.ask("QUERY_CORRECTION_OFFSET", filterGroups=f"{g},{other}", code=16, **but),
           "Group:" + other)
        acl(c, name, policy("Topic:" + t, "Pub", "Sub"))
        acl(c, name, policy("Group:" + g, "Sub"))
        # an offset may be of any topic, and a bad name is nobody's
        no(u.ask("VIEW_MESSAGE_BY_ID", offset=0, topic=t, code=16), "Topic:*")
        no(send(u, "a b", 16), "no matched policies.")
        # the closest rule decides, and among equals the one that denies
        acl(c, name, policy("Topic:*", "Pub"))
        send(u, other)
        acl(c, name, policy(f"Topic:{t}-*", "Pub", decision="Deny"))
        no(send(u, other, 16), "the decision is deny.")
        send(u, t)
        acl(c, name, policy("Topic:" + t, "Pub", "Sub", ips=["10.0.0.0/8"]))
        send(u, t)  # by the rule for all
        no(u.pull(t, code=16, group=g), "no matched policies.")


@locked()
def test_bodies(b):
    """What the gate can't read of a body nobody else reads either."""
    name, t, g = b.name("u"), b.name("t"), b.name("g")
    deep = 0
    for _ in range(100):
        deep = [deep]
    with root(b) as c, Signed(b, name, "password") as u:
        user(c, name)
        c.create_topic(t)
        c.create_group(g)
        mine = dict(x=deep, consumerGroup=g, clientId=u.id, mqSet=[
            dict(topic=t, brokerName="broker-a", queueId=0)])
        for a in (u.heartbeat(consumers=[(g, t, "*")], x=deep, code=16),
                  u.ask("LOCK_BATCH_MQ", mine, code=16),
                  u.ask("UNLOCK_BATCH_MQ", mine, code=16)):
            no(a, "parse authorization context error.")
        c.heartbeat(consumers=[(g, t, "*")])
        equal(json.loads(c.ask("GET_CONSUMER_LIST_BY_GROUP",
                               consumerGroup=g).body),
              {"consumerIdList": [c.id]})


@locked()
def test_other_names(b):
    """Retries and dead letters are their group's by whatever name they are asked for."""
    name, g, mine = b.name("u"), b.name("g"), b.name("mine")
    with root(b) as c, Signed(b, name, "password") as u:
        user(c, name)
        acl(c, name, policy("Topic:*", "Sub", "Get"), policy("Group:" + mine, "Sub"))
        c.create_group(g)
        for head in "%RETRY%", "%DLQ%":
            c.create_topic(head + g, queues=1)
            c.send(head + g, queueId=0)
            no(u.pull(head + g, group=mine, code=16), "Group:" + g)
            a = u.pull(f"default%{head}{g}", group=mine, code=None)
            equal(a.code, 17, a)
            no(u.pull(f"{head}default%{g}", group=mine, code=16), "Group:default%" + g)


@locked()
def test_light_queues(b):
    """Pub on a message's topic is enough for its light queues, as in the reference, but
    for those that a rule keeps the user from."""
    t, name = b.name(), b.name("u")
    free, kept = "%LMQ%" + b.name(), "%LMQ%" + b.name()

    def to(c, *queues, code=0, **props):
        return c.rx(c.tx_send(t, props=dict(
            props, INNER_MULTI_DISPATCH=",".join(queues))), code)

    with root(b) as c, Signed(b, name, "password") as u:
        c.create_topic(t)
        user(c, name)
        no(to(u, free, code=16), "Topic:" + t)
        acl(c, name, policy("Topic:" + t, "Pub"))
        to(u, free, kept)
        acl(c, name, policy("Topic:" + kept, "Pub", decision="Deny"))
        to(u, free)
        for more in {}, {"DELAY": "1"}, {"TRAN_MSG": "true", "PGROUP": "p"}:
            a = to(u, free, kept, code=16, **more)
            no(a, f"Topic:{kept} from")
            no(a, "the decision is deny.")
        # names that are no light queue's mean nothing
        to(u, t, free)
        # another's messages go there, and who is kept from it doesn't read it either
        to(c, kept)
        no(u.pull(kept, code=16), "Topic:" + kept)
        equal(len(c.pull(free, group="script").records()), 3)
        equal(len(c.pull(kept, group="script").records()), 2)


@alone
@locked()
def test_kept(b):
    """Users, policies and the key are there after kill -9; secrets are in no file."""
    with root(b) as c:
        user(c, "u", "very-secret-password")
        acl(c, "u", policy("Topic:*", "Pub", "Create"))
    b.crash()
    with Signed(b, "u", "very-secret-password") as u, root(b) as c:
        u.create_topic("kept")
        send(u, "kept")
        equal(c.ask("AUTH_GET_USER", username="u").json()["password"],
              "very-secret-password")
    check("very-secret" not in b.log_text())


@locked(authorizationEnabled="false")
def test_authenticated_only(b):
    name = b.name("u")
    with root(b) as c, Signed(b, name, "password") as u:
        user(c, name)
        send(u, b.name())
        u.password = "x"
        send(u, b.name(), 16)


def test_off(b):
    """Signatures are not looked at."""
    with Signed(b, "nobody", "x") as c:
        send(c, b.name())
        c.ask("AUTH_LIST_ACL", code=1)
        c.ask("AUTH_GET_USER", username="x", code=1)
