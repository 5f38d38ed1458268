#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Attacks on a broker with TLS and authentication, beside honest clients.

usage: tests/hostile.py [--broker PATH] [--connections N] [--seconds S] [NAME...]

Honest clients of both protocols and of HTTP send at a fixed rate, before each attack
and during it; NAME is a part of an attack's name. Of each attack is told: how its
connections ended, the honest clients' p99 before and during (from the time at which
they meant to send), the broker's memory. It fails where the broker ends, where memory
grows by more than what connections may have, where honest clients fail or wait longer
than LATE, or where an attacker gets anything but the protocol's error or a close in
time. make check runs it with few connections; by hand: --connections 10000 --seconds 20.
"""
import argparse
import base64
import collections
import http.client
import importlib.machinery
import importlib.util
import json
import multiprocessing
import os
import re
import resource
import select
import selectors
import socket
import ssl
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(HERE, "script"))
import mqlib  # noqa: E402
import rmqlib  # noqa: E402
import tlslib  # noqa: E402
from jwtlib import SECRET, b64, key_pair, token  # noqa: E402
from mqlib import check  # noqa: E402
import p15_http_raw  # noqa: E402

RATE = 40                # a second, of each honest client
LATE = 2.0               # seconds: p99 of an honest client under attack
KEEP_ALIVE = 3           # seconds to say who one is, or anything
RECEIVE = 3              # for what was begun
TLS_SHAKE = 10           # and for TLS: CONN_TLS_HANDSHAKE_MS
IN_TIME = TLS_SHAKE + 2 * RECEIVE
BUDGET_MB = 64           # bufferBudgetMB
CONN_KB = 64             # what a connection may cost
REST_MB = 40             # what the allocator keeps, and HTTP_BODIES_MAX
FIRST = '{"username":"root","password":"12345678"}'


def load_run():
    path = os.path.join(HERE, "script", "run")
    loader = importlib.machinery.SourceFileLoader("script_run", path)
    mod = importlib.util.module_from_spec(
        importlib.util.spec_from_loader("script_run", loader))
    loader.exec_module(mod)
    return mod


def options():
    cert, key = tlslib.certificate("hostile", "root")
    return dict(
        authenticationEnabled="true", authorizationEnabled="true",
        authenticationProviders="token", superUserRoles="root",
        tokenSecretKey="data:;base64," + base64.b64encode(SECRET).decode(),
        initAuthenticationUser=FIRST, brokerServicePortTls="0",
        webServicePortTls="0", tlsCertificateFilePath=cert, tlsKeyFilePath=key,
        tlsServerCertPath=cert, tlsServerKeyPath=key, tlsTestModeEnable="false",
        keepAliveIntervalSeconds=str(KEEP_ALIVE),
        receiveTimeoutSeconds=str(RECEIVE), bufferBudgetMB=str(BUDGET_MB))


# ---- honest clients, in a process of their own

def pulsar_loop(b):
    c = mqlib.Client(b, auth_method_name="token", auth_data=token("root").encode())
    c.producer("persistent://public/default/honest")
    n = 0

    def one():
        nonlocal n
        c.publish(1, n)
        n += 1
    return one


def rocketmq_loop(b):
    c = rmqlib.Signed(b, "root", "12345678")
    c.create_topic("honest-rmq")
    return lambda: c.rx(c.tx_send("honest-rmq"))


def http_loop(b):
    c = http.client.HTTPConnection(b.host, b.http, timeout=10)
    head = {"Authorization": "Bearer " + token("root")}

    def one():
        c.request("GET", "/admin/v2/clusters", None, head)
        r = c.getresponse()
        r.read()
        check(r.status == 200, "honest HTTP", r.status)
    return one


def newcomer_loop(b):
    head = {"Authorization": "Bearer " + token("root")}

    def one():
        c = http.client.HTTPConnection(b.host, b.http, timeout=10)
        c.request("GET", "/admin/v2/clusters", None, head)
        check(c.getresponse().status == 200, "a newcomer over HTTP")
        c.close()
    return one


def honest(make, b, pipe, stop):
    """(intended time, seconds) of each exchange; an exception's text at the end."""
    out, why = [], None
    try:
        one, at = make(b), time.monotonic()
        while not stop.is_set():
            at += 1 / RATE
            time.sleep(max(0, at - time.monotonic()))
            one()
            out.append((at, time.monotonic() - at))
    except Exception as e:
        why = f"{make.__name__}: {e!r}"
    pipe.send((out, why))


class Honest:
    def __init__(self, b):
        ctx = multiprocessing.get_context("fork")
        self.stop = ctx.Event()
        self.runs = []
        for make in (pulsar_loop, rocketmq_loop, http_loop, newcomer_loop):
            mine, theirs = ctx.Pipe(False)
            p = ctx.Process(target=honest, args=(make, b, theirs, self.stop))
            p.start()
            self.runs.append((make.__name__.split("_")[0], p, mine))

    def end(self):
        """{protocol: [(time, seconds)]} and what went wrong."""
        self.stop.set()
        out, wrong = {}, []
        for name, p, pipe in self.runs:
            out[name], why = pipe.recv() if pipe.poll(30) else ([], "no answer")
            if why:
                wrong.append(f"{name}: {why}")
            p.join(10)
        return out, wrong


def p99(samples, since, until):
    v = sorted(s for at, s in samples if since <= at < until)
    return v[max(0, -(-len(v) * 99 // 100) - 1)] if v else None


# ---- attackers

def connect(b, port, n, tls=False):
    """n connections from addresses of their own, so that what they are slowed by
    doesn't slow honest ones."""
    out = []
    for _ in range(n):
        b.n += 1
        s = socket.create_connection((b.host, port), 10,
                                     (f"127.0.1.{1 + b.n % 200}", 0))
        if tls:
            s = tlslib.context().wrap_socket(s)
        out.append(s)
    return out


def ends(socks, seconds):
    """How many were closed within the time, and what came before that."""
    sel, got = selectors.DefaultSelector(), collections.defaultdict(bytes)
    for s in socks:
        s.setblocking(False)
        sel.register(s, selectors.EVENT_READ)
    closed, until = 0, time.monotonic() + seconds
    while sel.get_map() and time.monotonic() < until:
        for key, _ in sel.select(0.2):
            s = key.fileobj
            try:
                part = s.recv(65536)
            except (ssl.SSLWantReadError, BlockingIOError):
                continue
            except OSError:
                part = b""
            if part:
                got[s] += part
                continue
            closed += 1
            sel.unregister(s)
    sel.close()
    for s in socks:
        s.close()
    return closed, [got[s] for s in socks]


def all_end(socks, seconds, what):
    n = len(socks)
    closed, got = ends(socks, seconds)
    check(closed == n, f"{what}: {closed} of {n} closed in {seconds} s")
    return got


def ports(b):
    return dict(pulsar=b.port, namesrv=b.namesrv[1], rocketmq=b.rmq_port,
                http=b.http, pulsar_tls=b.tls_port, https=b.https_port)


def trickle(first, i, socks, still):
    """The next byte to each; those that are closed are taken out of still."""
    for name, data in first.items():
        for s in socks[name]:
            if s not in still:
                continue
            try:
                s.send(data[i:i + 1])
            except OSError:
                still.discard(s)


def half_open(b, n, seconds):
    """Connections that say nothing, and as many that say it a byte now and then, on
    every port: all of them are closed in time, and their ends are counted."""
    hello = tlslib.client_hello()
    word = struct.pack(">II", 4000, 3000) + b"\0" * 3000
    first = dict(pulsar=word, rocketmq=word, namesrv=word, pulsar_tls=hello,
                 https=hello, http=b"GET /" + b"x" * 4000, rocketmq_tls=hello)
    where = dict(ports(b), rocketmq_tls=b.rmq_port)
    n, was = max(1, n // (2 * len(where))), mqlib.counters(b)
    socks = {k: connect(b, port, n) for k, port in where.items()}
    slow = {k: connect(b, port, n) for k, port in where.items()}
    still = {s for v in slow.values() for s in v}
    until, i = time.monotonic() + IN_TIME + seconds, 0
    while still and time.monotonic() < until:
        trickle(first, i, slow, still)
        i += 1
        time.sleep(0.2)
    on = [k for k, v in slow.items() if still & set(v)]
    check(not on, f"trickles on beyond {IN_TIME + seconds} s: {on}")
    for name, v in socks.items():
        all_end(v, max(1, until - time.monotonic()), f"silent on {name}")
    for s in (s for v in slow.values() for s in v):
        s.close()
    name = "magnetar_connections_closed_total"
    reasons = ("handshake_timeout", "slow", "evicted", "limit")

    def counted():
        now = mqlib.counters(b)
        return [now[k] - was[k] for k in
                (f'{name}{{reason="{r}"}}' for r in reasons)]

    made = 2 * n * len(where)
    rmqlib.until(f"{made} closes are counted", lambda: sum(counted()) >= made)
    return f"{made} connections, " + ", ".join(
        f"{v} {r}" for r, v in zip(reasons, counted()) if v)


def storm(b, n, seconds):
    """Connections that are given up as soon as they are there, some with a word."""
    for i in range(n):
        port = list(ports(b).values())[i % 6]
        (s,) = connect(b, port, 1)
        if i % 2:
            s.send(b"\0\0\0\x19" if i % 3 else b"GET ")
        if i % 4 == 0:
            s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                         struct.pack("ii", 1, 0))
        s.close()
    return f"{n} connections"


def heads(b, n, seconds):
    """Heads of any length, two requests in one, paths that climb."""
    for fn in (p15_http_raw.test_long_heads, p15_http_raw.test_smuggling,
               p15_http_raw.test_traversal):
        fn(b)
    return "as p15_http_raw.py has them"


GIB = 1 << 30


def lengths(b, n, seconds):
    """Lengths of 1 GiB and more, in every place where there is one."""
    connected = mqlib.frame(mqlib.command(
        "CONNECT", client_version="x", protocol_version=21,
        auth_method_name="token", auth_data=token("root").encode()))
    head = b"PUT /admin/v2/tenants/x HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer " \
        + token("root").encode() + b"\r\n"
    tries = [
        ("pulsar", struct.pack(">II", GIB, 8)),
        ("pulsar", struct.pack(">II", 0xffffffff, 0xffffffff)),
        ("pulsar", struct.pack(">II", 64, GIB) + b"x" * 60),
        ("pulsar", connected + struct.pack(">II", GIB, 8) + b"x" * 8),
        ("pulsar", connected + struct.pack(">IIB", 9, 5, 8) +
         b"\xff\xff\xff\xff\x0f"),
        ("rocketmq", struct.pack(">II", GIB, 8)),
        ("rocketmq", struct.pack(">II", 0xffffffff, 8)),
        ("rocketmq", struct.pack(">II", 100, 0x00ffffff) + b"x" * 96),
        ("rocketmq", struct.pack(">II", 100, 0x01fffffe) + b"x" * 96),
        ("http", head + b"Content-Length: %d\r\n\r\n" % GIB),
        ("http", head + b"Content-Length: 99999999999999999999999\r\n\r\n"),
        ("http", head + b"Transfer-Encoding: chunked\r\n\r\n"
         b"40000000\r\n" + b"x" * 65536),
    ]
    for port, data in tries:
        if port == "http" and b"chunked" in data:
            # a chunk may come slowly: it is its sum that is too much
            data += b"x" * (2 << 20)
        socks = connect(b, ports(b)[port], max(1, n // len(tries)))
        for s in socks:
            try:
                s.sendall(data)
            except OSError:
                pass
        all_end(socks, 5 + seconds, f"{port} {data[-8:]!r}") \
            if port != "http" else refused_http(socks, 5 + seconds, data)
    return f"{len(tries)} kinds"


def refused_http(socks, seconds, data):
    _, got = ends(socks, min(seconds, 2))
    for g in got:
        check(g == b"" or g.startswith((b"HTTP/1.1 4", b"HTTP/1.1 5")),
              f"{data[:60]!r}: {g[:80]!r}")


def bodies(b, n, seconds):
    """Large frames and bodies that nobody ends, from nobody: so much memory as is
    meant for it, however many there are."""
    most = 5 << 20
    for port, head, size in (
            (b.http, b"PUT /admin/v2/tenants/x HTTP/1.1\r\nHost: x\r\n"
             b"Content-Length: 1048000\r\n\r\n", 1000000),
            (b.port, struct.pack(">II", most, most - 100), 3 << 20),
            (b.namesrv[1], struct.pack(">II", most, 100), 3 << 20)):
        base = rss_mb(b.proc.pid)
        socks = connect(b, port, min(max(n, 200), 500))
        data = memoryview(head + b"x" * size)
        left = {s: data for s in socks}
        until = time.monotonic() + 2 + seconds
        for s in socks:
            s.setblocking(False)
        while left and time.monotonic() < until:
            for s in select.select([], list(left), [], 0.2)[1]:
                try:
                    left[s] = left[s][s.send(left[s][:65536]):]
                except OSError:
                    left[s] = b""
                if not left[s]:
                    del left[s]
        memory = Memory(b.proc.pid)
        ends(list(socks), 1)
        memory.over.set()
        more, room = memory.most - base, REST_MB
        if port != b.http:
            room += BUDGET_MB
        check(more <= b.factor * (room + len(socks) * CONN_KB / 1024),
              f"{more:.0f} MiB more for {head[:20]!r}")
    return f"{len(socks)} on each port"


def openssl_says(b, port, *args, text=b""):
    r = subprocess.run(("openssl", "s_client", "-connect", f"{b.host}:{port}",
                        "-brief", *args), input=text, timeout=30,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return r.returncode, r.stdout


def tls(b, n, seconds):
    """Renegotiation, downgrades, another protocol, and hellos that are cut or changed."""
    ports_tls = (b.tls_port, b.https_port, b.namesrv[1])
    for port in ports_tls:
        # "R" asks for a renegotiation
        _, said = openssl_says(b, port, "-tls1_2", text=b"R\n")
        check(b"TLSv1.2" in said and b"RENEGOTIATING" in said and
              b"no renegotiation" in said, said[-300:])
        for old in ("-tls1", "-tls1_1"):
            code, said = openssl_says(b, port, old, "-cipher", "ALL:@SECLEVEL=0")
            check(code != 0 and b"CONNECTION ESTABLISHED" not in said, old)
        for cipher in ("NULL", "EXPORT", "RC4", "3DES", "aNULL"):
            code, said = openssl_says(b, port, "-tls1_2", "-cipher",
                                      cipher + ":@SECLEVEL=0")
            check(b"CONNECTION ESTABLISHED" not in said, cipher)
    hello = tlslib.client_hello()
    for i in range(n):
        port = ports_tls[i % 2]
        at = i * 7 % len(hello)
        bad = (hello[:at] + bytes([hello[at] ^ 1 << i % 8]) + hello[at + 1:],
               hello[:at], b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff" + hello,
               hello * 3)[i % 5]
        (s,) = connect(b, port, 1)
        s.sendall(bad)
        s.shutdown(socket.SHUT_WR)
        closed, _ = ends([s], 10)
        check(closed == 1, f"stays open after {bad[:20]!r}")
    return f"{n} hellos"


def tokens_of(i):
    """Tokens of somebody who wants to be root, each wrong in its way."""
    good = token("root")
    head, claims, sig = good.split(".")
    with open(key_pair("RS256")[1], "rb") as f:
        pem = f.read()
    raw = base64.urlsafe_b64decode(sig + "==")
    flip = bytearray(raw)
    flip[i % len(raw)] ^= 1 << i % 8

    def none(alg):
        return b64(json.dumps(dict(alg=alg, typ="JWT")).encode())
    return (
        f"{none('none')}.{claims}.", f"{none('None')}.{claims}.{sig}",
        f"{none('nOnE')}.{claims}", token("root", "HS256", key=pem),
        token("root", "RS256"), token("root", "ES256"),
        token("root", key=b"\0"), token("root", key=b"\0" * 64),
        token("root", key=b"x" * 64, header=dict(kid="../../../../dev/null")),
        token("root", key=b"\0", header=dict(kid="/dev/null")),
        token("root", key=b"x", header=dict(kid="' UNION SELECT 'x")),
        token("root", key=pem, header=dict(jwk=dict(kty="oct", k=b64(pem)))),
        token("root", key=pem, header=dict(jku="http://127.0.0.1:1/keys")),
        token("root", key=pem, header=dict(x5u="file:///etc/passwd", x5c=["x"])),
        token("root", header=dict(b64=False, crit=["b64"])),
        good + "A", good[:-2], good + "=", good.replace(".", "..", 1),
        f"{head}.{claims}.{b64(bytes(flip))}",
        f"{head}.{b64(b'{%s}' % b'[' * 5000)}.{sig}",
        f"{head}.{b64(json.dumps(dict(sub='root', exp=1)).encode())}.{sig}",
        token("root", exp=1), token("root", nbf=2**40), "x" * (1 << 20),
        ".".join(["a"] * 10000), "Bearer " + good + "x", "\0" + good, good + "\0x")


def tokens(b, n, seconds):
    """All of them are refused, over both doors."""
    kinds = tokens_of(0)
    for i in range(max(n // 4, len(kinds))):
        t = tokens_of(i)[i % len(kinds)]
        (s,) = connect(b, b.port, 1)
        try:
            s.sendall(mqlib.frame(mqlib.command(
                "CONNECT", client_version="x", protocol_version=21,
                auth_method_name="token", auth_data=t.encode())))
        except OSError:
            pass
        (got,) = all_end([s], 10 + seconds, f"token {i % len(kinds)}")
        check(got == b"" or b"Failed to authenticate" in got, got[:200])
        if "\0" in t or len(t) > 30000:
            continue
        (s,) = connect(b, b.http, 1)
        s.sendall(b"GET /admin/v2/tenants HTTP/1.1\r\nHost: x\r\nConnection: close"
                  b"\r\nAuthorization: Bearer " + t.encode() + b"\r\n\r\n")
        (got,) = all_end([s], 10 + seconds, f"token {i % len(kinds)} over HTTP")
        check(got.startswith(b"HTTP/1.1 401"), f"token {i % len(kinds)}", got[:80])
    return f"{len(kinds)} kinds"


def altered(data, i):
    """A signed request with something else in its header, body or signature."""
    body = data[8 + struct.unpack(">I", data[4:8])[0]:]
    head = data[8:-len(body)]
    head, body = (
        (head.replace(b'"b": "forged"', b'"b": "honest-rmq"'), body),
        (head, body[:-1] + b"y"), (head, body + b"y"),
        (head.replace(b'"Signature": "', b'"Signature": "A'), body),
        (head.replace(b'"AccessKey": "root"', b'"AccessKey": "rooT"'), body),
        (head.replace(b'"AccessKey": "root"', b'"X": "root"'), body),
        (head.replace(b'"code": 310', b'"code": 25'), b"x=y"))[i % 7]
    return struct.pack(">II", 4 + len(head) + len(body), len(head)) + head + body


def signatures(b, n, seconds):
    """Signed requests that were altered are refused. One that is sent again is what
    it was: the protocol's signature has neither time nor number."""
    with rmqlib.Signed(b, "root", "12345678") as c:
        c.create_topic("forged")
        c.sock.close()
        (c.sock,) = connect(b, b.namesrv[1], 1)
        for i in range(min(n, 14)):
            data, opaque = c.request("SEND_MESSAGE_V2", b"x",
                                     **c.send_fields("forged"))
            c.raw(altered(data, i))
            a = c.rx(opaque, code=None, timeout=20 + seconds)
            check(a.code == 16, f"change {i % 7}: {a}")
    return "7 changes"


def names(b, n, seconds):
    """Names that are paths, in every place for a name; nothing is made of them."""
    root = os.path.dirname(b.data())
    before = sorted(os.listdir(root))
    with mqlib.Client(b, auth_method_name="token",
                      auth_data=token("root").encode()) as c, \
            rmqlib.Signed(b, "root", "12345678") as r:
        for name in ("../../x", "..", "/etc/passwd", "a/../../b", "a\\..\\b",
                     "%2e%2e%2fx", "\x01", "x" * 5000, "a b", "${jndi:x}", "*"):
            for t in (f"persistent://public/default/{name}", name,
                      f"persistent://{name}/default/t",
                      f"persistent://public/{name}/t"):
                req = c.next_req()
                c.tx("PRODUCER", topic=t, producer_id=req, request_id=req)
                check(c.rx_any()[0] in ("ERROR", "PRODUCER_SUCCESS"))
                req = c.next_req()
                c.tx("SUBSCRIBE", topic="persistent://public/default/names",
                     subscription=name, consumer_id=req, subType=1,
                     request_id=req)
                check(c.rx_any()[0] in ("ERROR", "SUCCESS",
                                        "ACTIVE_CONSUMER_CHANGE"))
            for ask in (dict(topic=name, queueId=0), dict(topic="honest", group=name)):
                r.ask("GET_MAX_OFFSET", code=None, **ask)
            r.ask("UPDATE_AND_CREATE_TOPIC", topic=name, defaultTopic="TBW102",
                  readQueueNums=1, writeQueueNums=1, perm=6, order=False,
                  topicFilterType="SINGLE_TAG", topicSysFlag=0, code=None)
            r.ask("AUTH_CREATE_USER", dict(username=name, password="password"),
                  username=name, code=None)
            r.ask("PUT_KV_CONFIG", namespace=name, key=name, value="x", code=None)
    check(sorted(os.listdir(root)) == before, os.listdir(root))
    return "11 names"


ATTACKS = (half_open, storm, heads, lengths, bodies, tls, tokens, signatures, names)


# ---- the whole

def rss_mb(pid):
    with open(f"/proc/{pid}/status", encoding="ascii") as f:
        for line in f:
            if line.startswith("VmRSS:"):
                return int(line.split()[1]) / 1024
    return 0.0


class Memory(threading.Thread):
    """The most that the broker had while this runs."""

    def __init__(self, pid):
        super().__init__(daemon=True)
        self.pid, self.most, self.over = pid, rss_mb(pid), threading.Event()
        self.start()

    def run(self):
        while not self.over.wait(0.05):
            self.most = max(self.most, rss_mb(self.pid))


def attack(b, fn, args):
    """One line of the result; what is wrong with it."""
    base, bad = rss_mb(b.proc.pid), []
    people = Honest(b)
    quiet = time.monotonic() + 0.5
    time.sleep(0.5 + args.seconds)
    start = time.monotonic()
    memory = Memory(b.proc.pid)
    try:
        said = fn(b, args.connections, args.seconds)
    except (mqlib.Fail, OSError) as e:
        said, bad = "failed", [f"{fn.__name__}: {e!r}"]
    end = time.monotonic()
    memory.over.set()
    memory.join()
    lat, wrong = people.end()
    bad += wrong
    if not b.alive():
        return said, [f"{fn.__name__}: the broker ended"] + bad
    room = b.factor * (BUDGET_MB + REST_MB + args.connections * CONN_KB / 1024)
    if memory.most - base > room:
        bad.append(f"{fn.__name__}: {memory.most - base:.0f} MiB more, of {room:.0f}")
    words = []
    for name, v in lat.items():
        was, now = p99(v, quiet, start), p99(v, start, end)
        if now is not None and now > b.factor * LATE:
            bad.append(f"{fn.__name__}: honest {name} waits {now:.2f} s")
        words.append(f"{name} {(was or 0) * 1e3:.1f}/{(now or 0) * 1e3:.1f}")
    return (f"{said}, {end - start:.1f} s, p99 ms {', '.join(words)}, "
            f"memory {base:.0f}/{memory.most:.0f} MiB"), bad


def main():
    ap = argparse.ArgumentParser(usage=__doc__)
    ap.add_argument("--broker", default="./magnetar")
    ap.add_argument("--connections", type=int, default=200)
    ap.add_argument("--seconds", type=float, default=1)
    ap.add_argument("names", nargs="*")
    args = ap.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    mqlib.load_protocol()
    run = load_run()
    b = run.Process(os.path.abspath(args.broker), options())
    with open(args.broker, "rb") as f:
        # sanitizers keep what was freed for a while, and take their time
        b.factor = 8 if re.search(rb"__[at]san_init", f.read()) else 1
    b.data = lambda: os.path.join(b.dir.name, "data")
    with rmqlib.Signed(b, "root", "12345678") as c:
        (data,) = c.ask(106).json()["brokerAddrTable"].values()
        b.broker_name, b.broker_addr = data["brokerName"], b.namesrv
        b.rmq_port = int(data["brokerAddrs"]["0"].rsplit(":", 1)[1])
    bad = []
    for fn in ATTACKS:
        if args.names and not any(w in fn.__name__ for w in args.names):
            continue
        line, wrong = attack(b, fn, args)
        print(f"{'not ok' if wrong else 'ok'} - {fn.__name__}: {line}", flush=True)
        bad += wrong
        if not b.alive():
            break
    status = b.stop()
    if status != 0:
        bad.append(f"the broker ended with {status}")
        print("\n".join(b.text.splitlines()[-25:]))
    print("\n".join(bad) if bad else "all held")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
