# SPDX-License-Identifier: Apache-2.0
"""Tokens of the harness's issuer (harness/issuer.py): against a broker of the profile "openid", or "issuer"."""

import json
import urllib.parse
import urllib.request

import pulsar
from ctx import scenario
from security import DENIED, FORBIDDEN, all_refused, grant, refused, renewed, revoke, works

AUDIENCE = "interop"


def issuer(ctx):
    with open(f"{ctx.keys}/issuer.url", encoding="ascii") as f:
        return f.read()


def get(url, **query):
    with urllib.request.urlopen(f"{url}?{urllib.parse.urlencode(query)}", timeout=20) as r:
        return r.read().decode()


def ticket(ctx, role, **changes):
    return pulsar.AuthenticationToken(get(issuer(ctx) + "/sign", sub=role, **changes))


def credentials(ctx, client, audience=AUDIENCE):
    return pulsar.AuthenticationOauth2(json.dumps({
        "issuer_url": issuer(ctx), "audience": audience, "private_key": f"{ctx.keys}/{client}.oauth2.json"}))


@scenario("openid")
def openid(ctx):
    role = ctx.unique
    grant(ctx, role, "produce", "consume")
    for same in ({}, {"aud": AUDIENCE, "kid": "one"}):      # as they are by default
        ctx.login(ticket(ctx, role, **same))
        works(ctx, ctx.topic("right"))
    wrong = {"aud": "elsewhere", "iss": "http://127.0.0.1:1", "kid": "two", "key": "stranger", "life": -5}
    all_refused(ctx, DENIED, {f"a token with {k}={v}": ticket(ctx, role, **{k: v}) for k, v in wrong.items()})
    revoke(ctx, role)


@scenario("oauth2")
def oauth2(ctx):
    """The client gets its tokens itself, by its id and secret."""
    grant(ctx, "u-oauth", "produce", "consume")
    ctx.login(credentials(ctx, "u-oauth"))
    works(ctx, ctx.topic())
    all_refused(ctx, (DENIED, pulsar.AuthenticationError), {
        "a token for others": credentials(ctx, "u-oauth", "others"), "a wrong secret": credentials(ctx, "u-wrong")})
    binary, ctx.url = ctx.url, ctx.http
    ctx.login(credentials(ctx, "u-oauth"))
    works(ctx, ctx.topic("http"))
    ctx.url = binary
    revoke(ctx, "u-oauth")
    refused(ctx, FORBIDDEN, "a role without grants", credentials(ctx, "u-oauth"))


@scenario("oauth2-refresh")
def refresh(ctx):
    """Tokens of 3 s."""
    renewed(ctx, "u-brief", credentials(ctx, "u-brief"),
            lambda: int(get(issuer(ctx) + "/issued", client_id="u-brief")))
