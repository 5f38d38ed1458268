# SPDX-License-Identifier: Apache-2.0
"""HTTPS: the admin API and lookups over TLS."""
import http.client
import json
import signal
import socket
import threading

from mqlib import alone, check, equal, options
from p10_tls import CERT, KEY
from tlslib import V12, V13, certificate, client_hello, context, make_files, \
    path, refused


def served(**more):
    return options(before=make_files, webServicePortTls=0,
                   tlsCertificateFilePath=CERT, tlsKeyFilePath=KEY, **more)


def https(b, ctx=None, timeout=10):
    return http.client.HTTPSConnection(
        "127.0.0.1", b.https_port, timeout=timeout, context=ctx or context())


def ask(c, method, path, body=None, want=200):
    c.request(method, path, body, {"Content-Type": "application/json"})
    r = c.getresponse()
    text = r.read()
    equal(r.status, want, text[:200])
    return json.loads(text) if text[:1] in (b"{", b"[") else text


def raw(b):
    s = socket.create_connection(("127.0.0.1", b.https_port), 10)
    s.settimeout(10)
    return s


@served()
def test_requests(b):
    """Many over one connection, with bodies both ways, in both versions."""
    for v in (V12, V13):
        c = https(b, context(v, trust=path("root.pem")))
        equal(ask(c, "GET", "/admin/v2/clusters"), ["standalone"])
        ns = "/admin/v2/namespaces/public/%s" % b.name("ns")
        ask(c, "PUT", ns, "{}", want=204)
        names = sorted("t%d" % i for i in range(50))
        for t in names:
            ask(c, "PUT", ns.replace("namespaces", "persistent") + "/" + t,
                want=204)
        got = ask(c, "GET", ns.replace("namespaces", "persistent"))
        equal(sorted(x.rsplit("/", 1)[1] for x in got), names)
        ask(c, "GET", "/admin/v2/none", want=404)
        check(b"magnetar_tls_handshakes_total" in ask(c, "GET", "/metrics"))
        c.close()


@served(brokerServicePortTls=0)
def test_lookup(b):
    c = https(b)
    a = ask(c, "GET", "/lookup/v2/topic/" + b.topic().replace("://", "/"))
    equal(a["brokerUrl"], f"pulsar://127.0.0.1:{b.port}")
    equal(a["brokerUrlTls"], f"pulsar+ssl://127.0.0.1:{b.tls_port}")
    equal(a["httpUrl"], f"http://127.0.0.1:{b.http}")
    equal(a["httpUrlTls"], f"https://127.0.0.1:{b.https_port}")
    c.close()
    # without a Host there is the address that the request has come to
    s = context().wrap_socket(raw(b))
    s.sendall(b"GET /lookup/v2/topic/%s HTTP/1.0\r\n\r\n" %
              b.topic().replace("://", "/").encode())
    text = b""
    while True:
        got = s.recv(10000)
        if not got:
            break
        text += got
    a = json.loads(text.split(b"\r\n\r\n", 1)[1])
    equal(a["httpUrlTls"], f"https://127.0.0.1:{b.https_port}")
    s.close()


@served()
def test_pieces(b):
    """A request byte by byte, several at once, and an end after the request."""
    get = b"GET /admin/v2/clusters HTTP/1.1\r\nHost: x\r\n\r\n"
    s = context().wrap_socket(raw(b))
    for i in range(len(get)):
        s.sendall(get[i:i + 1])
    s.sendall(get * 20)
    want, text = 21, b""
    while text.count(b"HTTP/1.1 200") < want or \
            text.count(b'["standalone"]') < want:
        got = s.recv(10000)
        check(got, "closed after", text.count(b"HTTP/1.1 200"))
        text += got
    s.close()


@served()
def test_large(b):
    """Answers of more than all buffers, to one who reads late."""
    c = https(b)
    ns = "/admin/v2/persistent/public/default/"
    name = b.name() + "x" * 180
    for i in range(300):
        ask(c, "PUT", ns + f"{name}-{i}", want=204)
    want = ask(c, "GET", ns)
    check(len(want) >= 300)
    one = (b"GET %s HTTP/1.1\r\nHost: x\r\n\r\n" % ns.encode())
    s = context().wrap_socket(raw(b))
    n = 100
    s.sendall(one * n)
    # others are served meanwhile
    for i in range(20):
        equal(ask(c, "GET", "/admin/v2/clusters"), ["standalone"])
    f = s.makefile("rb")
    for i in range(n):
        head = []
        while True:
            line = f.readline().strip().lower()
            if not line:
                break
            head.append(line)
        check(b"200" in head[0], head)
        (length,) = [int(h.split(b":")[1]) for h in head
                     if h.startswith(b"content-length")]
        equal(sorted(json.loads(f.read(length))), sorted(want))
    f.close()
    s.close()
    c.close()


@served()
def test_too_much(b):
    """A body that is over the limit, announced and not."""
    c = https(b)
    try:
        c.request("PUT", "/admin/v2/namespaces/public/x", b"x" * (2 << 20))
        equal(c.getresponse().status, 413)
    except OSError:
        pass            # closed amid what was refused
    c.close()
    equal(ask(https(b), "GET", "/admin/v2/clusters"), ["standalone"])


@served()
def test_wrong_bytes(b):
    for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", client_hello()[:50],
                 b"\x16\x03\x01\x00\x05hello", b""):
        s = raw(b)
        try:
            s.sendall(data)
            s.shutdown(socket.SHUT_WR)
            while s.recv(1000):
                pass
        except ConnectionError:
            pass
        s.close()
    socks = [raw(b) for i in range(200)]
    equal(ask(https(b), "GET", "/admin/v2/clusters"), ["standalone"])
    for s in socks:
        s.close()


@served()
def test_many(b):
    faults = []

    def one():
        try:
            for k in range(5):
                c = https(b, timeout=30)
                for i in range(5):
                    equal(ask(c, "GET", "/admin/v2/clusters"), ["standalone"])
                c.close()
        except Exception as e:
            faults.append(e)
    ts = [threading.Thread(target=one) for i in range(16)]
    for t in ts:
        t.start()
    for t in ts:
        t.join(60)
    equal(faults, [])


@served(tlsTrustCertsFilePath=path("people.pem"), webServiceTlsProtocols="TLSv1.2",
        tlsRequireTrustedClientCertOnConnect="true")
def test_rules(b):
    own = (path("client.pem"), path("client.key"))
    c = https(b, context(cert=own))
    equal(ask(c, "GET", "/admin/v2/clusters"), ["standalone"])
    equal(c.sock.version(), "TLSv1.2")
    c.close()
    refused(lambda: ask(https(b), "GET", "/admin/v2/clusters"))
    refused(lambda: ask(https(b, context(V13, cert=own)), "GET",
                        "/admin/v2/clusters"))


@alone
@served()
def test_reload_and_end(b):
    """Another certificate under a connection that stays; the end with one open
    and one amid its handshake."""
    def cert():
        c = https(b)
        c.connect()
        got = c.sock.getpeercert(True)
        c.close()
        return got
    c = https(b)
    equal(ask(c, "GET", "/admin/v2/clusters"), ["standalone"])
    old = cert()
    certificate("plain", "root")
    b.proc.send_signal(signal.SIGHUP)
    for i in range(1000):
        equal(ask(c, "GET", "/admin/v2/clusters"), ["standalone"])
        if cert() != old:
            break
    check(cert() != old, "the old certificate is served")
    s = raw(b)
    s.sendall(client_hello()[:40])
    equal(b.terminate(), 0)
    s.close()
    c.close()
