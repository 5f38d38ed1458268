# SPDX-License-Identifier: Apache-2.0
"""How many connections there may be, how long they may take, and how their ends are
counted; on each port."""
import http.client
import os
import resource
import select
import socket
import ssl
import struct
import time

from mqlib import Client, alone, check, closed, counters, equal, options
import mqlib
from p10_tls import CERT, KEY
import rmqlib
from rmqlib import until
from tlslib import context, make_files

BIG = 120000
GET = b"GET /admin/v2/clusters HTTP/1.1\r\nHost: x\r\n\r\n"


def refused(c, text):
    m = c.rx("ERROR", request_id=mqlib.NONE)
    equal(mqlib.pb.ServerError.Name(m.error), "NotAllowedError")
    equal(m.message, text)
    c.rx_closed()


def silent(b, source):
    """A connection that has said nothing yet."""
    return Client(b, connect=False, source=source)


def dial(host, port, source="127.0.0.1"):
    return socket.create_connection((host, port), 10, (source, 0))


@options(brokerMaxConnections=3, brokerMaxConnectionsPerIp=2, shards=2)
@alone
def test_pulsar(b):
    one, two = silent(b, "127.0.0.2"), silent(b, "127.0.0.2")
    for c in one, two:  # shards accept in no order, but who is answered is in
        c.connect()
    more = silent(b, "127.0.0.2")
    refused(more, "Reached the maximum number of connections on address/%s:%d"
            % more.sock.getsockname())
    other = silent(b, "127.0.0.3")
    other.connect()
    refused(silent(b, "127.0.0.4"), "Reached the maximum number of connections")
    until("the refused ones are counted", lambda: closed(b, "limit") == 2)
    two.close()

    def there():
        c = silent(b, "127.0.0.2")
        c.tx("CONNECT", client_version="x", protocol_version=21)
        name = c.rx_any()[0]
        if name != "CONNECTED":
            c.close()
            return None
        return c

    # its place is free again, also for who moves to another shard
    three = until("room", there)
    for i in range(8):
        three.producer(b.topic(), i + 1)
    refused(silent(b, "127.0.0.3"), "Reached the maximum number of connections")


@options(before=make_files, brokerServicePortTls=0, tlsCertificateFilePath=CERT,
         tlsKeyFilePath=KEY, brokerMaxConnections=1)
@alone
def test_pulsar_tls(b):
    """Who is refused is told so over TLS as well."""
    with Client(b):
        s = context().wrap_socket(dial(b.host, b.tls_port))
        data = b""
        while len(data) < 4 or len(data) < 4 + struct.unpack(">I", data[:4])[0]:
            got = s.recv(65536)
            check(got, "closed without a word")
            data += got
        check(b"Reached the maximum number of connections" in data, data)
        check(over(s), "it stays open")


def over(s, seconds=10.0):
    """Closed, in whatever way."""
    s.settimeout(seconds)
    try:
        while s.recv(65536):
            pass
    except socket.timeout:
        return False
    except OSError:
        pass
    return True


def shut(b, port, source):
    """Closed as soon as it is there, or before."""
    try:
        return over(dial(b.host, port, source))
    except ConnectionError:
        return True


@options(rocketmqMaxConnections=3, rocketmqMaxConnectionsPerIp=2)
@alone
def test_rocketmq(b):
    port = b.namesrv[1]

    def client(source):
        c = rmqlib.Client(b, ns=True, source=source)
        c.ask(106)  # as above
        return c

    def there():
        try:
            return client("127.0.0.2")
        except (OSError, mqlib.Fail):
            return None

    first = [client("127.0.0.2") for _ in range(2)]
    check(shut(b, port, "127.0.0.2"), "a third one of an address")
    third = client("127.0.0.3")
    check(shut(b, port, "127.0.0.4"), "a fourth one")
    until("both are counted", lambda: closed(b, "limit") == 2)
    for c in first:
        c.close()
    until("there is room", there).close()
    third.close()


@options(httpMaxConnectionsPerIp=2)
@alone
def test_http(b):
    held = []
    for _ in range(2):
        c = http.client.HTTPConnection(b.host, b.http, 10, ("127.0.0.2", 0))
        c.request("GET", "/admin/v2/clusters")
        equal(c.getresponse().read(), b'["standalone"]')
        held.append(c)
    check(shut(b, b.http, "127.0.0.2"), "a third one of an address")
    equal(held[0].request("GET", "/admin/v2/clusters"), None)
    equal(held[0].getresponse().status, 200)
    held[1].close()
    until("there is room", lambda: asks(b, "127.0.0.2"))
    until("it was counted", lambda: closed(b, "limit") >= 1)


def asks(b, source):
    try:
        with dial(b.host, b.http, source) as s:
            s.sendall(GET)
            s.settimeout(10)
            return s.recv(65536).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


@options(maxHttpServerConnections=10)
@alone
def test_newest(b):
    """Of HTTP the newest connection finds room, at the cost of who waits longest."""
    old = [dial(b.host, b.http) for _ in range(10)]
    # of these the first ones go
    for i in range(5):
        check(asks(b, "127.0.0.1"), i)
    check(over(old[0]), "the oldest one stays")
    until("it was counted", lambda: closed(b, "evicted") >= 1)


def leave(b, n):
    """About so many descriptors can still be opened."""
    n += len(os.listdir(f"/proc/{b.proc.pid}/fd"))
    resource.prlimit(b.proc.pid, resource.RLIMIT_NOFILE, (n, n))


@options(shards=2)
@alone
def test_descriptors(b):
    """Where there are none left, those go that have not said who they are."""
    with Client(b) as c, rmqlib.Client(b) as r:
        c.producer(b.topic())
        q = b.name()
        r.create_topic(q)
        r.send(q)
        leave(b, 60)
        held = [dial(b.host, port) for _ in range(100)
                for port in (b.port, b.namesrv[1], b.http)]
        for i in range(10):
            check(asks(b, "127.0.0.1"), "HTTP", i)
            with Client(b) as d, rmqlib.Client(b, ns=True) as e:
                d.sync()
                e.ask(106)
            c.publish(1, i)
            r.send(q)
        until("they are counted", lambda: closed(b, "evicted") > 100)
        for s in held:
            s.close()


@options(shards=2)
@alone
def test_strangers_of_all_shards(b):
    """HTTP is one shard's; for its sake those of others go, too."""
    held = [dial(b.host, b.port) for _ in range(60)]
    until("they are there",
          lambda: counters(b)["magnetar_connections_active"] >= len(held))
    leave(b, 4)
    bodies = []
    for i in range(13):
        # with three descriptors, and no stranger
        bodies.append(dial(b.host, b.http))
        bodies[i].sendall(b"PUT /admin/v2/tenants/x HTTP/1.1\r\nHost: x\r\n"
                          b"Content-Length: 1000\r\n\r\n")
    for s in bodies:
        s.sendall(b" " * 1000)
        s.settimeout(10)
        check(s.recv(65536).startswith(b"HTTP/1.1 "), "refused")
    for s in held + bodies:
        s.close()


# ---- time

QUICK = dict(before=make_files, brokerServicePortTls=0, webServicePortTls=0,
             tlsCertificateFilePath=CERT, tlsKeyFilePath=KEY,
             tlsServerCertPath=CERT, tlsServerKeyPath=KEY,
             tlsTestModeEnable="false", keepAliveIntervalSeconds=4,
             receiveTimeoutSeconds=1, receiveMinBytesPerSecond=10000)


def ports(b):
    """{name: a function that dials it}"""
    def plain(port):
        return lambda: dial(b.host, port)

    def tls(port):
        return lambda: context().wrap_socket(dial(b.host, port))

    return dict(pulsar=plain(b.port), pulsar_tls=tls(b.tls_port),
                rocketmq=plain(b.namesrv[1]), rocketmq_tls=tls(b.namesrv[1]),
                http=plain(b.http), https=tls(b.https_port))


def pieces(name):
    """The bytes that a trickle on this port sends."""
    if "http" in name:
        return b"GET /" + b"x" * 4000
    return struct.pack(">II", 4000, 3000) + b"\0" * 3000


def ends(socks, seconds):
    """{name: seconds until it was closed}; those that stay are left out."""
    start, out = time.monotonic(), {}
    left = {s: name for name, s in socks.items()}
    while left and time.monotonic() < start + seconds:
        for s in select.select(list(left), [], [], 0.2)[0]:
            try:
                if s.recv(65536):
                    continue
            except (ssl.SSLWantReadError, BlockingIOError):
                continue
            except OSError:
                pass
            out[left.pop(s)] = time.monotonic() - start
    return out


@options(**QUICK)
@alone
def test_silent(b):
    """Who says nothing goes, on every port, and is counted."""
    socks = {name: f() for name, f in ports(b).items()}
    for s in socks.values():
        s.setblocking(False)
    equal(set(ends(socks, 15)), set(socks))
    until("all are counted", lambda: closed(b, "handshake_timeout") == len(socks))


@options(**QUICK)
@alone
def test_trickle(b):
    """Who says it a byte at a time, too."""
    socks = {name: f() for name, f in ports(b).items()}
    left, i = dict(socks), 0
    end = time.monotonic() + 15
    while left and time.monotonic() < end:
        for name, s in list(left.items()):
            try:
                s.sendall(pieces(name)[i:i + 1])
            except OSError:
                del left[name]
        i += 1
        time.sleep(0.1)
    equal(left, {})
    until("all are counted", lambda: closed(b, "slow") == len(socks))


@options(**QUICK)
@alone
def test_steady(b):
    """A long frame on a slow link gets there."""
    with Client(b) as c, rmqlib.Client(b) as r:
        t, q = b.topic(), b.name()
        c.producer(t)
        r.create_topic(q)
        data, _ = r.request("SEND_MESSAGE_V2", b"x" * BIG, **r.send_fields(q))
        frames = {c: mqlib.frame(
            mqlib.command("SEND", producer_id=1, sequence_id=0, num_messages=1),
            mqlib.body(mqlib.metadata(), b"x" * BIG)), r: data}
        step = 12000  # four times as fast as it has to be
        for at in range(0, max(map(len, frames.values())), step):
            for who, data in frames.items():
                who.raw(data[at:at + step])
            time.sleep(0.3)
        c.rx("SEND_RECEIPT")
        r.rx()
    equal(closed(b, "slow"), 0)


@options(**QUICK)
@alone
def test_stall(b):
    """One that stands still does not, and what came before is no excuse."""
    def begin(name):
        s = ports(b)[name]()
        if "http" in name:
            s.sendall(b"PUT /admin/v2/tenants/x HTTP/1.1\r\nHost: x\r\n"
                      b"Content-Length: 1000000\r\n\r\n" + b" " * 500000)
        else:
            if "pulsar" in name:
                s.sendall(mqlib.frame(mqlib.command(
                    "CONNECT", client_version="x", protocol_version=21)))
                check(s.recv(65536))
            s.sendall(struct.pack(">II", 1000000, 3000) + b"\0" * 500000)
        return s

    socks = {name: begin(name) for name in ports(b)}
    for s in socks.values():
        s.setblocking(False)
    equal(set(ends(socks, 15)), set(socks))
    until("all are counted", lambda: closed(b, "slow") == len(socks))
