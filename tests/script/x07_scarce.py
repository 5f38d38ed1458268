# SPDX-License-Identifier: Apache-2.0
"""A broker that lacks descriptors, or room on its disk: what it has acknowledged is
there, and it goes on when there is enough again."""
import errno
import os
import resource
import signal
import socket
import subprocess

from mqlib import Client, alone, check, equal, options
import mqlib
from p10_tls import CERT, KEY, certificate
import rmqlib
from rmqlib import until
from tlslib import context, make_files
from x06_connections import leave

SMALL = dict(segmentSizeMB=4, maxMessageSize=800000, bufferBudgetMB=32)
BODY = 250000


class Load:
    """Messages of both protocols, and what became of them."""

    def __init__(self, b):
        self.b, self.pulsar, self.rmq = b, [], []
        self.t, self.q = b.topic(), b.name()
        with rmqlib.Client(b) as r:
            r.create_topic(self.q)
        self.open()

    def open(self):
        self.c, self.r = Client(self.b), rmqlib.Client(self.b)
        self.c.producer(self.t)
        self.c.subscribe(self.t)  # and nothing is acknowledged

    def body(self, n):
        return b"%08d" % n + bytes([n % 251]) * BODY

    def to_pulsar(self):
        """False: refused."""
        n = len(self.pulsar)
        self.c.send(1, n, self.body(n), crc=False)  # which is slow here
        name, m = self.c.rx_any()[:2]
        if name == "SEND_RECEIPT":
            self.pulsar.append((m.message_id.ledgerId, m.message_id.entryId))
        return name == "SEND_RECEIPT"

    def to_rmq(self):
        n = len(self.rmq)
        a = self.r.send(self.q, self.body(n), code=None)
        if a.code == 0:
            equal(int(a.ext["queueOffset"]), n)
            self.rmq.append(a)
        return a.code == 0

    def publish(self, n):
        for _ in range(n):
            check(self.to_pulsar(), "Pulsar refuses")
            check(self.to_rmq(), "RocketMQ refuses")

    def read(self):
        """All of it, from the beginning."""
        for i, at in enumerate(self.pulsar):
            self.c.flow(n=1)
            m = self.c.messages(1)[0]
            equal(m.pos, at)
            check(m.payload == self.body(i), "another body", i)
        got = self.r.drain(self.q)
        equal([m.offset for m in got], list(range(len(self.rmq))))
        check(all(m.body == self.body(i) for i, m in enumerate(got)), "bodies")

    def close(self):
        self.c.close()
        self.r.close()


def take_all(b):
    """Clients that have said who they are, until no more are let in."""
    held = []
    for i in range(400):
        try:
            if i % 2:
                c = Client(b, connect=False)
                c.tx("CONNECT", client_version="x", protocol_version=21)
                c.rx("CONNECTED", 5.0)
            else:
                c = rmqlib.Client(b, ns=True)
                c.ask(106, timeout=5.0)
        except (mqlib.Fail, OSError):
            return held
        held.append(c)
    raise mqlib.Fail("nobody is refused")


@options(**SMALL)
@alone
def test_taken(b):
    """Clients have all there are: the log goes through its segments, and old ones are
    read."""
    d = Load(b)
    d.publish(3)
    leave(b, 30)
    held = take_all(b)
    check(len(held) > 5, len(held))
    d.publish(120)
    check("log_io_error" not in b.log_text(), "a write has failed")
    d.read()
    for c in held:
        c.close()
    d.close()
    b.crash()
    d.open()
    d.read()
    d.publish(3)
    d.close()


@options(**SMALL)
@alone
def test_few(b):
    """It knows when it starts how many there are, and lets in no more than leave
    enough for its files."""
    b.terminate()
    b.argv = ["sh", "-c", 'ulimit -n 200; exec "$@"', "sh"] + b.argv
    b.start()
    d = Load(b)
    d.publish(3)
    held = take_all(b)
    check(len(held) > 20, len(held))
    n = len(os.listdir(f"/proc/{b.proc.pid}/fd"))
    check(n < 150, "descriptors are used up:", n)
    d.publish(60)
    d.read()
    for c in held:
        c.close()
    with Client(b) as c:
        c.sync()
    d.close()


@options(before=make_files, brokerServicePortTls=0, tlsCertificateFilePath=CERT,
         tlsKeyFilePath=KEY, auditLogFile="audit.log")
@alone
def test_reload(b):
    """What can't be read anew stays as it was, until it can."""
    def secure():
        s = context().wrap_socket(socket.create_connection((b.host, b.tls_port), 10))
        with s:
            return s.getpeercert(True)

    def reload():
        b.proc.send_signal(signal.SIGHUP)

    old = secure()
    certificate("plain", "root")
    audit = os.path.join(b.dir.name, "audit.log")
    os.rename(audit, audit + ".1")
    most = resource.prlimit(b.proc.pid, resource.RLIMIT_NOFILE)[1]
    resource.prlimit(b.proc.pid, resource.RLIMIT_NOFILE, (3, most))
    reload()
    until("both are refused", lambda: "ev=tls_not_reloaded" in b.log_text() and
          "ev=audit_not_reopened" in b.log_text())
    check(not os.path.exists(audit), "there is another audit log")
    resource.prlimit(b.proc.pid, resource.RLIMIT_NOFILE, (most, most))
    equal(secure(), old)
    reload()
    until("the new certificate", lambda: secure() != old)
    check(os.path.exists(audit), "it is not rotated")


class Room:
    """A file system of its own for the broker's data, which is nearly full."""

    def __init__(self, b, size_mb, filled_mb):
        b.terminate()
        data = os.path.join(b.dir.name, "data")
        self.p = subprocess.Popen(
            ["unshare", "-rm", "sh", "-c",
             'mount -t tmpfs -o size="$2" none "$1" && echo && exec cat', "sh",
             data, f"{size_mb}m"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self.there = self.p.stdout.readline() != b""
        if not self.there:
            return
        self.filler = f"/proc/{self.p.pid}/root{data}/filler"
        self.take(filled_mb << 20)
        b.argv = ["nsenter", "-U", "-m", "--preserve-credentials", "-t", str(self.p.pid)] + b.argv
        b.start()

    def take(self, size=1 << 40):
        """So many bytes, or what there is."""
        try:
            with open(self.filler, "ab", buffering=0) as f:
                while size > 0:
                    size -= f.write(bytes(min(size, 4096)))
        except OSError as e:
            equal(e.errno, errno.ENOSPC)

    def make(self):
        os.remove(self.filler)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.p.stdin.close()
        self.p.wait()
        self.p.stdout.close()


@options(**SMALL)
@alone
def test_full(b):
    """The disk is full, for the log, metadata and all: what can't be stored is refused
    in either protocol's words; then there is room again."""
    with Room(b, 96, 40) as room:
        if not room.there:
            raise mqlib.Skip("no file system of one's own can be mounted")
        d = Load(b)
        d.publish(5)
        for say in d.to_pulsar, d.to_rmq:
            for i in range(400):
                if not say():
                    break
            check(i < 399, "nothing is refused")
        room.take()
        d.read()
        # what is asked for may be refused as well, and is answered
        for i in range(50):
            d.r.rx(d.r.tx("UPDATE_CONSUMER_OFFSET", consumerGroup="g", topic=d.q,
                          queueId=0, commitOffset=i), code=None)
            d.r.rx(d.r.tx("UPDATE_AND_CREATE_TOPIC", topic=f"{d.q}-{i}",
                          defaultTopic="TBW102", readQueueNums=4, writeQueueNums=4,
                          perm=6, topicFilterType="SINGLE_TAG", topicSysFlag=0,
                          order=False), code=None)
        check(not d.to_rmq(), "it is stored all the same")
        room.make()
        until("there is room", d.to_rmq, 20)
        d.close()
        d.open()
        d.publish(5)
        d.read()
        d.close()
        b.crash()
        d.open()
        d.read()
        d.publish(5)
        d.close()
        check("log_io_error" not in b.log_text(), "a write has failed")
        equal(b.terminate(), 0)
