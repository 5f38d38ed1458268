# SPDX-License-Identifier: Apache-2.0
"""Who clients are and what they may do: against a broker of the profile "secured", or "anonymous"."""

import base64
import tempfile
from concurrent.futures import ThreadPoolExecutor

import pulsar
from basic import plain
from ctx import Arrivals, Flow, Taker, bodies, check, datas, equal, receive_n, scenario, send_n, until

NS = "namespaces/public/default/permissions"
PASSWORD = "pass word.1"        # of role u-basic, as harness/credentials.py has it
FORBIDDEN = pulsar.AuthorizationError
# That a login is refused is for the library below only a lost connection, whatever the broker gives as its reason; it
# tries again until its timeout.
DENIED = pulsar.Timeout


def grant(ctx, role, *actions):
    ctx.admin("POST", f"{NS}/{role}", list(actions))


def revoke(ctx, role):
    ctx.admin("DELETE", f"{NS}/{role}")


def of(ctx, role):
    return pulsar.AuthenticationToken(ctx.token(role))


def works(ctx, topic):
    """Ten messages, there and back."""
    c = ctx.subscribe(topic)
    p = ctx.producer(topic)
    send_n(p, 0, 10)
    equal(sorted(datas(receive_n(c, 10))), bodies(0, 10), "bodies")
    p.close()
    c.close()


def fails(error, what, f, *args, **kw):
    try:
        f(*args, **kw)
    except error:
        return
    except pulsar.PulsarException as e:
        raise AssertionError(f"{what}: got {type(e).__name__}, want {error}") from e
    raise AssertionError(f"{what}: no error, want {error}")


def refused(ctx, error, what, authentication):
    """No producer and no consumer."""
    all_refused(ctx, error, {what: authentication})


def all_refused(ctx, error, who):
    """The same of each in {what: authentication}."""
    t, todo = ctx.topic("refused"), []
    for what, authentication in who.items():
        ctx.login(authentication)
        one, two = (ctx.new_client(operation_timeout_seconds=2) for _ in range(2))
        todo += [(error, "producer with " + what, one.create_producer, t),
                 (error, "consumer with " + what, two.subscribe, t, "sub")]
    with ThreadPoolExecutor(len(todo)) as pool:      # each may take its whole timeout
        both = [pool.submit(fails, *args) for args in todo]
    for f in both:
        f.result()


# --- tokens

@scenario("token")
def token(ctx):
    role = ctx.unique
    t = ctx.token(role)
    grant(ctx, role, "produce", "consume")
    with tempfile.NamedTemporaryFile(suffix=".token") as f:
        f.write(t.encode())
        f.flush()
        for a in (pulsar.AuthenticationToken(t), pulsar.AuthenticationToken(lambda: t),
                  pulsar.AuthenticationToken("token:" + t), pulsar.AuthenticationToken("file://" + f.name)):
            ctx.login(a)
            works(ctx, ctx.topic("ways"))
    ctx.url = ctx.http
    ctx.login(pulsar.AuthenticationToken(t))
    works(ctx, ctx.topic("http"))
    refused(ctx, pulsar.PulsarException, "a wrong token over HTTP", pulsar.AuthenticationToken("x.y.z"))
    revoke(ctx, role)


@scenario("token-wrong")
def token_wrong(ctx):
    claims = ctx.token("root").split(".")[1]
    none = base64.urlsafe_b64encode(b'{"alg":"none"}').rstrip(b"=").decode() + "." + claims + "."
    for t in (ctx.token("root", secret="other"), none):
        refused(ctx, DENIED, "token " + t, pulsar.AuthenticationToken(t))
    refused(ctx, DENIED, "no credentials", None)


@scenario("token-expired")
def token_expired(ctx):
    refused(ctx, DENIED, "a token of the past", pulsar.AuthenticationToken(ctx.token("root", -5)))


def connections(ctx, topic):
    s = ctx.stats(topic)
    both = s["publishers"] + s["subscriptions"]["sub"]["consumers"]
    equal(len(both), 2, "producers and consumers")
    return [(c["address"], c["connectedSince"]) for c in both]


@scenario("token-refresh")
def token_refresh(ctx):
    role, asked = ctx.unique, []

    def supplier():
        asked.append(1)
        return ctx.token(role, 2)

    renewed(ctx, role, pulsar.AuthenticationToken(supplier), lambda: len(asked))


def renewed(ctx, role, authentication, asked):
    """New tokens are asked for while messages flow; the connection stays."""
    t = ctx.topic()
    grant(ctx, role, "produce", "consume")
    ctx.login(authentication)
    a = Arrivals()
    k = Taker(ctx.subscribe(t), a, "c")
    p = ctx.producer(t)
    before, first = connections(ctx, t), asked()
    f = Flow(p, 300)
    f.start()
    until(lambda: asked() >= first + 2, "tokens are asked for", 30)
    a.wait(len(a.seen) + 100)
    equal(connections(ctx, t), before, "connections")
    n = f.finish()
    a.wait(n)
    equal(a.first, list(range(n)), "every message, in order")
    equal(a.doubles(), 0, "doubles")
    k.leave()
    revoke(ctx, role)


def gone(ctx, t, p, c):
    """Both have lost their places, as they and the broker see it."""
    def places():
        s = ctx.stats(t)
        return s["publishers"] + s["subscriptions"]["sub"]["consumers"]
    until(lambda: not places(), "the broker has no producer and consumer", 20)
    until(lambda: not p.is_connected() and not c.is_connected(), "producer and consumer know", 20)


@scenario("token-ends")
def token_ends(ctx):
    role, t = ctx.unique, ctx.topic()
    grant(ctx, role, "produce", "consume")
    ctx.login(pulsar.AuthenticationToken(ctx.token(role, 3)))
    c = ctx.subscribe(t)
    p = ctx.producer(t, send_timeout_millis=3000)
    send_n(p, 0, 10)
    gone(ctx, t, p, c)
    fails(pulsar.PulsarException, "sending", p.send, b"m-x")
    ctx.login(of(ctx, role))
    equal(datas(receive_n(ctx.subscribe(t), 10)), bodies(0, 10), "they are all there")
    revoke(ctx, role)


# --- other methods

@scenario("basic")
def basic(ctx):
    grant(ctx, "u-basic", "produce", "consume")
    ctx.login(pulsar.AuthenticationBasic("u-basic", PASSWORD))
    works(ctx, ctx.topic("ways"))
    for what, user, password in (("a wrong password", "u-basic", "pass word.2"),
                                 ("an unknown user", "u-none", PASSWORD)):
        refused(ctx, DENIED, what, pulsar.AuthenticationBasic(user, password))
    revoke(ctx, "u-basic")


@scenario("tls-chain")
def tls_chain(ctx):
    role = ctx.unique
    grant(ctx, role, "produce", "consume")
    ctx.login(of(ctx, role))
    ctx.secure("nobody.pem")
    fails(pulsar.PulsarException, "a certificate that isn't trusted",
          ctx.new_client(operation_timeout_seconds=3).create_producer, ctx.topic())
    ctx.secure("root.pem")
    plain(ctx)
    refused(ctx, DENIED, "a wrong token over TLS", pulsar.AuthenticationToken("x.y.z"))
    revoke(ctx, role)


def certificate(ctx, name):
    return pulsar.AuthenticationTLS(f"{ctx.keys}/{name}.pem", f"{ctx.keys}/{name}.key")


@scenario("mtls")
def mtls(ctx):
    for role in ("u-cert", "u-chain"):
        t = ctx.topic(role)
        grant(ctx, role, "produce", "consume")
        ctx.secure("root.pem")
        ctx.login(certificate(ctx, role))
        works(ctx, t)
        revoke(ctx, role)
        fails(FORBIDDEN, role + " without a grant", ctx.new_client(operation_timeout_seconds=5).create_producer, t)
    refused(ctx, pulsar.PulsarException, "a stranger's certificate", certificate(ctx, "stranger"))


# --- what they may do

@scenario("authorized")
def authorized(ctx):
    t, u = ctx.topic(), ctx.unique
    refused(ctx, FORBIDDEN, "a role without grants", of(ctx, u))
    fails(FORBIDDEN, "reader of a role without grants",
          ctx.new_client(operation_timeout_seconds=5).create_reader, t, pulsar.MessageId.earliest)
    ctx.login(of(ctx, u))
    grant(ctx, u, "produce")
    send_n(ctx.producer(t), 0, 10)
    fails(FORBIDDEN, "consumer of a role that may produce", ctx.subscribe, t)
    grant(ctx, u, "consume")
    equal(datas(receive_n(ctx.subscribe(t), 10)), bodies(0, 10), "bodies in order")
    fails(FORBIDDEN, "producer of a role that may consume", ctx.producer, t)
    revoke(ctx, u)
    # one topic, of partitions
    parts = ctx.topic("parts")
    ctx.partitions(parts, 3)
    ctx.admin("POST", f"{ctx.path(parts)}/permissions/{u}", ["produce", "consume"])
    ctx.login(of(ctx, u))
    works(ctx, parts)
    fails(FORBIDDEN, "another topic", ctx.producer, ctx.topic("else"))
    # one subscription
    grant(ctx, u, "consume")
    ctx.admin("POST", f"{NS}/subscription/{u}-s", [u + "-other"])
    fails(FORBIDDEN, "a subscription for others", ctx.subscribe, t, u + "-s")
    ctx.admin("DELETE", f"{NS}/{u}-s/{u}-other")
    revoke(ctx, u)


@scenario("revoked")
def revoked(ctx):
    t, u = ctx.topic(), ctx.unique
    grant(ctx, u, "produce", "consume")
    ctx.login(of(ctx, "root"))
    stays = ctx.subscribe(t, "stays")
    ctx.login(of(ctx, u))
    c = ctx.subscribe(t, kind=pulsar.ConsumerType.Shared)
    p = ctx.producer(t, send_timeout_millis=3000)
    send_n(p, 0, 10)
    receive_n(c, 5)
    until(lambda: ctx.stats(t)["subscriptions"]["sub"]["msgBacklog"] == 5, "5 are acknowledged")
    revoke(ctx, u)
    gone(ctx, t, p, c)
    fails(pulsar.PulsarException, "sending", p.send, b"m-x")
    refused(ctx, FORBIDDEN, "the role", of(ctx, u))
    equal(datas(receive_n(stays, 10)), bodies(0, 10), "others stay")
    grant(ctx, u, "produce", "consume")
    ctx.login(of(ctx, u))
    send_n(ctx.producer(t), 10, 5)
    equal(datas(receive_n(ctx.subscribe(t), 10)), bodies(5, 10), "what was not acknowledged, and what came then")
    revoke(ctx, u)


@scenario("anonymous")
def anonymous(ctx):
    grant(ctx, "nobody", "produce", "consume")
    works(ctx, ctx.topic())
    refused(ctx, DENIED, "a wrong token", pulsar.AuthenticationToken("x.y.z"))
    revoke(ctx, "nobody")
    refused(ctx, FORBIDDEN, "nothing to say", None)
    ctx.login(of(ctx, "root"))
    works(ctx, ctx.topic())
    check(ctx.stats(ctx.topic())["msgInCounter"] >= 20, "messages of both")
