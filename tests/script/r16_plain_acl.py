# SPDX-License-Identifier: Apache-2.0
"""RocketMQ's ACL 1.0: the accounts of plain_acl.yml, what they may do, how they are changed."""
import os
import signal
import stat
import tempfile

from mqlib import alone, check, equal, options
import rmqlib
from rmqlib import Client, Signed, until

TMP = tempfile.TemporaryDirectory(prefix="plain-acl-")
FILE = os.path.join(TMP.name, "plain_acl.yml")
SECRET = "secret-of-all"
ACCOUNTS = """
globalWhiteRemoteAddresses:
- 10.10.103.*
accounts:
- accessKey: the-admin
  secretKey: secret-of-all
  admin: true
- accessKey: producer
  secretKey: secret-of-all
  defaultTopicPerm: PUB
  topicPerms:
  - denied=DENY
  - only-sub=SUB
  - '%LMQ%denied=DENY'
- accessKey: consumer
  secretKey: secret-of-all
  defaultTopicPerm: SUB
  defaultGroupPerm: SUB
  topicPerms:
  - denied=DENY
  - both=PUB|SUB
  groupPerms:
  - g-denied=DENY
- accessKey: half-admin
  secretKey: secret-of-all
  admin: true
  topicPerms: [both=SUB]
- accessKey: by-address
  secretKey: secret-of-all
  whiteRemoteAddress: 127.0.0.*
- accessKey: elsewhere
  secretKey: secret-of-all
  whiteRemoteAddress: 192.168.0.*
"""


def write(text=ACCOUNTS):
    with open(FILE, "w", encoding="utf-8") as f:
        f.write(text)


plain = options(before=write, aclEnable="true", aclPlainFile=FILE)


def signed(b, key, secret=SECRET):
    return Signed(b, key, secret)


def no(a, remark):
    equal(a.code, 1, a)
    equal(a.remark, "org.apache.rocketmq.acl.common.AclException: " + remark)


def send(c, t, code=0):
    return c.rx(c.tx_send(t), code)


def topics(b):
    with signed(b, "the-admin") as c:
        for t in ("denied", "only-sub", "both", "other"):
            c.create_topic(t)


@plain
def test_signatures(b):
    topics(b)
    with signed(b, "producer") as c:
        send(c, "other")
        c.spoil = dict(Signature="AAAA")
        no(send(c, "other", 1), "Check signature failed for accessKey=producer")
        c.spoil = dict(AccessKey="nobody")
        no(send(c, "other", 1), "No acl config for nobody")
        c.spoil = dict(AccessKey="")
        no(send(c, "other", 1), "No accessKey is configured")
    with signed(b, "producer", "secret-of-none") as c:
        no(send(c, "other", 1), "Check signature failed for accessKey=producer")
    with signed(b, None) as c:
        no(send(c, "other", 1), "No accessKey is configured")
        c.ask("GET_ROUTEINFO_BY_TOPIC", topic="other")


@plain
def test_addresses(b):
    """From where an account is known its name is enough, for everything."""
    topics(b)
    with signed(b, "by-address", "any") as c:
        send(c, "denied")
        c.create_topic(b.name())
    with signed(b, "elsewhere", "any") as c:
        no(send(c, "denied", 1), "Check signature failed for accessKey=elsewhere")


@plain
def test_permissions(b):
    topics(b)
    g = b.name("g")
    with signed(b, "producer") as p, signed(b, "consumer") as c:
        send(p, "other")
        no(send(p, "denied", 1), "No default permission for topic:denied")
        no(send(p, "only-sub", 1), "No default permission for topic:only-sub")
        no(p.pull("other", code=1, group=g), "No default permission for topic:other")
        no(p.pull("only-sub", code=1, group=g), f"No default permission for group:{g}")
        # a light queue is sent to with its message's topic, unless the file denies it
        for queue, code in ("%LMQ%any", 0), ("%LMQ%denied", 1):
            a = p.rx(p.tx_send("other", props={
                "INNER_MULTI_DISPATCH": "%LMQ%some," + queue}), code)
        no(a, "No default permission for topic:%LMQ%denied")
        # the trace topic is everybody's
        send(c, "RMQ_SYS_TRACE_TOPIC")
        no(send(c, "other", 1), "No default permission for topic:other")
        send(c, "both")
        equal(len(c.pull("both", group=g).records()), 1)
        c.heartbeat(consumers=[(g, "other", "*")])
        no(c.heartbeat(consumers=[(g, "denied", "*")], code=1),
           "No default permission for topic:denied")
        no(c.heartbeat(consumers=[("g-denied", "other", "*")], code=1),
           "No default permission for group:g-denied")
        # retries and dead letters are the group's
        for prefix in ("%RETRY%", "%DLQ%"):
            no(c.ask("GET_MAX_OFFSET", topic=prefix + "g-denied", queueId=0, code=1),
               "No default permission for group:g-denied")
        c.heartbeat(consumers=[dict(rmqlib.consumer(g, "%RETRY%" + g, "*"))])
        # what all may know, and what is an administrator's
        c.ask("GET_BROKER_CLUSTER_INFO")
        c.ask("GET_BROKER_CONFIG")
        no(c.ask("UPDATE_BROKER_CONFIG", b"a=b", code=1),
           "Need admin permission for request code=25, but accessKey=consumer is not")
        no(c.ask("UPDATE_AND_CREATE_TOPIC", topic="other", defaultTopic="TBW102",
                 readQueueNums=1, writeQueueNums=1, perm=6,
                 topicFilterType="SINGLE_TAG", topicSysFlag=0, order=False,
                 code=1),
           "Need admin permission for request code=17, but accessKey=consumer is not")
        for request in ("UPDATE_AND_CREATE_ACL_CONFIG", "DELETE_ACL_CONFIG",
                        "UPDATE_GLOBAL_WHITE_ADDRS_CONFIG",
                        "GET_BROKER_CLUSTER_ACL_CONFIG"):
            no(c.ask(request, accessKey="the-admin", code=1),
               f"Need admin permission for request code={rmqlib.CODES[request]}, "
               "but accessKey=consumer is not")
    with signed(b, "half-admin") as c:
        # one with permissions has no others, but is an administrator
        c.create_topic(b.name())
        no(send(c, "both", 1), "No default permission for topic:both")
        no(send(c, "other", 1), "No default permission for topic:other")
        no(c.pull("both", code=1, group=g), f"No default permission for group:{g}")


def put(c, key, code=0, **more):
    return c.ask("UPDATE_AND_CREATE_ACL_CONFIG", code=code, accessKey=key, **{
        **dict(secretKey=SECRET, admin="false"), **more})


def version(c):
    ext = c.ask("GET_BROKER_CLUSTER_ACL_INFO").ext
    equal(rmqlib.fast_loads(ext["allAclFileVersion"].encode()),
          {FILE: rmqlib.fast_loads(ext["version"].encode())})
    return rmqlib.fast_loads(ext["version"].encode())["counter"]


@plain
def test_changes(b):
    """What was changed is so on all connections when it is answered, and stands in the file."""
    topics(b)
    with signed(b, "the-admin") as c, signed(b, "new-account") as u, signed(b, "new-account") as v:
        was = version(c)
        no(send(u, "other", 1), "No acl config for new-account")
        put(c, "new-account", topicPerms="other=PUB,both=PUB|SUB", groupPerms="g=SUB",
            defaultGroupPerm="DENY", whiteRemoteAddress="192.168.0.{1,2}")
        for i in (u, v):
            send(i, "other")
            no(send(i, "denied", 1), "No default permission for topic:denied")
        equal(version(c), was + 1)
        put(c, "new-account", topicPerms="other=DENY")
        for i in (u, v):
            no(send(i, "other", 1), "No default permission for topic:other")
            no(send(i, "both", 1), "No default permission for topic:both")
        all_ = c.ask("GET_BROKER_CLUSTER_ACL_CONFIG").json()
        equal(all_["globalWhiteAddrs"], ["10.10.103.*"])
        equal(all_["plainAccessConfigs"][-1], dict(
            accessKey="new-account", secretKey=SECRET, admin=False, topicPerms=["other=DENY"],
            groupPerms=["g=SUB"], defaultGroupPerm="DENY", whiteRemoteAddress="192.168.0.{1,2}"))
        equal(stat.S_IMODE(os.stat(FILE).st_mode), 0o600)
        for more, remark in (
                (dict(secretKey="short"), "The accessKey=new-account and secretKey=*** cannot be "
                 "null and length should longer than 6"),
                (dict(topicPerms="t"), "Parse Resource format error for t.\nThe expected resource "
                 "format is 'Res=Perm'. For example: topicA=SUB"),
                (dict(groupPerms="t=FLY"), "Parse resource permission error for t=FLY.\nThe expected "
                 "permissions are 'SUB' or 'PUB' or 'SUB|PUB' or 'PUB|SUB'."),
                (dict(whiteRemoteAddress="here"),
                 "Netaddress examine Exception netaddress is here")):
            equal(put(c, "new-account", 209, **more).remark, remark)
        equal(version(c), was + 2)
        c.ask("DELETE_ACL_CONFIG", accessKey="new-account")
        for i in (u, v):
            no(send(i, "other", 1), "No acl config for new-account")
        equal(c.ask("DELETE_ACL_CONFIG", accessKey="new-account", code=210).remark,
              "The accesskey[new-account] corresponding to accessConfig has been deleted failed.")
        white = "UPDATE_GLOBAL_WHITE_ADDRS_CONFIG"
        equal(c.ask(white, globalWhiteAddrs="10.0.{1", code=211).remark,
              "Netaddress examine Exception netaddress is 10.0.{1")
        equal(c.ask(white, globalWhiteAddrs="", code=211).remark,
              "The globalWhiteAddresses[] has been updated failed.")
        equal(c.ask(white, globalWhiteAddrs="*", aclFileFullPath="/etc/passwd", code=211).remark,
              "The globalWhiteAddresses[*] has been updated failed.")
        with Client(b, ns=True) as nobody:
            nobody.ask("GET_MAX_OFFSET", topic="other", queueId=0, code=1)
            c.ask(white, globalWhiteAddrs="10.0.0.1,127.0.0.1")
            nobody.ask("GET_MAX_OFFSET", topic="other", queueId=0)
            c.ask(white, globalWhiteAddrs="10.0.0.1")
            nobody.ask("GET_MAX_OFFSET", topic="other", queueId=0, code=1)
    check(SECRET not in b.log_text())


@alone
@plain
def test_file(b):
    """Changes are kept over a crash; a SIGHUP reads what was edited, but nothing that is wrong."""
    with signed(b, "the-admin") as c:
        put(c, "new-account", defaultTopicPerm="PUB|SUB", defaultGroupPerm="SUB")
    b.crash()
    with signed(b, "new-account") as u, signed(b, "the-admin") as c:
        c.create_topic("t")
        send(u, "t")
        write(ACCOUNTS + "- accessKey: twice-there\n" * 2)
        b.proc.send_signal(signal.SIGHUP)
        until("the complaint", lambda: "acl_not_reloaded" in b.log_text())
        send(u, "t")
        # a change doesn't go over it either
        check("accessKey=twice-there" in put(c, "other-account", 209).remark)
        write()
        b.proc.send_signal(signal.SIGHUP)
        until("the other file", lambda: u.rx(u.tx_send("t"), None).code == 1)
        send(c, "t")
    check(SECRET not in b.log_text())


MORE = os.path.join(TMP.name, "many", "acl", "more.yml")
MANY = os.path.join(TMP.name, "many", "plain_acl.yml")


def write_more(key="in-acl-dir"):
    os.makedirs(os.path.dirname(MORE), exist_ok=True)
    with open(MORE, "w", encoding="utf-8") as f:
        f.write("globalWhiteRemoteAddresses: [10.3.3.3]\n"
                f"accounts: [{{accessKey: {key}, secretKey: {SECRET}, "
                "defaultTopicPerm: PUB}]\n")


def write_many():
    write_more()
    with open(MANY, "w", encoding="utf-8") as f:
        f.write(ACCOUNTS)


def counters(c):
    ext = c.ask("GET_BROKER_CLUSTER_ACL_INFO").ext
    return {k: v["counter"] for k, v in rmqlib.fast_loads(
        ext["allAclFileVersion"].encode()).items()}


@alone
@options(before=write_many, aclEnable="true", aclPlainFile=MANY)
def test_directory(b):
    """Files of the directory acl beside plain_acl.yml: read, read again, changed where an
    account stands."""
    with signed(b, "the-admin") as c, signed(b, "in-acl-dir") as u:
        c.create_topic("t")
        send(u, "t")
        equal(counters(c), {MANY: 0, MORE: 0})
        all_ = c.ask("GET_BROKER_CLUSTER_ACL_CONFIG").json()
        equal(all_["globalWhiteAddrs"], ["10.10.103.*", "10.3.3.3"])
        equal(all_["plainAccessConfigs"][-1]["accessKey"], "in-acl-dir")
        put(c, "in-acl-dir", topicPerms="t=DENY")
        no(send(u, "t", 1), "No default permission for topic:t")
        equal(counters(c), {MANY: 0, MORE: 1})
        put(c, "new-account")
        equal(counters(c), {MANY: 1, MORE: 1})
        white = "UPDATE_GLOBAL_WHITE_ADDRS_CONFIG"
        c.ask(white, globalWhiteAddrs="10.4.4.4", aclFileFullPath=MORE)
        equal(c.ask("GET_BROKER_CLUSTER_ACL_CONFIG").json()["globalWhiteAddrs"],
              ["10.10.103.*", "10.4.4.4"])
        c.ask(white, globalWhiteAddrs="*", aclFileFullPath=MORE + "x", code=211)
        # the same key in both: nothing is taken over
        write_more("the-admin")
        b.proc.send_signal(signal.SIGHUP)
        until("the complaint", lambda: "acl_not_reloaded" in b.log_text())
        check("accessKey=the-admin stands in" in put(c, "new-account", 209).remark)
        no(send(u, "t", 1), "No default permission for topic:t")
        # another file instead
        os.unlink(MORE)
        write_more("in-acl-dir")
        os.rename(MORE, MORE.replace("more.yml", "other.yaml"))
        b.proc.send_signal(signal.SIGHUP)
        until("the other file", lambda: u.rx(u.tx_send("t"), None).code == 0)
        c.ask("DELETE_ACL_CONFIG", accessKey="in-acl-dir")
        no(send(u, "t", 1), "No acl config for in-acl-dir")
    b.crash()
    with signed(b, "in-acl-dir") as u:
        no(send(u, "t", 1), "No acl config for in-acl-dir")


def test_off(b):
    """There are no such requests, and no accounts."""
    with Client(b, ns=True) as c:
        for code in range(50, 55):
            equal(c.ask(code, code=3).remark, f" request type {code} not supported")


@options(aclEnable="true")
def test_no_file(b):
    """Without the file, there are no accounts."""
    with signed(b, "the-admin") as c:
        no(send(c, "t", 1), "No acl config for the-admin")
