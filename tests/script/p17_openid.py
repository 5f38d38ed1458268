# SPDX-License-Identifier: Apache-2.0
"""Tokens of OpenID Connect issuers, which a small HTTP server plays."""
import http.server
import json
import os
import signal
import ssl
import threading
import time

from jwtlib import SECRET, b64, in_seconds, key_pair, openssl, path, token
from mqlib import Client, alone, check, equal
import tlslib
from tlslib import authority, certificate
from p12_auth import SECRET_URL, admin, known, refused, with_token

KINDS = ("RS256", "ES256", "ES384", "EdDSA")


def jwk(kind, kid, **more):
    """The public half of that kind's pair."""
    der = openssl("pkey", "-in", key_pair(kind)[0], "-pubout", "-outform", "DER")
    if kind == "RS256":
        n = openssl("rsa", "-pubin", "-in", key_pair(kind)[1], "-modulus",
                    "-noout").decode().strip().split("=")[1]
        key = dict(kty="RSA", n=b64(bytes.fromhex(n)), e="AQAB")
    elif kind == "EdDSA":
        key = dict(kty="OKP", crv="Ed25519", x=b64(der[-32:]))
    else:
        n = 32 if kind == "ES256" else 48
        key = dict(kty="EC", crv="P-256" if n == 32 else "P-384",
                   x=b64(der[-2 * n:-n]), y=b64(der[-n:]))
    return dict(key, kid=kid, **more)


class Issuers(http.server.ThreadingHTTPServer):
    """/NAME is an issuer: what it has of keys, and how it behaves."""
    daemon_threads = True

    def __init__(self, scheme):
        super().__init__(("127.0.0.1", 0), Handler)
        self.url = f"{scheme}://127.0.0.1:{self.server_address[1]}"
        self.keys = {}          # NAME: list of JWK, or bytes of the whole answer
        self.says = {}          # NAME: what it says of itself otherwise
        self.gate = {}          # NAME: until this is set it says nothing
        self.fetches = {}       # NAME: how often its keys were

    def issuer(self, name, *keys):
        self.keys[name] = list(keys)
        return f"{self.url}/{name}"


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        s = self.server
        name, _, what = self.path[1:].partition("/")
        gate = s.gate.get(name)
        if gate is not None:
            gate.wait(60)
        doc = dict(issuer=f"{s.url}/{name}", jwks_uri=f"{s.url}/{name}/keys",
                   token_endpoint="x")
        doc.update(s.says.get(name, {}))
        if what == "keys":
            s.fetches[name] = s.fetches.get(name, 0) + 1
            keys = s.keys[name]
            text = keys if isinstance(keys, bytes) else json.dumps(
                dict(keys=keys)).encode()
        else:
            equal(what, ".well-known/openid-configuration")
            text = json.dumps(doc).encode()
        status = doc.get("status", 200)
        try:
            self.send_response(status)
            if status == 302:
                self.send_header("Location", f"{s.url}/good/keys")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)
        except OSError:
            pass                # it was cut off, as it should be

    def log_message(self, *args):
        pass


ISSUERS = Issuers("http")
threading.Thread(target=ISSUERS.serve_forever, daemon=True).start()
GOOD = f"{ISSUERS.url}/good"


def openid(*names, **more):
    """A broker of these issuers."""
    opts = dict(authenticationProviders="openid", tokenSecretKey="",
                openIDAllowedTokenIssuers=",".join(
                    f"{ISSUERS.url}/{n}" for n in names),
                openIDAllowedAudiences="here", openIDRequireIssuersUseHttps="false",
                authenticationFailureLimit=0)
    return known(**{**opts, **more})


def ticket(name="good", alg="RS256", kid="RS256", key=None, sub="root", **claims):
    now = int(time.time())
    body = dict(iss=f"{ISSUERS.url}/{name}", aud="here", iat=now, nbf=now,
                exp=now + 100)
    body.update(claims)
    body = {k: v for k, v in body.items() if v is not None}
    head = {} if kid is None else dict(kid=kid)
    return with_token(token(sub, alg, key=key, header=head, **body))


def good_issuer():
    if "good" not in ISSUERS.keys:
        ISSUERS.issuer("good", *(jwk(a, a) for a in KINDS),
                       jwk("RS256", "only", alg="RS512"),
                       jwk("ES256", "enc", use="enc"),
                       dict(kty="oct", kid="oct", k=b64(SECRET)), dict(kty="?"))


@openid("good", before=good_issuer)
def test_login(b):
    for alg in KINDS:
        with Client(b, **ticket(alg=alg, kid=alg)) as c:
            c.producer(b.topic())
    for alg, kid in (("RS512", "RS256"), ("PS256", "RS256"), ("RS512", "only")):
        Client(b, **ticket(alg=alg, kid=kid)).close()
    Client(b, **ticket(aud=["x", "here"])).close()
    equal(admin(b, "GET", "/admin/v2/clusters", want=200, headers={
        "Authorization": "Bearer " + ticket()["auth_data"].decode()}), ["standalone"])
    with open(key_pair("RS256")[1], "rb") as f:
        pem = f.read()
    for t in (ticket(kid=None), ticket(kid="x"), ticket(kid="only"),
              ticket(alg="ES256", kid="enc"), ticket(alg="HS256", kid="oct"),
              ticket(alg="HS256", key=pem), ticket(alg="ES256"),
              ticket(iss=None), ticket(name="other"), ticket(iss=GOOD + "/"),
              ticket(aud="there"), ticket(aud=None), ticket(exp=int(in_seconds(-5))),
              ticket(exp=None), ticket(iat=None), ticket(nbf=None), ticket(sub=None),
              ticket(iat=int(in_seconds(50))), ticket(nbf=int(in_seconds(50))),
              with_token(token("root")), with_token("x.y.z")):
        refused(b, **t)
    none = b64(json.dumps(dict(alg="none", kid="RS256")).encode())
    refused(b, **with_token(
        none + "." + ticket()["auth_data"].decode().split(".")[1] + "."))


@alone
@openid("good", before=good_issuer, openIDKeyIdCacheMissRefreshSeconds=2)
def test_rotation(b):
    Client(b, **ticket()).close()
    n = ISSUERS.fetches["good"]
    t0 = time.monotonic()
    while time.monotonic() - t0 < 5:        # anybody can think of names
        refused(b, **ticket(kid="unknown"))
    check(n + 1 <= ISSUERS.fetches["good"] <= n + 4, n, ISSUERS.fetches)
    old = ISSUERS.keys["good"]
    try:
        ISSUERS.keys["good"] = [jwk("ES256", "next")]
        end = time.monotonic() + 10
        while True:                         # at the latest 2 s after the last
            with Client(b, connect=False) as c:
                c.tx("CONNECT", client_version="script 1", protocol_version=21,
                     **ticket(alg="ES256", kid="next"))
                if c.rx_any()[0] == "CONNECTED":
                    break
            check(time.monotonic() < end, "the new key is not taken")
            time.sleep(0.05)
        refused(b, **ticket())              # the old one is gone
    finally:
        ISSUERS.keys["good"] = old


def late_issuer():
    ISSUERS.gate["late"] = threading.Event()
    ISSUERS.issuer("late", jwk("RS256", "RS256"))
    good_issuer()


@alone
@openid("late", "good", before=late_issuer, shards=1)
def test_a_login_waits_and_nobody_else(b):
    with Client(b, connect=False) as c:
        c.tx("CONNECT", client_version="script 1", protocol_version=21,
             **ticket("late"))
        got = []

        def ask():
            got.append(admin(b, "GET", "/admin/v2/clusters", want=200, headers={
                "Authorization": "Bearer " + ticket("late")["auth_data"].decode()}))
        th = threading.Thread(target=ask)
        th.start()
        for _ in range(3):                  # the shard goes on
            with Client(b, **ticket()) as other:
                other.producer(b.topic())
        c.silent(0.2)
        check(th.is_alive(), "HTTP waits as well")
        ISSUERS.gate["late"].set()
        c.rx("CONNECTED")
        c.producer(b.topic())
        th.join(10)
        equal(got, [["standalone"]])
    with Client(b, connect=False) as c:     # who goes while he waits
        ISSUERS.gate["late"].clear()
        c.tx("CONNECT", client_version="script 1", protocol_version=21,
             **ticket("late", kid="x"))
    ISSUERS.gate["late"].set()
    Client(b, **ticket("late")).close()


def bad_issuers():
    key = jwk("RS256", "RS256")
    for name in ("none", "moved", "else", "nowhere", "ftp", "big", "text", "empty",
                 "private"):
        ISSUERS.issuer(name, key)
    ISSUERS.says.update({
        "none": dict(status=500), "moved": dict(status=302),
        "else": dict(issuer=GOOD), "nowhere": dict(jwks_uri="http://127.0.0.1:1/"),
        "ftp": dict(jwks_uri="file:///etc/passwd")})
    ISSUERS.keys["big"] = json.dumps(dict(keys=[key], x="x" * (300 << 10))).encode()
    ISSUERS.keys["text"] = b"no keys"
    ISSUERS.keys["empty"] = []
    ISSUERS.keys["private"] = [dict(kty="oct", kid="RS256", k=b64(SECRET))]
    good_issuer()


BAD = ("none", "moved", "else", "nowhere", "ftp", "big", "text", "empty", "private")


@openid("good", *BAD, before=bad_issuers)
def test_bad_issuers(b):
    for name in BAD:
        refused(b, **ticket(name))
    Client(b, **ticket()).close()
    check("passwd" in b.log_text(), "what was not fetched is told")


@alone
@openid("good", before=good_issuer, openIDCacheExpirationSeconds=1,
        authenticationRefreshCheckSeconds=1)
def test_keys_too_old(b):
    """Each look at a token after a second needs them fetched again."""
    soon = dict(exp=int(in_seconds(1)))
    with Client(b, feature_flags=dict(supports_auth_refresh=True),
                **ticket(**soon)) as c:
        c.producer(b.topic())
        for n in range(2):
            c.rx("AUTH_CHALLENGE")
            before = ISSUERS.fetches["good"]
            t = ticket(exp=int(in_seconds(1)))
            c.tx("AUTH_RESPONSE", client_version="script 1", response=dict(
                auth_method_name="token", auth_data=t["auth_data"]))
            c.publish(1, n)                 # in its turn
            check(ISSUERS.fetches["good"] > before, "were fetched")


def secure_issuers():
    """The same server, by the name of an authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*certificate("issuer", "openid-root"))
    authority("openid-other")
    s = Issuers("https")
    s.socket = context.wrap_socket(s.socket, server_side=True)
    threading.Thread(target=s.serve_forever, daemon=True).start()
    s.issuer("safe", jwk("RS256", "RS256"))
    s.issuer("half", jwk("RS256", "RS256"))
    s.says["half"] = dict(jwks_uri=GOOD + "/keys")
    good_issuer()
    return s


SECURE = secure_issuers()


def over_https(root):
    return openid(openIDRequireIssuersUseHttps="true", openIDAllowedTokenIssuers=
                  f"{SECURE.url}/safe,{SECURE.url}/half",
                  openIDTokenIssuerTrustCertsFilePath=tlslib.path(root + ".pem"))


@over_https("openid-root")
def test_https(b):
    Client(b, **ticket(iss=SECURE.url + "/safe")).close()
    refused(b, **ticket(iss=SECURE.url + "/half"))  # its keys are not


@over_https("openid-other")
def test_https_not_trusted(b):
    refused(b, **ticket(iss=SECURE.url + "/safe"))
    check("ev=openid_keys_not_fetched" in b.log_text(), b.log_text())


def write_set(*keys):
    with open(path("set.new"), "w", encoding="utf-8") as f:
        json.dump(dict(keys=keys), f)
    os.rename(path("set.new"), path("set"))


@alone
@openid("good", before=lambda: write_set(jwk("RS256", "RS256")),
        openIDRoleClaim="roles",
        openIDJwks="file:" + path("set"))
def test_file(b):
    Client(b, **ticket(roles=["root", "x"])).close()
    for t in (ticket(), ticket(roles=[]), ticket(roles="r", alg="ES256", kid="new")):
        refused(b, **t)
    write_set(jwk("ES256", "new"))
    b.proc.send_signal(signal.SIGHUP)
    end = time.monotonic() + 10
    while "ev=reloaded" not in b.log_text():
        check(time.monotonic() < end, "not reloaded")
        time.sleep(0.02)
    with Client(b, **ticket(roles="root", alg="ES256", kid="new")) as c:
        c.producer(b.topic())
    refused(b, **ticket(roles="root"))


@openid("good", before=good_issuer, authenticationProviders="org.apache.pulsar.broker."
        "authentication.oidc.AuthenticationProviderOpenID, token",
        tokenSecretKey=SECRET_URL)
def test_beside_tokens(b):
    Client(b, **ticket()).close()
    Client(b, **with_token(token("root"))).close()
    refused(b, **with_token(token("root", key=b"x" * 64)))
