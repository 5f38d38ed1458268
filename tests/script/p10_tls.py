# SPDX-License-Identifier: Apache-2.0
"""TLS on Pulsar's port for it."""
import json
import os
import signal
import socket
import urllib.request

from mqlib import Client, alone, check, equal, options
import mqlib
from p02_lookup import lookup
from tlslib import V12, V13, certificate, client_hello, context, make_files, \
    path, refused

CERT, KEY = path("plain.pem"), path("plain.key")


def from_file(**more):
    return options(before=make_files, brokerServicePortTls=0,
                   tlsCertificateFilePath=CERT, tlsKeyFilePath=KEY, **more)


class Secure(Client):
    def __init__(self, b, ctx=None):
        super().__init__(b, connect=False)
        self.sock.close()
        self.sock = (ctx or context()).wrap_socket(
            raw(b), server_hostname="127.0.0.1")
        self.connected = self.connect()


def raw(b):
    s = socket.create_connection((b.host, b.tls_port), 10)
    s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return s


def round_trip(b, ctx, payloads):
    t = b.topic()
    with Secure(b, ctx) as c, Client(b) as plain:
        c.subscribe(t, "tls")
        plain.subscribe(t, "plain")
        c.producer(t)
        for i, p in enumerate(payloads):
            c.publish(1, i, p)
        for r in (c, plain):
            r.flow()
            equal([m.payload for m in r.messages(len(payloads))], payloads)


@from_file()
def test_versions(b):
    for v, name in ((V12, "TLSv1.2"), (V13, "TLSv1.3")):
        with Secure(b, context(v, trust=path("root.pem"))) as c:
            equal(c.sock.version(), name)
        round_trip(b, context(v), [b"x", b"y" * 16384, b"", b"z" * 100])


@from_file()
def test_large(b):
    """Through many records, from whichever shard."""
    for i in range(4):
        round_trip(b, context(), [os.urandom(n) for n in
                                  (100000, 16383, 300000, 1)])


@from_file()
def test_lookup(b):
    """Each is told of both addresses, at the port that it has come to."""
    for c in (Secure(b), Client(b)):
        with c:
            m = lookup(c, b.topic())
            equal(m.brokerServiceUrl, f"pulsar://127.0.0.1:{b.port}")
            equal(m.brokerServiceUrlTls, f"pulsar+ssl://127.0.0.1:{b.tls_port}")
            check(m.proxy_through_service_url)


@from_file(advertisedAddress="mq.example")
def test_lookup_advertised(b):
    with Secure(b) as c:
        m = lookup(c, b.topic())
        equal(m.brokerServiceUrl, f"pulsar://mq.example:{b.port}")
        equal(m.brokerServiceUrlTls, f"pulsar+ssl://mq.example:{b.tls_port}")
    name = b.topic().replace("://", "/")
    url = f"http://{b.host}:{b.http}/lookup/v2/topic/{name}"
    with urllib.request.urlopen(url, timeout=10) as r:
        a = json.load(r)
    equal(a["brokerUrl"], f"pulsar://mq.example:{b.port}")
    equal(a["brokerUrlTls"], f"pulsar+ssl://mq.example:{b.tls_port}")
    equal(a["brokerUrlSsl"], a["brokerUrlTls"])


def test_lookup_without(b):
    with Client(b) as c:
        m = lookup(c, b.topic())
        equal(m.brokerServiceUrlTls, "")
        check(not m.HasField("brokerServiceUrlTls"))


@from_file()
def test_not_tls(b):
    """Plain clients at the port of TLS, TLS at the plain port, and hello alone."""
    s = raw(b)
    s.sendall(mqlib.frame(mqlib.command("CONNECT", client_version="x",
                                        protocol_version=21)))
    ended(s)
    s = socket.create_connection((b.host, b.port), 10)
    s.sendall(client_hello())
    ended(s)
    s = raw(b)
    s.sendall(client_hello()[:-1])
    s.shutdown(socket.SHUT_WR)
    equal(s.recv(1), b"")


def ended(s):
    try:
        while s.recv(1000):
            pass
    except ConnectionError:
        pass
    s.close()


@from_file(tlsTrustCertsFilePath=path("people.pem"),
           tlsRequireTrustedClientCertOnConnect="true")
def test_client_certificates(b):
    own = (path("client.pem"), path("client.key"))
    for v in (V12, V13):
        round_trip(b, context(v, cert=own), [b"x"])
        refused(lambda: Secure(b, context(v)))
        refused(lambda: Secure(b, context(v, cert=(CERT, KEY))))


@from_file(tlsTrustCertsFilePath=path("people.pem"))
def test_optional_client_certificates(b):
    for v in (V12, V13):
        round_trip(b, context(v), [b"x"])
        round_trip(b, context(v, cert=(path("client.pem"),
                                       path("client.key"))), [b"x"])
        refused(lambda: Secure(b, context(v, cert=(CERT, KEY))))


@from_file(tlsProtocols="TLSv1.3")
def test_protocols(b):
    round_trip(b, context(V13), [b"x"])
    refused(lambda: Secure(b, context(V12)))


@from_file(tlsCiphers="TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384,"
           "TLS_CHACHA20_POLY1305_SHA256")
def test_ciphers(b):
    for v, name in ((V12, "ECDHE-ECDSA-AES256-GCM-SHA384"),
                    (V13, "TLS_CHACHA20_POLY1305_SHA256")):
        with Secure(b, context(v)) as c:
            equal(c.sock.cipher()[0], name)
    only = context(V12)
    only.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256")
    refused(lambda: Secure(b, only))


@alone
@from_file()
def test_reload(b):
    """Under traffic: what is connected stays, what comes gets the new one."""
    def served():
        with Secure(b) as c:
            return c.sock.getpeercert(True)
    t = b.topic()
    with Secure(b) as c:
        c.producer(t)
        old = served()
        certificate("plain", "root")
        b.proc.send_signal(signal.SIGHUP)
        for i in range(2000):
            c.publish(1, i)
            if i % 20 == 0 and served() != old:
                break
        check(served() != old, "the old certificate is served")
        c.publish(1, i + 1)
