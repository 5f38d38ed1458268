# SPDX-License-Identifier: Apache-2.0
"""Certificates by the openssl command, and clients by Python's ssl."""
import os
import ssl
import subprocess
import tempfile

from mqlib import Fail, equal

FILES = tempfile.TemporaryDirectory(prefix="mag-script-tls-")
V12, V13 = ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3


def path(name):
    return os.path.join(FILES.name, name)


def openssl(*args):
    r = subprocess.run(("openssl",) + args, stdout=subprocess.PIPE,
                       stderr=subprocess.STDOUT)
    equal(r.returncode, 0, r.stdout.decode(errors="replace"))


def authority(name):
    """A certificate that signs others."""
    if not os.path.exists(path(name + ".pem")):
        openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2",
                "-subj", f"/CN={name}", "-keyout", path(name + ".key"),
                "-out", path(name + ".pem"),
                "-addext", "basicConstraints=critical,CA:TRUE",
                "-addext", "keyUsage=critical,keyCertSign")
    return path(name + ".pem")


def certificate(name, by, password=None):
    """(certificate, key), signed by an authority"""
    authority(by)
    enc = ["-aes256", "-pass", "pass:" + password] if password else []
    openssl("genpkey", "-algorithm", "EC", "-pkeyopt",
            "ec_paramgen_curve:P-256", *enc, "-out", path(name + ".key"))
    pw = ["-passin", "pass:" + password] if password else []
    openssl("req", "-new", "-subj", f"/CN={name}", *pw,
            "-key", path(name + ".key"), "-out", path(name + ".csr"))
    with open(path(name + ".ext"), "w") as f:
        f.write("subjectAltName=DNS:localhost,IP:127.0.0.1\n")
    openssl("x509", "-req", "-in", path(name + ".csr"), "-days", "2",
            "-CA", path(by + ".pem"), "-CAkey", path(by + ".key"),
            "-CAcreateserial", "-extfile", path(name + ".ext"),
            "-out", path(name + ".pem"))
    return path(name + ".pem"), path(name + ".key")


def context(version=None, trust=None, cert=None):
    c = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    c.check_hostname = trust is not None
    c.verify_mode = ssl.CERT_REQUIRED if trust else ssl.CERT_NONE
    if trust:
        c.load_verify_locations(trust)
    if version:
        c.minimum_version = c.maximum_version = version
    if cert:
        c.load_cert_chain(*cert)
    return c


SERVER, SERVER_KEY = path("server.pem"), path("server.key")


def make_files():
    if not os.path.exists(SERVER):
        certificate("server", "root", password="pass word")
        certificate("plain", "root")
        certificate("client", "people")
        certificate("stranger", "root")


def client_hello():
    i, o = ssl.MemoryBIO(), ssl.MemoryBIO()
    obj = context().wrap_bio(i, o)
    try:
        obj.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return o.read()


def refused(fn):
    try:
        fn()
    except (OSError, Fail):
        return
    raise Fail("was not refused")
