# SPDX-License-Identifier: Apache-2.0
"""Accounts with several access keys, made over HTTP and used by RocketMQ's clients."""
import os

from mqlib import alone, check, equal
from p12_auth import NS, admin, grant, locked, revoke
from p14_may_http import as_role
import r14_acl
from r14_acl import FIRST, Signed, acl, no, policy, send
from x03_audit import entry, no_secrets

URL = "/admin/v2/accounts"


def accounts(**more):
    return locked(**{**dict(rocketmqEnable="true", auditLogFile="audit.log",
                            initAuthenticationUser=FIRST), **more})


def make(b, role):
    a = admin(b, "POST", f"{URL}/{role}/keys", want=200)
    equal(sorted(a), ["accessKey", "secretKey"])
    return a["accessKey"], a["secretKey"]


def keys(b, role):
    return {k["accessKey"]: k["enabled"]
            for k in admin(b, "GET", f"{URL}/{role}", want=200)["keys"]}


def works(b, key, t):
    with Signed(b, *key) as c:
        send(c, t)


def fails(b, key, t, remark):
    with Signed(b, *key) as c:
        no(send(c, t, 16), remark)


@accounts()
@alone
def test_rotate(b):
    t = b.name()
    with r14_acl.root(b) as c:
        c.create_topic(t)
    admin(b, "PUT", f"{URL}/app", body={})
    admin(b, "PUT", f"{URL}/app", body={}, want=409)
    grant(b, "app", "produce")
    old, new = make(b, "app"), make(b, "app")
    check(old[0] != new[0] and old[1] != new[1] and len(old[1]) >= 40, old)
    # both speak for the role; the two halves belong together
    with Signed(b, *old) as c:
        send(c, t)
        works(b, new, t)
        fails(b, (old[0], new[1]), t, "check signature failed.")
        admin(b, "POST", f"{URL}/app/keys/{old[0]}", body={"enabled": False})
        no(send(c, t, 16), "is disabled.")
        works(b, new, t)
        admin(b, "POST", f"{URL}/app/keys/{old[0]}", body={"enabled": True})
        send(c, t)
        admin(b, "DELETE", f"{URL}/app/keys/{old[0]}")
        no(send(c, t, 16), "is not found.")
    works(b, new, t)
    equal(keys(b, "app"), {new[0]: True})
    # they outlive the process
    b.crash()
    works(b, new, t)
    admin(b, "POST", f"{URL}/app", body={"enabled": False})
    fails(b, new, t, "is disabled.")
    admin(b, "POST", f"{URL}/app", body={"enabled": True})
    works(b, new, t)
    # what may not be yet
    admin(b, "DELETE", f"{URL}/app", want=409)
    revoke(b, "app")
    fails(b, new, t, "User:app has no permission")
    entry(b, who="app", result="refused", on="Topic:" + t)
    admin(b, "DELETE", f"{URL}/app")
    fails(b, new, t, "is not found.")
    no_secrets(b, old[1], new[1])
    for where, _, files in os.walk(os.path.join(b.dir.name, "data")):
        for name in files:
            with open(os.path.join(where, name), "rb") as f:
                check(new[1].encode() not in f.read(), name)
    check(new[1] not in b.log_text(), "a secret in the log")


@accounts()
@alone
def test_super(b):
    """An access key of a super user is a super user, not what it is called."""
    admin(b, "PUT", f"{URL}/ops", body={"super": True})
    key = make(b, "ops")
    with Signed(b, *key) as c:
        c.create_topic(b.name())
        r14_acl.user(c, "made", password="password", userType="Super")
        c.ask("AUTH_GET_USER", username="made")
    entry(b, what="AUTH_CREATE_USER", who="ops", result="done")
    equal(keys(b, "root"), {"root": True})
    equal(admin(b, "GET", URL, want=200), ["made", "ops", "root"])
    equal(admin(b, "GET", f"{URL}/ops", want=200)["super"], True)


@accounts()
@alone
def test_rules(b):
    """RocketMQ's policies of the role hold for each of its keys."""
    t = b.name()
    with r14_acl.root(b) as c:
        c.create_topic(t)
        r14_acl.user(c, "u")
        key = make(b, "u")
        fails(b, key, t, "no matched policies")
        acl(c, "u", policy("Topic:" + t, "Pub"))
        works(b, key, t)
        works(b, ("u", "password"), t)
        admin(b, "DELETE", f"{URL}/u", want=409)
        # the name of a key is nobody's name
        r14_acl.user(c, key[0], code=16)


@accounts()
@alone
def test_denied_group(b):
    """A rule that keeps a role from a group holds for the subscription of that name, by
    Pulsar's protocol and by HTTP."""
    t = b.topic()
    at = "/admin/v2/" + t.replace("://", "/")
    admin(b, "PUT", at)
    grant(b, "u", "consume")
    for sub in "g1", "g2":
        admin(b, "PUT", f"{at}/subscription/{sub}", role="u")
    with r14_acl.root(b) as c:
        r14_acl.user(c, "u")
        acl(c, "u", policy("Group:g1", "Sub", decision="Deny"))
    for sub, want in ("g1", 401), ("g2", 204):
        p = f"{at}/subscription/{sub}"
        admin(b, "POST", f"{p}/skip_all", role="u", want=want)
        admin(b, "POST", f"{p}/resetcursor/0", role="u", want=want)
        admin(b, "POST", f"{p}/expireMessages/1", role="u", want=want)
        with as_role(b, "u") as c:
            f = dict(topic=t, subscription=sub, subType=1, consumer_id=1)
            if want == 401:
                c.error("SUBSCRIBE", "AuthorizationError", **f)
            else:
                c.ask("SUBSCRIBE", "SUCCESS", **f)
        admin(b, "DELETE", p, role="u", want=want)
    admin(b, "POST", f"{at}/subscription/g1/skip_all", want=204)


@accounts()
@alone
def test_retries(b):
    """Who may consume from any topic reads no group's dead letters by another protocol."""
    with r14_acl.root(b) as c:
        r14_acl.user(c, "u")
        acl(c, "u", policy("Topic:*", "Sub"))
    t = "persistent://public/default/%DLQ%g"
    admin(b, "PUT", t.replace("://", "/", 1).replace("%", "%25").join(
        ("/admin/v2/", "")))
    f = dict(topic=t, subscription="s", subType=1, consumer_id=1)
    with as_role(b, "u") as c:
        c.error("SUBSCRIBE", "AuthorizationError", **f)
    with r14_acl.root(b) as c:
        acl(c, "u", policy("Group:g", "Sub"), request="AUTH_UPDATE_ACL")
    with as_role(b, "u") as c:
        c.ask("SUBSCRIBE", "SUCCESS", **f)


@accounts()
@alone
def test_refused(b):
    admin(b, "GET", URL, role="nobody", want=401)
    admin(b, "POST", f"{URL}/x/keys", want=404)
    admin(b, "GET", f"{URL}/x", want=404)
    admin(b, "DELETE", f"{URL}/x", want=404)
    admin(b, "POST", f"{URL}/x", body={}, want=404)
    admin(b, "PUT", f"{URL}/x", body={"enabled": 1}, want=400)
    admin(b, "PUT", f"{URL}/x", body={"rules": {}}, want=400)
    admin(b, "PUT", f"{URL}/x", body={})
    admin(b, "POST", f"{URL}/x/keys", role="nobody", want=401)
    admin(b, "POST", f"{URL}/x/keys/none", body={"enabled": True}, want=404)
    admin(b, "DELETE", f"{URL}/x/keys/none", want=404)
    for _ in range(16):
        key = make(b, "x")
    admin(b, "POST", f"{URL}/x/keys", want=412)
    admin(b, "POST", f"{URL}/x/keys/{key[0]}", body={"secret": True}, want=400)
    admin(b, "DELETE", f"{URL}/x/keys/{key[0]}")
    make(b, "x")
    check(admin(b, "GET", NS, want=200), "namespace")


@accounts(authenticationEnabled="false", authorizationEnabled="false",
          initAuthenticationUser="", authenticationProviders="")
@alone
def test_off(b):
    admin(b, "PUT", f"{URL}/x", role=None, body={})
    admin(b, "POST", f"{URL}/x/keys", role=None, want=412)
