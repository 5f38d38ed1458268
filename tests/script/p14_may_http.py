# SPDX-License-Identifier: Apache-2.0
"""Every route of HTTP as each of six identities, against permissions.tbl."""
import http.client
import json

from mqlib import Client, equal
from jwtlib import token
import maylib
from p12_auth import locked

ROLES = dict(none=None, wrong="stranger", consume="eater", produce="maker",
             admin="boss", super="root")
CLUSTERS = ["standalone"]


class World:
    """A tenant with its admin, another one, and a namespace for each question."""

    def __init__(self, b):
        self.b, self.n, self.name = b, 0, b.name("may")
        self.conn = http.client.HTTPConnection(b.host, b.http, timeout=30)
        for tenant, role in ((self.name, "boss"),
                             (self.name + "-other", "stranger")):
            self.make("PUT", f"/admin/v2/tenants/{tenant}", dict(
                adminRoles=[role], allowedClusters=CLUSTERS))

    def ask(self, method, path, role, body=None):
        """(status, text)"""
        head = {}
        if role is not None:
            head["Authorization"] = "Bearer " + token(role)
        if body is not None:
            head["Content-Type"] = "application/json"
            body = json.dumps(body)
        self.conn.request(method, path, body, head)
        r = self.conn.getresponse()
        return r.status, r.read()

    def make(self, method, path, body=None):
        status, text = self.ask(method, path, "root", body)
        equal(status // 100, 2, f"{method} {path}: {text[:200]}")

    def namespace(self):
        self.n += 1
        ns = f"{self.name}/n{self.n}"
        self.make("PUT", f"/admin/v2/namespaces/{ns}", {})
        for role, action in (("eater", "consume"), ("maker", "produce")):
            self.make("POST", f"/admin/v2/namespaces/{ns}/permissions/{role}",
                      [action])
        self.own(ns)
        return ns

    def own(self, ns):
        """The reference serves what was looked up."""
        for t in ("t", "t-partition-0", "t-partition-1") * (not self.b.ours):
            self.ask("GET", f"/lookup/v2/topic/persistent/{ns}/{t}", "root")

    def topic(self, ns, sub=True):
        """With a message and a subscription before it; the message's position."""
        t = f"persistent/{ns}/t"
        self.make("PUT", f"/admin/v2/{t}")
        if sub:
            self.make("PUT", f"/admin/v2/{t}/subscription/s", EARLIEST)
        with as_role(self.b, "root") as c:
            c.producer(t.replace("/", "://", 1))
            return c.publish(1, 0)

    def account(self):
        """One with an access key."""
        self.n += 1
        url = f"/admin/v2/accounts/account-{self.n}"
        self.make("PUT", url)
        key = json.loads(self.ask("POST", url + "/keys", "root")[1])
        return f"account-{self.n}", key["accessKey"]

    def parts(self, ns):
        self.make("PUT", f"/admin/v2/persistent/{ns}/t/partitions", 2)


EARLIEST = dict(ledgerId=-1, entryId=-1, partitionIndex=-1)


def as_role(b, role):
    if role is None:
        return Client(b, connect=False)
    return Client(b, auth_method_name="token", auth_data=token(role).encode())


BODIES = {
    "PUT /admin/v2/tenants/{t}": dict(allowedClusters=CLUSTERS),
    "POST /admin/v2/tenants/{t}": dict(adminRoles=["boss"],
                                       allowedClusters=CLUSTERS),
    "PUT /admin/v2/namespaces/{t}/{n}": {},
}
# the rest of a pattern: its body
ENDS = (
    ("POST", "/permissions/subscription/{s}", ["x"]),
    ("POST", "/permissions/{role}", ["produce"]),
    ("POST", "/subscriptionAuthMode", "None"),
    ("POST", "/{ns_limit}", {}),
    ("POST", "/{topic_limit}", {}),
    ("PUT", "/{topic}/partitions", 2),
    ("POST", "/{topic}/partitions", 3),
    ("PUT", "/subscription/{s}", EARLIEST),
    ("POST", "/resetcursor", EARLIEST),
)
PARTITIONED = ("POST .../partitions", "DELETE .../partitions",
               "POST .../terminate/partitions", "GET .../partitioned-stats",
               "GET .../partitioned-internalStats")
NO_TOPIC = ("PUT .../", "PUT .../partitions")
NO_SUB = ("PUT .../subscription/{s}",)


def body_of(key):
    method, path = key.split()
    if key in BODIES:
        return BODIES[key]
    for m, end, body in ENDS:
        if m == method and path.endswith(end):
            return body
    return None


def short(key):
    method, path = key.split()
    return f"{method} .../" + path.partition("/{topic}")[2].lstrip("/")


def prepare(w, key):
    """What the question is about, made by root; the values of its pattern."""
    v = dict(d="persistent", t=w.name, n="n0", topic="t", s="s", c="standalone",
             role="eater", num="1", num2="0", ns_limit="publishRate",
             topic_limit="publishRate")
    if key.endswith("/resetcursor/{num}"):
        v["num"] = "1"
    if "{n}" in key:
        v["n"] = w.namespace().split("/")[1]
    if "/accounts/" in key:
        v["role"], v["key"] = w.account()
        if key.startswith("PUT"):
            v["role"] += "-new"
    ns = f"{v['t']}/{v['n']}"
    if "{topic}" in key:
        if short(key) in PARTITIONED:
            w.parts(ns)
        elif short(key) not in NO_TOPIC or "/admin/v2/{d}/" not in key:
            at = w.topic(ns, short(key) not in NO_SUB)
            if "/ledger/" in key:
                v["num"], v["num2"] = map(str, at)
        if key.startswith("DELETE") and key.endswith("/{topic}"):
            w.make("DELETE", f"/admin/v2/persistent/{ns}/t/subscription/s")
    if key == "PUT /admin/v2/namespaces/{t}/{n}":
        v["n"] += "-new"
    if key in ("PUT /admin/v2/tenants/{t}", "DELETE /admin/v2/tenants/{t}"):
        w.n += 1
        v["t"] = f"{w.name}-{w.n}"
        if key.startswith("DELETE"):
            w.make("PUT", f"/admin/v2/tenants/{v['t']}", dict(
                adminRoles=["boss"], allowedClusters=CLUSTERS))
    if key.endswith("/permissions/{s}/{role}"):
        w.make("POST", f"/admin/v2/namespaces/{ns}/permissions/subscription/s",
               ["eater"])
    if key.startswith("DELETE") and key.endswith("/{topic}/permissions/{role}"):
        w.make("POST", f"/admin/v2/persistent/{ns}/t/permissions/eater",
               ["produce"])
    return v


def answer(w, key, who):
    method, path = key.split()
    v = prepare(w, key)
    for name, value in v.items():
        path = path.replace("{" + name + "}", value)
    return str(w.ask(method, path, ROLES[who], body_of(key))[0])


@locked(authenticationFailureLimit=0)
def test_routes(b):
    w = World(b)
    maylib.compare("http", lambda key, who: answer(w, key, who), b.ours)


@locked(authenticationFailureLimit=0)
def test_doc(b):
    maylib.doc_is_current()
