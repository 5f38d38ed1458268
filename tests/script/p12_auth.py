# SPDX-License-Identifier: Apache-2.0
"""Who clients are and what they may do: tokens, roles, grants, over both ports."""
import base64
import gzip
import http.client
import json
import os
import time
import zlib

from jwtlib import SECRET, b64, in_seconds, key_pair, path, sign, token
from mqlib import Client, alone, check, equal, options
import mqlib
from p02_lookup import lookup, metadata

SECRET_URL = "data:;base64," + base64.b64encode(SECRET).decode()
NS = "/admin/v2/namespaces/public/default"


def locked(**more):
    """Authenticated and authorized; role root may do everything."""
    opts = dict(rocketmqEnable="false", authenticationEnabled="true",
                authorizationEnabled="true", authenticationProviders="token",
                superUserRoles="root", tokenSecretKey=SECRET_URL)
    return options(**{**opts, **more})


def known(**more):
    return locked(authorizationEnabled="false", **more)


def as_role(b, role, **fields):
    return Client(b, auth_method_name="token", auth_data=token(role).encode(),
                  **fields)


def refused(b, error="AuthenticationError", text="Failed to authenticate",
            **fields):
    with Client(b, connect=False) as c:
        c.tx("CONNECT", client_version="script 1", protocol_version=21, **fields)
        m = c.rx("ERROR", message=text)
        equal(mqlib.pb.ServerError.Name(m.error), error)
        c.rx_closed()


def with_token(t):
    return dict(auth_method_name="token", auth_data=t.encode())


def admin(b, method, url, role="root", body=None, want=204, headers=None):
    c = http.client.HTTPConnection(b.host, b.http, timeout=10)
    head = {"Content-Type": "application/json"}
    if role is not None:
        head["Authorization"] = "Bearer " + token(role)
    head.update(headers or {})
    c.request(method, url, None if body is None else json.dumps(body), head)
    r = c.getresponse()
    text = r.read()
    c.close()
    equal(r.status, want, f"{method} {url} as {role}: {text[:200]}")
    return json.loads(text) if text[:1] in (b"{", b"[", b'"') else text


def grant(b, role, *actions):
    admin(b, "POST", f"{NS}/permissions/{role}", body=list(actions))


def revoke(b, role):
    admin(b, "DELETE", f"{NS}/permissions/{role}")


# ---- tokens

@known()
def test_secret(b):
    for alg in ("HS256", "HS384", "HS512"):
        with Client(b, **with_token(token("r", alg))) as c:
            c.producer(b.topic())


def public(alg, der=False, **more):
    return known(before=lambda: key_pair(alg), tokenSecretKey="", **more,
                 tokenPublicKey=path(os.path.basename(
                     key_path(alg)) + (".der" if der else ".pub")))


def key_path(alg):
    kind = alg[:2] if alg[:2] not in ("RS", "PS") else "RSA"
    return kind + (alg[2:] if kind == "ES" else "")


@public("RS256")
def test_rsa(b):
    for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"):
        Client(b, **with_token(token("r", alg))).close()
    # the public key, which everybody has, is not a secret
    with open(key_pair("RS256")[1], "rb") as f:
        pem = f.read()
    refused(b, **with_token(token("r", "HS256", key=pem)))
    refused(b, **with_token(token("r", "ES256")))


@public("ES256", der=True, tokenPublicAlg="es512")
def test_ec(b):
    Client(b, **with_token(token("r", "ES256"))).close()
    refused(b, **with_token(token("r", "ES384")))
    # a signature of r and s that is longer, and one of zeros
    t = token("r", "ES256")
    head, sig = t.rsplit(".", 1)
    raw = base64.urlsafe_b64decode(sig + "=" * (-len(sig) % 4))
    refused(b, **with_token(head + "." + b64(raw + b"\0\0")))
    refused(b, **with_token(head + "." + b64(b"\0" * 64)))


@public("ES512")
def test_ec_521(b):
    Client(b, **with_token(token("r", "ES512"))).close()


@public("EdDSA")
def test_eddsa(b):
    Client(b, **with_token(token("r", "EdDSA"))).close()
    refused(b, **with_token(token("r", "RS256")))


@known()
def test_bad_tokens(b):
    good = token("r")
    head, claims, sig = good.split(".")
    none = b64(b'{"alg":"none"}')
    for t in ("", ".", "..", "a.b.c", good[:-4], good + "A", head + "." + claims,
              good + ".x", f"{none}.{claims}.", f"{none}.{claims}.{sig}",
              f"{b64(b'{')}.{claims}.{sig}",
              f"{head}.{b64(json.dumps(dict(sub='root')).encode())}.{sig}",
              token("r", key=b"x" * 64), token(None), token(""), token(7),
              token("r", header={"crit": ["exp"]}),
              token("r", header={"alg": "HS1"}),
              token("r", exp=in_seconds(-10)), token("r", exp="soon"),
              token("r", nbf=in_seconds(100)), "x" * 70000):
        refused(b, **with_token(t))
    refused(b)
    refused(b, auth_method_name="basic", auth_data=b"a:b")
    # kid is not a path
    Client(b, **with_token(token("r", header={
        "kid": "../../../../dev/null", "keyId": "default_keyId"}))).close()
    for claims in (dict(exp=in_seconds(100)), dict(nbf=in_seconds(-1)),
                   dict(exp=int(in_seconds(100)))):
        Client(b, **with_token(token("r", **claims))).close()


@known(tokenAuthClaim="role", tokenAudienceClaim="aud", tokenAudience="here",
       tokenAllowedClockSkewSeconds=60)
def test_claims(b):
    for t in (token(None, role="r", aud="here"),
              token(None, role=["r", "s"], aud=["there", "here"]),
              token(None, role="r", aud="here", exp=in_seconds(-30))):
        Client(b, **with_token(t)).close()
    for t in (token("r", aud="here"), token(None, role="r"),
              token(None, role="r", aud="there"),
              token(None, role="r", aud=["there"]), token(None, role=[], aud="here"),
              token(None, role="r", aud="here", exp=in_seconds(-90))):
        refused(b, **with_token(t))


def packed(header, claims):
    text = f"{b64(json.dumps(dict(alg='HS256', **header)).encode())}.{b64(claims)}"
    return text + "." + b64(sign("HS256", text.encode()))


@known()
def test_as_jjwt(b):
    """Compressed ones, and times that are texts or nothing."""
    claims = b'{"sub":"r"}'
    for t in (packed(dict(zip="DEF"), zlib.compress(claims)),
              packed(dict(zip="GZIP"), gzip.compress(claims)),
              packed(dict(zip=None), claims), token("r", exp=None),
              token("r", exp=str(int(in_seconds(99))), iat=0)):
        Client(b, **with_token(t)).close()
    for t in (packed(dict(zip="DEF"), claims), packed(dict(zip="ZZZ"), claims),
              packed(dict(zip="DEF"), zlib.compress(claims + b" " * (1 << 20))),
              token(["r"]), token("r", iat="soon")):
        refused(b, **with_token(t))


@known(anonymousUserRole="nobody")
def test_anonymous(b):
    with Client(b) as c:
        c.producer(b.topic())
    refused(b, **with_token("x.y.z"))
    equal(admin(b, "GET", "/admin/v2/clusters", role=None, want=200),
          ["standalone"])


# ---- expiry

@known(authenticationRefreshCheckSeconds=1)
def test_refresh(b):
    """Asked for new ones under traffic; the role stays the same."""
    t = b.topic()
    with Client(b, feature_flags=dict(supports_auth_refresh=True),
                **with_token(token("r", exp=in_seconds(1.5)))) as c:
        c.producer(t)
        for n in range(2):
            m = c.rx("AUTH_CHALLENGE")
            equal(m.challenge.auth_method_name, "token")
            equal(m.challenge.auth_data, b"PulsarAuthRefresh")
            c.publish(1, 2 * n)
            c.tx("AUTH_RESPONSE", client_version="script 1", response=dict(
                auth_method_name="token", auth_data=token(
                    "r", exp=in_seconds(1.5)).encode()))
            c.publish(1, 2 * n + 1)
        c.rx("AUTH_CHALLENGE")
        c.tx("AUTH_RESPONSE", client_version="script 1", response=dict(
            auth_method_name="token", auth_data=token("other").encode()))
        c.rx("ERROR", message="Failed to authenticate")
        c.rx_closed()


@known(authenticationRefreshCheckSeconds=1)
def test_expired(b):
    for fields in ({}, dict(feature_flags=dict(supports_auth_refresh=True))):
        with Client(b, **fields, **with_token(
                token("r", exp=in_seconds(1.2)))) as c:
            c.producer(b.topic())
            if fields:
                c.rx("AUTH_CHALLENGE")
            c.rx_closed()
    with as_role(b, "r") as c:
        c.tx("AUTH_RESPONSE", client_version="script 1", response=dict(
            auth_method_name="token", auth_data=token("r").encode()))
        c.rx("ERROR")
        c.rx_closed()


# ---- what they may do

@locked()
def test_grants(b):
    t = b.topic()
    with as_role(b, "root") as c:
        c.producer(t)
        c.subscribe(t)
    with as_role(b, "u") as c:
        c.error("PRODUCER", "AuthorizationError", topic=t, producer_id=1)
        m = lookup(c, t)
        equal(m.error, mqlib.pb.AuthorizationError)
        equal(m.message, "Client is not authorized to Lookup")
        m = metadata(c, t)
        equal(m.error, mqlib.pb.AuthorizationError)
        equal(m.message, "Client is not authorized to Get Partition Metadata")
        m = c.error("GET_TOPICS_OF_NAMESPACE", "AuthorizationError",
                    namespace="public/default")
        equal(m.message, "Client is not authorized to GetTopicsOfNamespace")
        grant(b, "u", "produce")
        c.producer(t, 2)
        equal(lookup(c, t).response, mqlib.pb.CommandLookupTopicResponse.Connect)
        m = c.error("SUBSCRIBE", "AuthorizationError", topic=t, consumer_id=1,
                    subscription="x", subType=0)
        equal(m.message, "Client is not authorized to subscribe")
        grant(b, "u", "consume")
        c.rx("CLOSE_PRODUCER", producer_id=2)
        c.subscribe(t, "x")
        m = c.error("PRODUCER", "AuthorizationError", topic=t, producer_id=3)
        equal(m.message, "Client is not authorized to Produce")
        revoke(b, "u")
        c.rx("CLOSE_CONSUMER", consumer_id=1)
        c.error("SUBSCRIBE", "AuthorizationError", topic=t, consumer_id=1,
                subscription="x", subType=0)


@locked(connectionLivenessCheckTimeoutMillis=60000)
def test_revoked_while_opening(b):
    """What was allowed when it was asked for, and waits for a holder that doesn't prove
    that it is there, isn't opened when it isn't allowed any more."""
    t = b.topic()
    grant(b, "u", "produce", "consume")
    with as_role(b, "root") as holder, as_role(b, "u") as c:
        holder.producer(t, 1, producer_name="taken")
        holder.subscribe(t, "s")
        waits = [c.next_req(), c.next_req()]
        c.tx("PRODUCER", topic=t, producer_id=1, producer_name="taken", request_id=waits[0])
        c.tx("SUBSCRIBE", topic=t, consumer_id=1, subscription="s", subType=0,
             request_id=waits[1])
        c.tx("PING")
        c.rx("PONG")
        revoke(b, "u")
        holder.close()
        errors = [c.rx("ERROR") for _ in waits]
        equal(sorted(e.request_id for e in errors), waits)
        for e in errors:
            equal(mqlib.pb.ServerError.Name(e.error), "AuthorizationError", e)


@locked()
def test_initial_subscription(b):
    """A producer doesn't make a subscription that its role may not use."""
    t = b.topic()
    grant(b, "maker", "produce")
    with as_role(b, "maker") as c:
        m = c.error("PRODUCER", "AuthorizationError", topic=t, producer_id=1,
                    initial_subscription_name="first")
        equal(m.message, "Client is not authorized to Produce")
        grant(b, "maker", "produce", "consume")
        c.producer(t, 2, initial_subscription_name="first")
    equal(admin(b, "GET", "/admin/v2/" + t.replace("://", "/") +
                "/subscriptions", want=200), ["first"])
    revoke(b, "maker")


@locked()
def test_topic_grants(b):
    t, other = b.topic(), b.topic()
    url = t.replace("://", "/")
    with as_role(b, "u") as c, as_role(b, "root") as root:
        admin(b, "PUT", f"/admin/v2/{url}/partitions", body=3)
        admin(b, "POST", f"/admin/v2/{url}/permissions/u",
              body=["produce", "consume"])
        for i in range(3):
            c.producer(f"{t}-partition-{i}", i)
            root.producer(f"{t}-partition-{i}", i)
        c.error("PRODUCER", "AuthorizationError", topic=other, producer_id=9)
        grant(b, "v", "functions")
        equal(admin(b, "GET", f"/admin/v2/{url}/permissions", want=200),
              {"u": ["produce", "consume"], "v": ["functions"]})
        admin(b, "DELETE", f"/admin/v2/{url}/permissions/none")
        admin(b, "DELETE", f"/admin/v2/{url}/permissions/u")
        equal(sorted(c.rx("CLOSE_PRODUCER").producer_id for _ in range(3)),
              [0, 1, 2])
        root.publish(1, 0)
        revoke(b, "v")


@locked()
def test_grants_of_a_partition(b):
    t = b.topic()
    url = "/admin/v2/" + t.replace("://", "/")
    admin(b, "PUT", url + "/partitions", body=2)
    admin(b, "POST", f"{url}-partition-1/permissions/u", body=["produce"])
    equal(admin(b, "GET", f"{url}-partition-1/permissions", want=200), {"u": ["produce"]})
    equal(admin(b, "GET", url + "/permissions", want=200), {})
    with as_role(b, "u") as c:
        c.producer(f"{t}-partition-1", 1)
        for other in t, f"{t}-partition-0":
            c.error("PRODUCER", "AuthorizationError", topic=other, producer_id=9)
        # that of the topic isn't theirs, but holds for all of them
        admin(b, "POST", url + "/permissions/u", body=["produce"])
        c.producer(f"{t}-partition-0", 0)
        admin(b, "DELETE", url + "/permissions/u")
        equal(c.rx("CLOSE_PRODUCER").producer_id, 0)
        admin(b, "DELETE", f"{url}-partition-1/permissions/u")
        equal(c.rx("CLOSE_PRODUCER").producer_id, 1)


def not_there(b, t, role="u"):
    url = "/admin/v2/" + t.replace("://", "/") + "/permissions"
    for method, at, body in (("GET", url, None), ("POST", f"{url}/{role}", ["produce"]),
                             ("DELETE", f"{url}/{role}", None)):
        equal(admin(b, method, at, body=body, want=404)["reason"],
              f"Topic {t} not found")


@locked()
def test_grants_need_their_topic(b):
    t, parts = b.topic(), b.topic()
    for name in t, f"{parts}-partition-0", b.topic().replace("per", "non-per", 1):
        not_there(b, name)
    url = "/admin/v2/" + parts.replace("://", "/")
    admin(b, "PUT", url + "/partitions", body=2)
    admin(b, "POST", f"{url}-partition-1/permissions/u", body=["produce"])
    not_there(b, f"{parts}-partition-2")
    admin(b, "POST", f"{url}/permissions/u", body=["consume"])
    # they go with it, and are not another's of the name
    admin(b, "DELETE", url + "/partitions")
    not_there(b, parts)
    for again in url + "/partitions", url:
        admin(b, "PUT", again, body=2 if again != url else None)
        equal(admin(b, "GET", url + "/permissions", want=200), {})
        if again != url:
            equal(admin(b, "GET", url + "-partition-1/permissions", want=200), {})
        admin(b, "POST", url + "/permissions/u", body=["produce"])
        admin(b, "DELETE", again)
    check(parts not in json.dumps(admin(b, "GET", NS, want=200)), "a grant is left")


@locked(allowAclChangesOnNonExistentTopics="true")
@alone
def test_grants_without_a_topic(b):
    t = b.topic()
    url = "/admin/v2/" + t.replace("://", "/") + "/permissions"
    equal(admin(b, "GET", url, want=200), {})
    admin(b, "POST", url + "/u", body=["produce"])
    equal(admin(b, "GET", url, want=200), {"u": ["produce"]})
    admin(b, "DELETE", url + "/u")
    admin(b, "DELETE", url + "/u")
    admin(b, "POST", url + "/u", body=["produce"])
    with as_role(b, "u") as c:
        c.producer(t)


@locked()
def test_subscriptions(b):
    t = b.topic()
    for r in ("u", "w"):
        grant(b, r, "consume")
    sub = f"{NS}/permissions/subscription"
    with as_role(b, "u") as u, as_role(b, "w") as w:
        u.subscribe(t, "mine", 1)
        admin(b, "POST", f"{sub}/mine", body=["w"])
        u.rx("CLOSE_CONSUMER", consumer_id=1)
        u.error("SUBSCRIBE", "AuthorizationError", topic=t, consumer_id=2,
                subscription="mine", subType=0)
        w.subscribe(t, "mine", 1)
        equal(admin(b, "GET", sub, want=200), {"mine": ["w"]})
        equal(admin(b, "GET", NS, want=200)["auth_policies"][
            "subscription_auth_roles"], {"mine": ["w"]})
        # a grant replaces the one before; without roles there is none
        admin(b, "POST", f"{sub}/mine", body=["u", "v"])
        w.rx("CLOSE_CONSUMER", consumer_id=1)
        admin(b, "POST", f"{sub}/mine", body=["w"])
        equal(admin(b, "GET", sub, want=200), {"mine": ["w"]})
        w.subscribe(t, "mine", 1)
        admin(b, "DELETE", f"{NS}/permissions/mine/u")
        equal(admin(b, "GET", sub, want=200), {"mine": ["w"]})
        admin(b, "DELETE", f"{NS}/permissions/mine/w")
        equal(admin(b, "GET", sub, want=200), {})
        admin(b, "DELETE", f"{NS}/permissions/mine/w", want=404)
        w.ask("CLOSE_CONSUMER", "SUCCESS", consumer_id=1)
        u.subscribe(t, "mine", 3)
        admin(b, "POST", f"{NS}/subscriptionAuthMode", body="Prefix")
        u.rx("CLOSE_CONSUMER", consumer_id=3)
        m = u.error("SUBSCRIBE", "AuthorizationError", topic=t, consumer_id=4,
                    subscription="mine", subType=0)
        check("prefixed by the authentication role" in m.message, m.message)
        u.subscribe(t, "u-mine", 5)
        equal(admin(b, "GET", f"{NS}/subscriptionAuthMode", want=200), "Prefix")
        admin(b, "POST", f"{NS}/subscriptionAuthMode", body="None")
        u.subscribe(t, "mine", 6)
        admin(b, "POST", f"{NS}/subscriptionAuthMode", body="Else", want=400)
    for r in ("u", "w"):
        revoke(b, r)


@locked()
def test_tenant_admin(b):
    info = dict(adminRoles=["boss"], allowedClusters=["standalone"])
    admin(b, "PUT", "/admin/v2/tenants/acme", body=info)
    admin(b, "PUT", "/admin/v2/tenants/acme2", "boss", body=info, want=401)
    ns = "/admin/v2/namespaces/acme/n"
    admin(b, "PUT", ns, "boss", body={})
    admin(b, "PUT", ns + "2", "other", body={}, want=401)
    admin(b, "POST", ns + "/permissions/u", "boss", body=["produce"])
    admin(b, "POST", ns + "/permissions/u", "u", body=["consume"], want=403)
    with as_role(b, "boss") as c, as_role(b, "u") as u:
        c.producer("persistent://acme/n/t")
        c.error("PRODUCER", "AuthorizationError",
                topic="persistent://public/default/t", producer_id=2)
        u.producer("persistent://acme/n/t")
        info["adminRoles"] = []
        admin(b, "POST", "/admin/v2/tenants/acme", body=info)
        c.rx("CLOSE_PRODUCER", producer_id=1)
        u.publish(1, 0)


@locked(proxyRoles="gate")
def test_proxy(b):
    t = b.topic()
    grant(b, "u", "produce")
    refused(b, error="AuthorizationError", text="Invalid roles.",
            **with_token(token("gate")))
    refused(b, error="AuthorizationError", text="Invalid roles.",
            original_principal="gate", **with_token(token("gate")))
    refused(b, error="AuthorizationError", text="Invalid roles.",
            original_principal="root", **with_token(token("u")))
    # both have to be allowed
    with as_role(b, "gate", original_principal="u") as c:
        c.error("PRODUCER", "AuthorizationError", topic=t, producer_id=1)
        grant(b, "gate", "produce", "consume")
        c.producer(t, 2)
        c.error("SUBSCRIBE", "AuthorizationError", topic=t, consumer_id=1,
                subscription="x", subType=0)
    admin(b, "GET", "/admin/v2/tenants", "gate", want=401)
    admin(b, "GET", "/admin/v2/tenants", "u", want=401,
          headers={"X-Original-Principal": "root"})
    for r in ("gate", "u"):
        revoke(b, r)


# ---- HTTP

@locked()
def test_http(b):
    url = f"/admin/v2/persistent/public/default"
    t = url + "/" + b.name()
    admin(b, "GET", url, role=None, want=401)
    admin(b, "GET", url, want=401, headers={"Authorization": "Bearer x.y.z"})
    admin(b, "GET", url, want=401, headers={"Authorization": "Negotiate x"})
    admin(b, "GET", url, want=401, headers={"Authorization": "Basic ####"})
    admin(b, "GET", url, want=200)
    admin(b, "GET", url, "u", want=403)
    admin(b, "PUT", t, "u", want=403)
    admin(b, "PUT", t)
    admin(b, "GET", t + "/stats", "u", want=401)
    admin(b, "GET", t + "/subscriptions", "u", want=401)
    grant(b, "u", "produce")
    admin(b, "GET", url, "u", want=200)
    admin(b, "GET", t + "/stats", "u", want=200)
    admin(b, "GET", t + "/subscriptions", "u", want=401)
    admin(b, "PUT", t + "/subscription/s", "u", want=401)
    grant(b, "u", "consume")
    admin(b, "PUT", t + "/subscription/s", "u", body=dict(
        ledgerId=-1, entryId=-1, partitionIndex=-1))
    equal(admin(b, "GET", t + "/subscriptions", "u", want=200), ["s"])
    admin(b, "DELETE", t, "u", want=403)
    admin(b, "POST", NS + "/permissions/u", body=["fly"], want=400)
    admin(b, "POST", NS + "/permissions/u", body="produce", want=400)
    equal(admin(b, "GET", NS + "/permissions", want=200), {"u": ["consume"]})
    revoke(b, "u")
    equal(admin(b, "GET", NS + "/permissions", want=200), {})
    admin(b, "GET", "/metrics", role=None, want=200)


@alone
@locked(authenticateMetricsEndpoint="true", authorizationEnabled="false")
def test_metrics(b):
    admin(b, "GET", "/metrics", role=None, want=401)
    admin(b, "GET", "/metrics", "u", want=200)


@alone
@locked()
def test_kept(b):
    """Grants are there after kill -9."""
    t = b.topic()
    grant(b, "u", "produce")
    b.crash()
    with as_role(b, "u") as c:
        c.producer(t)
        c.error("SUBSCRIBE", "AuthorizationError", topic=t, consumer_id=1,
                subscription="x", subType=0)


@alone
@locked()
def test_secrets_in_no_log(b):
    t = token("u")
    refused(b, **with_token(t + "x"))
    with Client(b, **with_token(t)) as c:
        c.error("PRODUCER", "AuthorizationError", topic=b.topic(), producer_id=1)
    deadline = time.monotonic() + 10
    while "auth_failed" not in b.log_text():
        check(time.monotonic() < deadline, "the refusal is not in the log")
        time.sleep(0.01)
    for word in (t[-20:], SECRET.decode(), SECRET_URL[13:40]):
        check(word not in b.log_text(), "a secret in the log")
