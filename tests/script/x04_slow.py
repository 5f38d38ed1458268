# SPDX-License-Identifier: Apache-2.0
"""Logins that fail slow their address down, and nobody else."""
import http.client
import threading
import time

from mqlib import Client, alone, check, counters, equal
from p12_auth import admin, as_role, locked, refused, token, with_token
import r14_acl
from r14_acl import FIRST, Signed, no, send

LIMIT = 3
SLOT = 0.25
WHY = "too many failures of this address"


def limited(**more):
    return locked(rocketmqEnable="true", initAuthenticationUser=FIRST, shards=3,
                  authenticationFailureLimit=LIMIT, **more)


class Elsewhere(Client):
    """From another address."""

    def __init__(self, b, **fields):
        super().__init__(b, source="127.0.0.2", **fields)


def slowed(b):
    return counters(b)["magnetar_authentication_delayed_total"]


def bad():
    return with_token(token("r", key=b"x" * 64))


def fails(b, n=LIMIT):
    for _ in range(n):
        refused(b, **bad())


def took(f):
    start = time.monotonic()
    f()
    return time.monotonic() - start


@limited()
@alone
def test_pulsar(b):
    t = b.topic()
    with as_role(b, "root") as c:
        c.producer(t)
        for _ in range(2 * LIMIT):      # no credentials are no guess
            refused(b)
        equal(slowed(b), 0)
        fails(b)
        equal(slowed(b), 0)
        # now they wait, bad ones and good ones: the first a whole slot, the next ones
        # until theirs, which are counted from there on
        check(took(lambda: fails(b, 1)) >= SLOT * 0.9, "no wait")
        as_role(b, "root").close()
        equal(slowed(b), 2)
        # those that are connected don't, nor do others
        c.publish(1, 0)
        Elsewhere(b, **with_token(token("root"))).close()
        equal(slowed(b), 2)
    check(bad()["auth_data"].decode() not in b.log_text(), "a token in the log")


@limited()
@alone
def test_many(b):
    """At once, they wait one after another; those that are too many are refused unseen."""
    fails(b)
    errors = []

    def one():
        try:
            refused(b, **bad())
        except Exception as e:          # told by the main thread
            errors.append(e)
    ts = [threading.Thread(target=one) for _ in range(30)]
    for th in ts:
        th.start()
    # while they wait, others are served
    Elsewhere(b, **with_token(token("root"))).close()
    for th in ts:
        th.join(30)
    equal(errors, [])
    equal(slowed(b), 30)
    check(WHY in b.log_text(), "nobody was refused unseen")


@limited()
@alone
def test_gone(b):
    """Who waits may leave, and the broker may stop."""
    fails(b)
    for _ in range(10):
        c = Client(b, connect=False)
        c.tx("CONNECT", client_version="script 1", protocol_version=21, **bad())
        c.close()
    c = Client(b, connect=False)
    c.tx("CONNECT", client_version="script 1", protocol_version=21, **bad())
    h = http.client.HTTPConnection(b.host, b.http, timeout=10)
    h.request("GET", "/admin/v2/tenants", None,
              {"Authorization": "Bearer " + token("root")})
    while slowed(b) < 12:
        time.sleep(0.02)
    equal(b.terminate(), 0)
    h.close()


@limited()
@alone
def test_http(b):
    for _ in range(LIMIT):
        admin(b, "GET", "/admin/v2/tenants", role=None, want=401)
    equal(slowed(b), 0)
    for _ in range(LIMIT):
        admin(b, "GET", "/admin/v2/tenants", role=None, want=401,
              headers={"Authorization": "Bearer x.y.z"})
    equal(slowed(b), 0)
    check(took(lambda: admin(b, "GET", "/admin/v2/tenants", want=200)) >=
          SLOT * 0.9, "no wait")
    admin(b, "PUT", "/admin/v2/tenants/slow", body=dict(
        adminRoles=[], allowedClusters=["standalone"]))
    admin(b, "GET", "/admin/v2/tenants", role=None, want=401,
          headers={"Authorization": "Bearer x.y.z"})
    equal(slowed(b), 3)


@limited()
@alone
def test_rocketmq(b):
    t = b.name()
    with r14_acl.root(b) as c:
        c.create_topic(t)
        with Signed(b, None, "") as none:
            for _ in range(2 * LIMIT):
                no(none.ask("GET_BROKER_CONFIG", code=16),
                   "username cannot be null.")
        equal(slowed(b), 0)
        with Signed(b, "root", "wrong") as w:
            for _ in range(LIMIT):
                no(send(w, t, 16), "check signature failed.")
            equal(slowed(b), 0)
            check(took(lambda: send(w, t, 16)) >= SLOT * 0.9, "no wait")
            equal(slowed(b), 1)
        # proven before, proven once
        send(c, t)
        equal(slowed(b), 1)
        with r14_acl.root(b) as again:
            for _ in range(3):
                send(again, t)
        equal(slowed(b), 2)
