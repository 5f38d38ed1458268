# SPDX-License-Identifier: Apache-2.0
"""TLS on RocketMQ's ports: told by the first byte, by Python's ssl."""
import os
import signal
import socket
import ssl
import threading
import time

from mqlib import alone, check, equal, options, ours
import mqlib
from rmqlib import Client, broker_addr, until
from tlslib import SERVER, SERVER_KEY, V12, V13, certificate, client_hello, \
    context, make_files, path, refused

class Secure(Client):
    """A client over TLS."""

    def __init__(self, b, ctx=None, **kw):
        super().__init__(b, **kw)
        self.sock = (ctx or context()).wrap_socket(
            self.sock, server_hostname="127.0.0.1")


def raw(b, ns=True):
    s = socket.create_connection(b.namesrv if ns else broker_addr(b), 10)
    s.settimeout(10)
    return s


def is_refused(b, data):
    """It closes, though there is more to come; perhaps amid it."""
    s = raw(b)
    try:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
    except OSError:
        pass
    is_closed(s)


def is_closed(s):
    """The other side has closed; alerts of TLS may come before."""
    try:
        while s.recv(4096):
            pass
    except ConnectionError:
        pass
    s.close()


def handshakes(b):
    return mqlib.counters(b)["magnetar_tls_handshakes_total"]


# ---- both, told apart

def both_ways(b, ctx):
    t = b.name()
    with Secure(b, ctx) as c, Client(b) as p, Secure(b, ctx, ns=True) as ns:
        c.create_topic(t, queues=1)
        equal(ns.ask("GET_ROUTEINFO_BY_TOPIC", topic=t).code, 0)
        want = []
        for i in range(20):
            want += [b"s%d" % i, b"p%d" % i]
            c.send(t, want[-2])
            p.send(t, want[-1])
        equal([r.body for r in c.drain(t)], want)
        equal([r.body for r in p.drain(t)], want)


def test_tls12(b):
    with Secure(b, context(V12)) as c:
        equal(c.sock.version(), "TLSv1.2")
        equal(c.sock.compression(), None)
    both_ways(b, context(V12))


def test_tls13(b):
    with Secure(b, context(V13)) as c:
        equal(c.sock.version(), "TLSv1.3")
    both_ways(b, context(V13))


def test_large_bodies(b):
    """Both ways through many records; a waiting pull in between."""
    t = b.name()
    bodies = [os.urandom(n) for n in
              (1, 16383, 16384, 16385, 300000, 1 << 20, (4 << 20) - 1000)]
    for v in (V12, V13):
        with Secure(b, context(v)) as c, Secure(b, context(v)) as d:
            c.create_topic(t, queues=1)
            for body in bodies:
                c.send(t, body)
            equal([len(r.body) for r in d.drain(t)][-len(bodies):],
                  [len(x) for x in bodies])
            equal([r.body for r in d.drain(t)][-len(bodies):], bodies)


def test_many_small(b):
    """Requests that arrive many in a record, and cut by records."""
    t = b.name()
    with Secure(b) as c:
        c.create_topic(t, queues=1)
        out, tags = b"", []
        for i in range(500):
            data, opaque = c.request("GET_MAX_OFFSET", topic=t, queueId=0)
            out += data
            tags.append(opaque)
        for n in (1, 7, 1000, 20000):
            c.raw(out[:n])
            out = out[n:]
        c.raw(out)
        for opaque in tags:
            equal(c.rx(opaque).code, 0)


def test_resumed(b):
    """By a ticket, on whichever shard the second one is."""
    ctx = context(V12)
    session = None
    for i in range(8):
        s = ctx.wrap_socket(raw(b), session=session)
        if session:
            check(s.session_reused, "was not resumed")
        session = s.session
        s.close()


# ---- what is no TLS

def test_wrong_bytes(b):
    hello = client_hello()
    for bad in (b"\x16", b"\x16\x03\x01\x00\x05hello", b"\x16" + b"\xff" * 64,
                b"\x16\x03\x01\xff\xff" + b"\x01" * 70000,
                hello[:3] + b"\x00\x00" + hello[5:],
                hello[:40] + b"\x00" * 100, hello[:9] + b"\xff" * 600,
                hello + b"GET / HTTP/1.1\r\n\r\n",
                hello + b"\x17\x03\x03\x00\x20" + b"x" * 32,
                hello + hello):
        is_refused(b, bad)
    with Secure(b) as c:
        equal(c.ask("GET_BROKER_CLUSTER_INFO").code, 0)


def test_every_byte_altered(b):
    """A handshake with one byte changed fails or not, and harms nobody."""
    hello = client_hello()
    for i in range(1, len(hello), 7):
        is_refused(b, hello[:i] + bytes([hello[i] ^ 0x55]) + hello[i + 1:])


def test_cut_anywhere(b):
    """The handshake byte by byte, and the end in the middle of it."""
    hello = client_hello()
    s = raw(b)
    for i in range(len(hello)):
        s.sendall(hello[i:i + 1])
    check(s.recv(5)[:1] == b"\x16", "no ServerHello")
    s.close()
    for i in (1, 5, 6, len(hello) - 1):
        s = raw(b)
        s.sendall(hello[:i])
        s.shutdown(socket.SHUT_WR)
        equal(s.recv(100), b"")
        s.close()


def test_tampered_record(b):
    """After the handshake: bytes that are no record, or not from the client."""
    for bad in (b"\x17\x03\x03\x00\x20" + b"x" * 32, b"plain text, no record",
                b"\x17\x03\x03\xff\xff" + b"x" * 1000):
        c = Secure(b)
        equal(c.ask("GET_BROKER_CLUSTER_INFO").code, 0)
        fd = socket.socket(fileno=os.dup(c.sock.fileno()))
        fd.sendall(bad)
        fd.close()
        try:
            equal(c.sock.recv(1), b"")
        except OSError:
            pass
        c.close()


def test_old_versions(b):
    ctx = context()
    try:
        ctx.set_ciphers("ALL:@SECLEVEL=0")
        ctx.minimum_version = ssl.TLSVersion.TLSv1
        ctx.maximum_version = ssl.TLSVersion.TLSv1_1
    except ValueError:
        return     # the client's library has none
    refused(lambda: Secure(b, ctx))


def test_weak_ciphers(b):
    for name in ("AES128-SHA", "ECDHE-ECDSA-AES128-SHA", "AES256-GCM-SHA384"):
        ctx = context(V12)
        ctx.set_ciphers(name + ":@SECLEVEL=0")
        refused(lambda: Secure(b, ctx))


@alone
@ours("ten seconds, as Netty has it; the time is what is looked at")
def test_slow_handshake(b):
    """Neither silence nor a byte now and then keeps a half-open one open."""
    hello = client_hello()
    start = time.monotonic()
    silent, slow = raw(b), raw(b)
    silent.sendall(hello[:50])
    slow.settimeout(0.2)
    sent = 0
    ended = None
    while ended is None and time.monotonic() - start < 30:
        try:
            slow.sendall(hello[sent:sent + 1])
            sent += 1
            if slow.recv(1) == b"":
                ended = time.monotonic() - start
        except TimeoutError:
            pass
        except ConnectionError:
            ended = time.monotonic() - start
    check(ended and 9 < ended < 20, "closed after", ended)
    silent.settimeout(20)
    equal(silent.recv(1), b"")
    check(time.monotonic() - start < 25, "the silent one")
    with Secure(b) as c:
        equal(c.ask("GET_BROKER_CLUSTER_INFO").code, 0)


@alone
@ours("its clients' threads would be in the way")
def test_half_open(b):
    """Thousands that never finish cost little; others are served meanwhile."""
    hello = client_hello()
    socks = []
    try:
        for i in range(500):
            s = raw(b, ns=i % 2 == 0)
            s.sendall(hello[:20 + i % 200])
            socks.append(s)
        both_ways(b, context())
    finally:
        for s in socks:
            s.close()


def test_slow_reader(b):
    """Who doesn't read holds up nobody, and gets everything in the end."""
    t = b.name()
    body = os.urandom(1 << 20)
    with Secure(b) as c, Secure(b) as d:
        c.create_topic(t, queues=1)
        for i in range(24):
            c.send(t, body)
        asked = [d.tx("PULL_MESSAGE", **pull(t, i)) for i in range(24)]
        for i in range(50):
            c.send(t, b"x")
        for opaque in asked:
            a = d.rx(opaque)
            equal(a.code, 0)
            check(body in a.body, "another body")


def pull(t, offset):
    return dict(consumerGroup="g", topic=t, queueId=0, queueOffset=offset,
                maxMsgNums=1, sysFlag=4, commitOffset=0, subscription="*",
                suspendTimeoutMillis=0, subVersion=0, expressionType="TAG")


# ---- modes

@options(tlsMode="enforcing")
def test_enforcing(b):
    t = b.name()
    with Secure(b, ns=True) as ns:
        info = ns.ask("GET_BROKER_CLUSTER_INFO").json()
        (data,) = info["brokerAddrTable"].values()
        host, port = data["brokerAddrs"]["0"].rsplit(":", 1)
        b.broker_addr = (host, int(port))
        b.broker_name, b.cluster = data["brokerName"], data["cluster"]
    with Secure(b) as c:
        c.create_topic(t, queues=1)
        c.send(t, b"x")
        equal([r.body for r in c.drain(t)], [b"x"])
    for ns in (True, False):
        s = raw(b, ns)
        s.sendall(b"\0\0\0\x20\0\0\0\x10{\"code\":105}")
        equal(s.recv(100), b"")
        s.close()


@options(**{"tls.server.mode": "disabled"})
def test_disabled(b):
    with Client(b, ns=True) as c:
        equal(c.ask("GET_BROKER_CLUSTER_INFO").code, 0)
    refused(lambda: Secure(b, ns=True))
    with Client(b, ns=True) as c:
        equal(c.ask("GET_BROKER_CLUSTER_INFO").code, 0)


# ---- certificates

def from_file(**more):
    return options(before=make_files, tlsServerCertPath=SERVER,
                   tlsServerKeyPath=SERVER_KEY, tlsTestModeEnable="false",
                   tlsServerKeyPassword="pass word", **more)


@from_file()
def test_certificate(b):
    both_ways(b, context(trust=path("root.pem")))
    refused(lambda: Secure(b, context(trust=path("people.pem"))))
    with Secure(b) as c:
        cert = c.sock.getpeercert(True)
    with open(SERVER) as f:
        equal(cert, ssl.PEM_cert_to_DER_cert(f.read()))


@from_file(tlsServerNeedClientAuth="require", tlsServerAuthClient="true",
           tlsServerTrustCertPath=path("people.pem"))
def test_client_certificates(b):
    def ask(v, cert):
        # with 1.3 the client learns of it when it reads
        with Secure(b, context(v, cert=cert), ns=True) as c:
            equal(c.ask("GET_BROKER_CLUSTER_INFO").code, 0)
    for v in (V12, V13):
        ask(v, (path("client.pem"), path("client.key")))
        refused(lambda: ask(v, None))
        refused(lambda: ask(v, (path("stranger.pem"), path("stranger.key"))))


@from_file(tlsServerNeedClientAuth="optional", tlsServerAuthClient="true",
           tlsServerTrustCertPath=path("people.pem"))
def test_optional_client_certificates(b):
    for v in (V12, V13):
        both_ways(b, context(v))
        both_ways(b, context(v, cert=(path("client.pem"), path("client.key"))))


def renew(b):
    """Another certificate in the same files; the broker is told."""
    os.remove(SERVER)
    certificate("server", "root", password="pass word")
    hup(b)


def hup(b):
    b.proc.send_signal(signal.SIGHUP)


def served(b):
    with Secure(b, ns=True) as c:
        return c.sock.getpeercert(True)


@alone
@from_file()
def test_reload(b):
    """What is connected stays, new connections get the new certificate; files
    that can't be used change nothing."""
    t = b.name()
    with Secure(b) as c:
        c.create_topic(t, queues=1)
        old = served(b)
        renew(b)
        until("the new certificate", lambda: served(b) != old)
        for i in range(8):
            check(served(b) != old, "the old one again")
        c.send(t, b"still there")
        equal([r.body for r in c.drain(t)], [b"still there"])
        new = served(b)
        with open(SERVER, "r+") as f:
            text = f.read()
            f.seek(0)
            f.write("not a certificate")
            f.truncate()
        hup(b)
        until("the complaint", lambda: "tls_not_reloaded" in b.log_text())
        equal(served(b), new)
        with open(SERVER, "w") as f:
            f.write(text)


@alone
def test_own_is_kept(b):
    """What the broker has made at its start is not made again by a reload."""
    old = served(b)
    hup(b)
    until("the reload", lambda: "ev=reloaded" in b.log_text())
    for i in range(4):
        equal(served(b), old)


@alone
def test_no_churn(b):
    """Connections are counted and given back."""
    before = handshakes(b)
    with Client(b, ns=True) as c:
        for i in range(50):
            with Secure(b, ns=True) as s:
                equal(s.ask("GET_BROKER_CLUSTER_INFO").code, 0)
        until("the count", lambda: handshakes(b) - before == 50)
        equal(c.ask("GET_BROKER_CLUSTER_INFO").code, 0)


def test_many_threads(b):
    """Handshakes and traffic of many at once."""
    t = b.name()
    faults = []

    def one(i):
        try:
            with Secure(b, context((V12, V13)[i % 2])) as c:
                for k in range(20):
                    c.send(t, b"%d-%d" % (i, k) * 500)
        except Exception as e:
            faults.append(e)
    with Secure(b) as c:
        c.create_topic(t, queues=1)
        ts = [threading.Thread(target=one, args=(i,)) for i in range(16)]
        for th in ts:
            th.start()
        for th in ts:
            th.join(60)
        equal(faults, [])
        equal(len(c.drain(t)), 16 * 20)
