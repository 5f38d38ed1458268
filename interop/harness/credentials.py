# SPDX-License-Identifier: Apache-2.0
"""Certificates, passwords and the secret of tokens for brokers of the profiles "secured", "anonymous", "openid" and "issuer".

A suite finds in the folder of keys:
    root.pem          who signed inter.pem; what clients trust
    inter.pem         who signed server.pem (which has inter.pem behind it) and "NAME.chain.pem"
    NAME.pem .key     certificates of clients: "u-cert" by the root, "u-chain" by inter.pem (with it behind),
                      "stranger" by somebody whom nobody trusts
    token.secret      secret of HS256 that tokens are signed with; role "root" may do everything
    other.secret      another one
    issuer.*          what issuer.py says
The users of the method basic are "u-basic" and "root", with passwords PASSWORD and ROOT_PASSWORD.
"""

import hashlib
import hmac
import json
import os
import secrets
import subprocess

from harness import clients, issuer

VERSION = "3"       # of what is made here: folders of another one are made anew
PASSWORD, ROOT_PASSWORD = "pass word.1", "r00t"


def openssl(log, *args):
    clients.sh(["openssl", *args], log)


def authority(d, name, by, log):
    ext = ["-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign"]
    at = os.path.join(d, name)
    if by is None:
        openssl(log, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", f"/CN={name}",
                "-keyout", at + ".key", "-out", at + ".pem", *ext)
    else:
        leaf(d, name, by, log, "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign\n", chain=False)


def leaf(d, name, by, log, ext, chain):
    """NAME.pem and NAME.key (PKCS #8, the form that all clients read); with the signer's behind it if chain."""
    at, signer = os.path.join(d, name), os.path.join(d, by)
    clients.put(at + ".ext", ext)
    openssl(log, "req", "-new", "-newkey", "rsa:2048", "-nodes", "-subj", f"/CN={name}", "-keyout", at + ".key",
            "-out", at + ".csr")
    openssl(log, "x509", "-req", "-in", at + ".csr", "-days", "3650", "-CA", signer + ".pem", "-CAkey",
            signer + ".key", "-set_serial", str(secrets.randbits(62) + 1), "-extfile", at + ".ext", "-out",
            at + ".pem")
    if chain:
        with open(signer + ".pem", encoding="ascii") as f, open(at + ".pem", "a", encoding="ascii") as out:
            out.write(f.read())


def apr1(password, log):
    r = subprocess.run(["openssl", "passwd", "-apr1", "-stdin"], input=password.encode(), stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT, check=False, timeout=60)
    if r.returncode != 0:
        with open(log, "ab") as f:
            f.write(r.stdout)
        raise RuntimeError(f"openssl passwd failed, see {log}")
    return r.stdout.decode().strip()


def make(d, log):
    """Makes what is listed above, once per folder and version."""
    if clients.fresh(os.path.join(d, "credentials.done"), VERSION):
        return
    authority(d, "root", None, log)
    authority(d, "inter", "root", log)
    authority(d, "nobody", None, log)
    names = "subjectAltName=DNS:localhost,IP:127.0.0.1\n"
    leaf(d, "server", "inter", log, names, chain=True)
    for name, by in (("u-cert", "root"), ("u-chain", "inter"), ("stranger", "nobody")):
        leaf(d, name, by, log, "extendedKeyUsage=clientAuth\n", chain=by == "inter")
    for name in ("token", "other"):
        with open(os.path.join(d, name + ".secret"), "wb") as f:
            f.write(secrets.token_bytes(48))
    clients.put(os.path.join(d, "users"), "".join(f"{u}:{apr1(p, log)}\n" for u, p in (
        ("u-basic", PASSWORD), ("root", ROOT_PASSWORD))))
    issuer.make_keys(d)
    clients.put(os.path.join(d, "credentials.done"), VERSION)


def token(d, role):
    """Signed with token.secret, for ever."""
    with open(os.path.join(d, "token.secret"), "rb") as f:
        secret = f.read()
    text = issuer.b64(b'{"alg":"HS256"}') + "." + issuer.b64(json.dumps({"sub": role}).encode())
    return text + "." + issuer.b64(hmac.new(secret, text.encode(), hashlib.sha256).digest())


def reference_options(d):
    """What a standalone of Pulsar needs on top, whose parts are clients of each other."""
    return ["brokerClientAuthenticationPlugin=org.apache.pulsar.client.impl.auth.AuthenticationToken",
            f"brokerClientAuthenticationParameters=token:{token(d, 'root')}"]
