# SPDX-License-Identifier: Apache-2.0
"""The audit log: what of both protocols and of HTTP is in it, and what never is."""
import json
import os
import signal
import time

from mqlib import Client, alone, check, counters, equal
from p02_lookup import lookup
from p12_auth import admin, as_role, locked, refused, token, with_token
import r14_acl
from r14_acl import FIRST, Signed, send, user

KEYS = ("ts", "protocol", "who", "for", "from", "what", "on", "result", "code",
        "why", "dropped")


def audited(**more):
    return locked(**{**dict(rocketmqEnable="true", auditLogFile="audit.log",
                            initAuthenticationUser=FIRST), **more})


def path(b):
    return os.path.join(b.dir.name, "audit.log")


def lines(b):
    with open(path(b), encoding="utf-8") as f:
        out = [json.loads(line) for line in f]
    for e in out:
        check(set(e) <= set(KEYS), e)
    return out


def entry(b, **want):
    """The line that has all of these comes, once."""
    end = time.monotonic() + 10
    while time.monotonic() < end:
        if os.path.exists(path(b)):
            hits = [e for e in lines(b)
                    if all(e.get(k) == v for k, v in want.items())]
            if hits:
                equal(len(hits), 1, hits)
                return hits[0]
        time.sleep(0.02)
    raise AssertionError(f"no line has {want}: {lines(b)}")


def no_secrets(b, *secrets):
    with open(path(b), encoding="utf-8") as f:
        text = f.read()
    for s in secrets:
        check(s not in text, s)


@audited()
@alone
def test_pulsar(b):
    t = b.topic()
    short = t.split("://")[1]
    bad = token("r", key=b"x" * 64)
    refused(b, **with_token(bad))
    e = entry(b, what="CONNECT")
    equal((e["protocol"], e["result"]), ("pulsar", "refused"))
    check(e["from"].startswith("127.0.0.1:") and e["why"], e)
    check("who" not in e, e)
    with as_role(b, "u") as c:
        c.error("PRODUCER", "AuthorizationError", topic=t, producer_id=1)
        entry(b, what="PRODUCER", who="u", on=short, result="refused")
        lookup(c, t)
        entry(b, what="LOOKUP", who="u", on=short, result="refused")
        c.error("SUBSCRIBE", "AuthorizationError", topic=t, consumer_id=1,
                subscription="s", subType=0)
        entry(b, what="SUBSCRIBE", who="u", on=short + " s")
        c.error("GET_TOPICS_OF_NAMESPACE", "AuthorizationError",
                namespace="public/default")
        entry(b, what="GET_TOPICS_OF_NAMESPACE", on="public/default")
    # what is allowed leaves no line
    n = len(lines(b))
    with as_role(b, "root") as c:
        c.producer(t)
        c.subscribe(t)
    admin(b, "GET", "/admin/v2/tenants", want=200)
    equal(len(lines(b)), n)
    no_secrets(b, bad, token("u"), bad.split(".")[2])


@audited()
@alone
def test_http(b):
    url = "/admin/v2/tenants/audited?secret=query"
    info = dict(adminRoles=["hidden-role"], allowedClusters=["standalone"])
    admin(b, "PUT", url, body=info)
    e = entry(b, what="PUT", who="root", on="/admin/v2/tenants/audited",
              result="done", code=204)
    check(e["from"].startswith("127.0.0.1:"), e)
    admin(b, "PUT", url, body=info, want=409)
    entry(b, what="PUT", result="failed", code=409)
    admin(b, "DELETE", url, role="u", want=401)
    entry(b, what="DELETE", who="u", result="refused", code=401)
    admin(b, "GET", url, role=None, want=401)
    check("who" not in entry(b, what="GET", result="refused", code=401), "who")
    admin(b, "POST", "/no/such", want=404)
    admin(b, "DELETE", url, want=204)
    entry(b, what="DELETE", who="root", result="done")
    equal(len([e for e in lines(b) if e["on"] == "/no/such"]), 0)
    no_secrets(b, "hidden-role", "query", token("root"), token("u"))


@audited()
@alone
def test_rocketmq(b):
    t = b.name()
    with r14_acl.root(b) as c:
        c.create_topic(t)
        e = entry(b, protocol="rocketmq", what="UPDATE_AND_CREATE_TOPIC")
        equal((e["who"], e["on"], e["result"], e["code"]),
              ("root", "topic=" + t, "done", 0))
        user(c, "one", password="very-hidden")
        entry(b, what="AUTH_CREATE_USER", on="username=one", result="done")
        user(c, "one", password="very-hidden", code=16)
        entry(b, what="AUTH_CREATE_USER", on="username=one", result="refused",
              code=16)
        equal(json.loads(c.ask("AUTH_GET_USER", username="one").body)["password"],
              "very-hidden")
        entry(b, what="AUTH_GET_USER", on="username=one", result="done")
        c.ask("AUTH_LIST_USER")
        entry(b, what="AUTH_LIST_USER", who="root", result="done")
        send(c, t)
        c.ask("UPDATE_AND_CREATE_SUBSCRIPTIONGROUP", dict(groupName="g-" + t))
        entry(b, what="UPDATE_AND_CREATE_SUBSCRIPTIONGROUP", on="group=g-" + t,
              result="done")
        c.ask("DELETE_TOPIC_IN_BROKER", topic=t)
        entry(b, what="DELETE_TOPIC_IN_BROKER", on="topic=" + t, result="done")
    with Signed(b, "one", "very-hidden") as c:
        send(c, t, 16)
        e = entry(b, what=c_name(b), who="one")
        equal((e["on"], e["result"], e["why"]),
              ("Topic:" + t, "refused", "no matched policies"))
    with Signed(b, "one", "wrong") as c:
        c.ask("DELETE_TOPIC_IN_BROKER", topic=t, code=16)
        e = entry(b, what="DELETE_TOPIC_IN_BROKER", who="one")
        equal((e["result"], e["why"], e["on"]),
              ("refused", "check signature failed.", "topic=" + t))
    equal([e for e in lines(b) if e["what"].startswith("SEND") and
           e["result"] == "done"], [])
    no_secrets(b, "very-hidden", "12345678", "Signature")


def c_name(b):
    """Of the lines, the send's."""
    entry(b, who="one", result="refused")
    return next(e["what"] for e in lines(b) if e["what"].startswith("SEND"))


@audited()
@alone
def test_rotated(b):
    equal(os.stat(path(b)).st_mode & 0o777, 0o600)
    admin(b, "GET", "/admin/v2/tenants", role="before", want=401)
    entry(b, who="before")
    os.rename(path(b), path(b) + ".1")
    b.proc.send_signal(signal.SIGHUP)
    end = time.monotonic() + 10
    while not os.path.exists(path(b)) and time.monotonic() < end:
        time.sleep(0.02)
    admin(b, "GET", "/admin/v2/tenants", role="after", want=401)
    entry(b, who="after")
    equal([e["who"] for e in lines(b)], ["after"])
    while counters(b)["magnetar_audit_lines_total"] < 2:
        check(time.monotonic() < end + 10, "lines are counted")
        time.sleep(0.05)
    equal(counters(b)["magnetar_audit_dropped_total"], 0)


@audited(authenticationEnabled="false", authorizationEnabled="false",
         initAuthenticationUser="", authenticationProviders="")
@alone
def test_open(b):
    """Nobody is asked who he is: changes are there, without a name."""
    t = b.name()
    admin(b, "PUT", "/admin/v2/tenants/open", role=None,
          body=dict(adminRoles=[], allowedClusters=["standalone"]))
    check("who" not in entry(b, what="PUT", result="done"), "who")
    with r14_acl.Signed(b, None, "") as c:
        c.create_topic(t)
        e = entry(b, what="UPDATE_AND_CREATE_TOPIC", on="topic=" + t)
        check("who" not in e, e)
    with Client(b) as c:
        c.producer(b.topic())
