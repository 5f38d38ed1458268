# SPDX-License-Identifier: Apache-2.0
"""What every scenario uses: names of its own, clients, the admin API, waiting."""

import base64
import hashlib
import hmac
import json
import threading
import time
import urllib.error
import urllib.request

import pulsar

SCENARIOS = {}
ADMIN_LIMIT_S = 20
QUIET_MS = 700          # "nothing more comes" is believed after this


def scenario(name):
    def register(f):
        SCENARIOS[name] = f
        return f
    return register


def check(ok, text):
    if not ok:
        raise AssertionError(text)


def equal(got, want, what):
    if got != want:
        raise AssertionError(f"{what}: got {short(got)}, want {short(want)}")


def short(v):
    r = repr(v)
    return r if len(r) <= 200 else f"{r[:120]}...{r[-60:]} ({len(r)} characters)"


def fails(error, f, *args, **kw):
    """f must raise error (or one of a tuple)."""
    try:
        f(*args, **kw)
    except error:
        return
    except pulsar.PulsarException as e:
        raise AssertionError(f"{f.__name__}: got {type(e).__name__}, want {error}") from e
    raise AssertionError(f"{f.__name__}: no error, want {error}")


class Ctx:
    def __init__(self, url, http, keys, work, unique, ask):
        self.url, self.http, self.keys, self.work = url, http, keys, work
        self.unique, self.ask = unique, ask
        self.clients = []
        self._client = None
        self.tls = {}
        self.auth = {}

    # --- names and clients

    def topic(self, suffix="t", domain="persistent"):
        return f"{domain}://public/default/{self.unique}-{suffix}"

    def new_client(self, **kw):
        kw.setdefault("operation_timeout_seconds", 20)
        kw = {**self.tls, **self.auth, **kw}
        c = pulsar.Client(self.url, logger=pulsar.ConsoleLogger(pulsar.LoggerLevel.Warn), **kw)
        self.clients.append(c)
        return c

    def secure(self, certificate):
        """Clients from now on speak TLS and trust that certificate of the harness."""
        req = urllib.request.Request(f"{self.http}/lookup/v2/topic/{self.path(self.topic())}",
                                     headers={"Authorization": "Bearer " + self.token("root")})
        with urllib.request.urlopen(req, timeout=20) as r:
            self.url = json.load(r)["brokerUrlTls"]
        self.tls = {"tls_trust_certs_file_path": f"{self.keys}/{certificate}", "tls_validate_hostname": True}
        self._client = None

    def login(self, authentication):
        """Clients from now on say that they are this one."""
        self.auth = {"authentication": authentication} if authentication else {}
        self._client = None

    def token(self, role, life_s=3600, secret="token"):
        """A JSON web token of a secret of the harness, by HS256."""
        def b64(raw):
            return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()
        with open(f"{self.keys}/{secret}.secret", "rb") as f:
            key = f.read()
        text = b64(b'{"alg":"HS256"}') + "." + b64(json.dumps({"sub": role, "exp": time.time() + life_s}).encode())
        return text + "." + b64(hmac.new(key, text.encode(), hashlib.sha256).digest())

    @property
    def client(self):
        if self._client is None:
            self._client = self.new_client()
        return self._client

    def close(self):
        for c in self.clients:
            try:
                c.close()
            except pulsar.AlreadyClosed:
                pass
        self.clients = []

    def producer(self, topic, **kw):
        kw.setdefault("batching_enabled", False)
        return self.client.create_producer(topic, **kw)

    def subscribe(self, topic, sub="sub", kind=pulsar.ConsumerType.Exclusive, **kw):
        kw.setdefault("initial_position", pulsar.InitialPosition.Earliest)
        client = kw.pop("client", None) or self.client
        return client.subscribe(topic, sub, kind, **kw)

    # --- admin

    def admin(self, method, path, body=None, want=(200, 204)):
        data = None if body is None else json.dumps(body).encode()
        req = urllib.request.Request(f"{self.http}/admin/v2/{path}", data=data, method=method,
                                     headers={
            "Content-Type": "application/json", "Authorization": "Bearer " + self.token("root")})
        try:
            with urllib.request.urlopen(req, timeout=ADMIN_LIMIT_S) as r:
                status, text = r.status, r.read().decode()
        except urllib.error.HTTPError as e:
            status, text = e.code, e.read().decode(errors="replace")
        if status not in want:
            raise AssertionError(f"{method} {path}: status {status}: {text[:200]}")
        return json.loads(text) if text else None

    @staticmethod
    def path(topic):
        return topic.replace("://", "/")

    def stats(self, topic):
        return self.admin("GET", self.path(topic) + "/stats")

    def partitions(self, topic, n):
        self.admin("PUT", self.path(topic) + "/partitions", n)


def send_n(producer, first, n, **kw):
    """Sends bodies "m-FIRST", ... asynchronously, returns their message ids."""
    ids, errors, left = [None] * n, [], threading.Semaphore(0)

    def done(i):
        def f(res, mid):
            if res == pulsar.Result.Ok:
                ids[i] = mid
            else:
                errors.append(res)
            left.release()
        return f

    for i in range(n):
        producer.send_async(b"m-%d" % (first + i), done(i), **kw)
    producer.flush()
    for _ in range(n):
        check(left.acquire(timeout=30), "send not acknowledged in 30 s")
    check(not errors, f"sends failed: {errors[:3]}")
    return ids


def bodies(first, n):
    return [b"m-%d" % i for i in range(first, first + n)]


def receive_n(consumer, n, timeout_ms=15000, ack=True):
    """n messages, in arrival order; raises if they don't come."""
    out = []
    while len(out) < n:
        try:
            m = consumer.receive(timeout_ms)
        except pulsar.Timeout:
            raise AssertionError(f"{len(out)} of {n} messages came; last {out and out[-1].data()[:40]}") from None
        out.append(m)
        if ack:
            consumer.acknowledge(m)
    return out


def datas(messages):
    return [m.data() for m in messages]


def nothing(consumer, ms=QUIET_MS):
    try:
        m = consumer.receive(ms)
    except pulsar.Timeout:
        return
    raise AssertionError(f"unexpected message {m.data()[:40]!r} {m.message_id()}")


def until(f, what, limit_s=15):
    """Calls f until it returns something true."""
    end = time.monotonic() + limit_s
    while True:
        got = f()
        if got:
            return got
        check(time.monotonic() < end, f"not so after {limit_s} s: {what}")
        time.sleep(0.05)


class Flow(threading.Thread):
    """A producer that sends numbered messages at a steady rate until stopped."""

    def __init__(self, producer, rate=500, keys=0):
        super().__init__(daemon=True)
        self.producer, self.pause, self.keys = producer, 1 / rate, keys
        self.sent = 0                   # 0 ... sent - 1 went out
        self.acked = set()
        self.errors = []
        self._halt = threading.Event()
        self._done = threading.Semaphore(0)

    def run(self):
        while not self._halt.is_set():
            i = self.sent
            kw = {"partition_key": f"k{i % self.keys}"} if self.keys else {}
            self.producer.send_async(b"m-%d" % i, self._callback(i), **kw)
            self.sent += 1
            time.sleep(self.pause)

    def _callback(self, i):
        def f(res, _mid):
            if res == pulsar.Result.Ok:
                self.acked.add(i)
            else:
                self.errors.append((i, res))
            self._done.release()
        return f

    def finish(self, limit_s=60):
        """Stops sending, waits for every receipt; every send must have one."""
        self._halt.set()
        self.join(20)
        check(not self.is_alive(), "the producer hangs")
        end = time.monotonic() + limit_s
        for _ in range(self.sent):
            check(self._done.acquire(timeout=max(0.01, end - time.monotonic())),
                  f"{len(self.acked)} of {self.sent} messages have receipts after {limit_s} s")
        check(not self.errors, f"sends failed: {self.errors[:3]}")
        return self.sent


class Arrivals:
    """Everything that consumers of a subscription got, in arrival order."""

    def __init__(self):
        self.lock = threading.Lock()
        self.list = []                  # (number, key, consumer's name)
        self.first = []                 # numbers, doubles left out
        self.seen = set()

    def add(self, m, who):
        n = int(m.data().split(b"-")[1])
        with self.lock:
            self.list.append((n, m.partition_key(), who))
            if n not in self.seen:
                self.seen.add(n)
                self.first.append(n)

    def count(self, who):
        with self.lock:
            return sum(1 for a in self.list if a[2] == who)

    def doubles(self):
        return len(self.list) - len(self.seen)

    def wait(self, n, limit_s=30):
        until(lambda: len(self.seen) >= n, f"{n} messages arrived", limit_s)

    def wait_for(self, who, n, limit_s=20):
        until(lambda: self.count(who) >= n, f"{who} got {n} messages", limit_s)


class Taker(threading.Thread):
    """A thread that receives and acknowledges until it leaves."""

    def __init__(self, consumer, arrivals, who):
        super().__init__(daemon=True)
        self.consumer, self.arrivals, self.who = consumer, arrivals, who
        self.error = None
        self._halt = threading.Event()
        self.start()

    def run(self):
        try:
            while not self._halt.is_set():
                try:
                    m = self.consumer.receive(100)
                except pulsar.Timeout:
                    continue
                self.arrivals.add(m, self.who)
                self.consumer.acknowledge(m)
        except Exception as e:  # pylint: disable=broad-except
            self.error = e

    def halt(self):
        self._halt.set()
        self.join(20)
        check(not self.is_alive(), f"consumer {self.who} hangs")
        if self.error:
            raise AssertionError(f"consumer {self.who}: {self.error!r}")

    def leave(self):
        self.halt()
        self.consumer.close()
