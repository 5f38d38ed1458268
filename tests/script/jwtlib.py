# SPDX-License-Identifier: Apache-2.0
"""JSON web tokens by Python's hmac and the openssl command."""
import base64
import hashlib
import hmac
import json
import os
import subprocess
import tempfile
import time

from mqlib import equal

FILES = tempfile.TemporaryDirectory(prefix="mag-script-jwt-")
SECRET = b"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
DIGEST = {"256": hashlib.sha256, "384": hashlib.sha384, "512": hashlib.sha512}
CURVE = {"256": ("P-256", 32), "384": ("P-384", 48), "512": ("P-521", 66)}


def path(name):
    return os.path.join(FILES.name, name)


def openssl(*args, data=None):
    r = subprocess.run(("openssl",) + args, input=data,
                       stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    equal(r.returncode, 0, r.stderr.decode(errors="replace"))
    return r.stdout


def key_pair(alg):
    """Files (private PEM, public PEM, public DER) of an algorithm's kind."""
    kind = alg[:2] if alg[:2] not in ("RS", "PS") else "RSA"
    name = path(kind + (alg[2:] if kind == "ES" else ""))
    if not os.path.exists(name + ".key"):
        how = {"RSA": ["-algorithm", "RSA"],
               "Ed": ["-algorithm", "ED25519"]}.get(kind)
        if how is None:
            how = ["-algorithm", "EC", "-pkeyopt",
                   "ec_paramgen_curve:" + CURVE[alg[2:]][0]]
        openssl("genpkey", *how, "-out", name + ".key")
        openssl("pkey", "-in", name + ".key", "-pubout", "-out", name + ".pub")
        openssl("pkey", "-in", name + ".key", "-pubout", "-outform", "DER",
                "-out", name + ".der")
    return name + ".key", name + ".pub", name + ".der"


def b64(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def raw_of(der, size):
    """r and s of an ECDSA signature, side by side."""
    at = 3 if der[1] & 0x80 else 2
    out = b""
    for _ in range(2):
        n = der[at + 1]
        out += der[at + 2:at + 2 + n].lstrip(b"\0").rjust(size, b"\0")
        at += 2 + n
    return out


def sign(alg, data, key=None):
    if alg[:2] == "HS":
        return hmac.new(key or SECRET, data, DIGEST[alg[2:]]).digest()
    private = key_pair(alg)[0]
    with tempfile.NamedTemporaryFile(dir=FILES.name) as f:
        f.write(data)
        f.flush()
        if alg == "EdDSA":
            return openssl("pkeyutl", "-sign", "-inkey", private, "-rawin",
                           "-in", f.name)
        opts = ["-sigopt", "rsa_padding_mode:pss", "-sigopt",
                "rsa_pss_saltlen:digest"] if alg[:2] == "PS" else []
        sig = openssl("dgst", "-sha" + alg[2:], "-sign", private, *opts, f.name)
    return raw_of(sig, CURVE[alg[2:]][1]) if alg[:2] == "ES" else sig


def token(sub="role", alg="HS256", key=None, header=None, **claims):
    head = {"alg": alg, "typ": "JWT", **(header or {})}
    body = dict(claims)
    if sub is not None:
        body["sub"] = sub
    text = "%s.%s" % (b64(json.dumps(head).encode()),
                      b64(json.dumps(body).encode()))
    return text + "." + b64(sign(alg, text.encode(), key))


def in_seconds(s):
    return time.time() + s
