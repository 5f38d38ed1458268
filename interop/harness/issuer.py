# SPDX-License-Identifier: Apache-2.0
"""An issuer of OpenID Connect tokens on loopback, as clients and brokers know those of companies.

    GET  /.well-known/openid-configuration   what it says of itself
    GET  /keys                               its set of keys, the file issuer.jwks of the folder of keys
    POST /token                              client credentials (RFC 6749, 4.4); the token is for the audience that was
                                             asked for, its subject is the client
    GET  /issued?client_id=ID                for the suites: how many of these it gave to that client
    GET  /sign?sub=ROLE[&NAME=VALUE]...      for the suites: a token for AUDIENCE. life (seconds), kid and key (issuer
                                             or stranger, of issuer.key and stranger.key) say how, all others are claims

Its URL is in the file issuer.url, the clients' files of credentials are "NAME.oauth2.json" of CLIENTS.
"""

import base64
import collections
import http.server
import json
import os
import secrets
import subprocess
import threading
import time
import urllib.parse

from harness import clients

AUDIENCE, KID = "interop", "one"
# NAME: (seconds that its tokens live, the secret in its file is the right one?)
CLIENTS = {"u-oauth": (3600, True), "u-brief": (3, True), "u-wrong": (3600, False)}


def b64(raw):
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def openssl(*args, data=None):
    return subprocess.run(["openssl", *args], input=data, stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=True,
                          timeout=60).stdout


def make_keys(d):
    """issuer.key and issuer.jwks, which has its public half; credentials.py makes stranger.key."""
    key = os.path.join(d, "issuer.key")
    openssl("genpkey", "-algorithm", "RSA", "-out", key)
    modulus = openssl("rsa", "-in", key, "-noout", "-modulus").decode().strip().split("=")[1]
    jwk = {"kty": "RSA", "use": "sig", "alg": "RS256", "kid": KID, "n": b64(bytes.fromhex(modulus)), "e": "AQAB"}
    clients.put(os.path.join(d, "issuer.jwks"), json.dumps({"keys": [jwk]}))


class Issuer(http.server.ThreadingHTTPServer):
    """Serves in a thread of its own until it is closed."""
    daemon_threads = True

    def __init__(self, keys, port=0):
        super().__init__(("127.0.0.1", port), Handler)
        self.keys = keys
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        self.secrets = {}
        self.issued = collections.Counter()
        clients.put(os.path.join(keys, "issuer.url"), self.url)
        for name, (_, right) in CLIENTS.items():
            self.secrets[name] = secrets.token_urlsafe()
            clients.put(os.path.join(keys, name + ".oauth2.json"), json.dumps({
                "type": "sn_service_account", "client_id": name, "issuer_url": self.url,
                "client_secret": self.secrets[name] if right else "wrong"}))
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def close(self):
        self.shutdown()
        self.server_close()

    def sign(self, sub, life=3600, kid=KID, key="issuer", **claims):
        now = int(time.time())
        body = {"iss": self.url, "aud": AUDIENCE, "sub": sub, "iat": now, "nbf": now, "exp": now + int(life), **claims}
        text = b64(json.dumps({"alg": "RS256", "kid": kid}).encode()) + "." + b64(json.dumps(body).encode())
        return text + "." + b64(openssl("dgst", "-sha256", "-sign", os.path.join(self.keys, key + ".key"),
                                        data=text.encode()))


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, text, kind="application/json"):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def do_GET(self):
        s, url = self.server, urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))     # of a name twice, the last
        if url.path == "/.well-known/openid-configuration":
            self.answer(200, json.dumps({"issuer": s.url, "jwks_uri": s.url + "/keys", "token_endpoint": s.url + "/token"}))
        elif url.path == "/keys":
            with open(os.path.join(s.keys, "issuer.jwks"), encoding="ascii") as f:
                self.answer(200, f.read())
        elif url.path == "/issued":
            self.answer(200, str(s.issued[query["client_id"]]), "text/plain")
        elif url.path == "/sign":
            self.answer(200, s.sign(**query), "text/plain")
        else:
            self.answer(404, "{}")

    def do_POST(self):
        s = self.server
        form = dict(urllib.parse.parse_qsl(self.rfile.read(int(self.headers["Content-Length"])).decode()))
        name = form.get("client_id")
        if self.path != "/token" or form.get("grant_type") != "client_credentials":
            self.answer(400, '{"error": "unsupported_grant_type"}')
        elif name not in CLIENTS or form.get("client_secret") != s.secrets[name]:
            self.answer(401, '{"error": "invalid_client", "error_description": "no such client"}')
        else:
            s.issued[name] += 1
            # told a second less: clients count from when they have it, and tokens know whole seconds only
            life = CLIENTS[name][0]
            self.answer(200, json.dumps({"access_token": s.sign(name, life, aud=form.get("audience", "")),
                                         "token_type": "Bearer", "expires_in": life - 1}))

    def log_message(self, *args):
        pass
