# SPDX-License-Identifier: Apache-2.0
"""Speaks the Pulsar protocol to a broker, by Google's protobuf: shares no code
with the broker. A Client is one connection; what a script expects is said by rx(),
which fails with what came instead.
"""
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
NONE = 2**64 - 1          # a request id or an id that is none
LATEST = 2**63 - 1
_tmp = None
pb = None


def load_protocol():
    """Generates the classes of proto/pulsar.proto and sets mqlib.pb."""
    global _tmp, pb
    if pb is not None:
        return pb
    _tmp = tempfile.TemporaryDirectory()
    subprocess.run(["protoc", "-I" + os.path.join(HERE, "../../proto"),
                    "--python_out=" + _tmp.name, "pulsar.proto"], check=True)
    sys.path.insert(0, _tmp.name)
    sys.dont_write_bytecode = True
    import pulsar_pb2
    pb = pulsar_pb2
    return pb


class Fail(Exception):
    pass


class Skip(Exception):
    """What the test needs is not to be had on this machine."""


def check(cond, *what):
    if not cond:
        raise Fail(" ".join(str(w) for w in what) or "check failed")


def equal(got, want, what=""):
    if got != want:
        raise Fail(f"{what}: got {got!r}, want {want!r}")


def counters(b):
    """What /metrics says of the broker itself: {name: value}; of what has labels,
    {name{labels}: value} and the sum as {name: value}."""
    url = f"http://{b.host}:{b.http}/metrics"
    with urllib.request.urlopen(url, timeout=10) as r:
        page = r.read().decode()
    out = {}
    for name, labels, v in re.findall(r"^(magnetar_\w+)(\{.*\})? (\d+)$", page, re.M):
        out[name] = out.get(name, 0) + int(v)
        if labels:
            out[name + labels] = int(v)
    return out


def closed(b, reason):
    """How many connections were closed for it."""
    return counters(b)[f'magnetar_connections_closed_total{{reason="{reason}"}}']


def _crc_table():
    table = []
    for i in range(256):
        c = i
        for _ in range(8):
            c = c >> 1 ^ (0x82f63b78 if c & 1 else 0)
        table.append(c)
    return table


_TABLE = _crc_table()


def crc32c(data):
    crc = 0xffffffff
    for b in data:
        crc = crc >> 8 ^ _TABLE[(crc ^ b) & 0xff]
    return crc ^ 0xffffffff


def field_of(type_name):
    """The field of BaseCommand that holds a command of this type."""
    number = pb.BaseCommand.Type.Value(type_name)
    return pb.BaseCommand.DESCRIPTOR.fields_by_number[number].name


def message_of(type_name):
    number = pb.BaseCommand.Type.Value(type_name)
    desc = pb.BaseCommand.DESCRIPTOR.fields_by_number[number].message_type
    return getattr(pb, desc.name)


def frame(cmd, body=b""):
    raw = cmd.SerializeToString()
    return struct.pack(">II", 4 + len(raw) + len(body), len(raw)) + raw + body


def command(type_name, **fields):
    """A BaseCommand; a field may be a value, a list, or a dict for a message."""
    cmd = pb.BaseCommand()
    cmd.type = pb.BaseCommand.Type.Value(type_name)
    msg = getattr(cmd, field_of(type_name))
    msg.SetInParent()
    fill(msg, fields)
    return cmd


def fill(msg, fields):
    for k, v in fields.items():
        if isinstance(v, dict):
            fill(getattr(msg, k), v)
            getattr(msg, k).SetInParent()
        elif isinstance(v, list):
            for el in v:
                if isinstance(el, dict):
                    fill(getattr(msg, k).add(), el)
                else:
                    getattr(msg, k).append(el)
        else:
            setattr(msg, k, v)


def metadata(producer="p", seq=0, **fields):
    m = pb.MessageMetadata()
    m.producer_name = producer
    m.sequence_id = seq
    m.publish_time = int(time.time() * 1000)
    fill(m, fields)
    return m


def body(meta, payload, crc=True, bad_crc=False):
    raw = meta.SerializeToString()
    rest = struct.pack(">I", len(raw)) + raw + payload
    if not crc:
        return rest
    return struct.pack(">HI", 0x0e01, crc32c(rest) ^ (1 if bad_crc else 0)) + rest


class Message:
    """What came with a MESSAGE command."""

    def __init__(self, cmd, raw):
        self.cmd = cmd
        self.raw = raw
        self.broker = None
        self.crc_ok = None
        if raw[:2] == b"\x0e\x02":
            n = struct.unpack(">I", raw[2:6])[0]
            self.broker = pb.BrokerEntryMetadata.FromString(raw[6:6 + n])
            raw = raw[6 + n:]
        if raw[:2] == b"\x0e\x01":
            self.crc_ok = struct.unpack(">I", raw[2:6])[0] == crc32c(raw[6:])
            raw = raw[6:]
        n = struct.unpack(">I", raw[:4])[0]
        self.meta = pb.MessageMetadata.FromString(raw[4:4 + n])
        self.payload = raw[4 + n:]

    @property
    def id(self):
        return self.cmd.message_id

    @property
    def pos(self):
        return (self.id.ledgerId, self.id.entryId)


class Client:
    def __init__(self, broker, connect=True, version=21, source=None, **fields):
        """source: the address to come from"""
        self.broker = broker
        self.sock = socket.create_connection((broker.host, broker.port), 10,
                                             source and (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buf = b""
        self.req = 0
        self.pings = True      # answer the broker's PINGs without being told
        if connect:
            self.connected = self.connect(version, **fields)

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    def next_req(self):
        self.req += 1
        return self.req

    # ---- frames

    def raw(self, data):
        self.sock.sendall(data)

    def tx(self, type_name, **fields):
        self.raw(frame(command(type_name, **fields)))

    def frame(self, timeout=10.0):
        """(BaseCommand, body) or None at the end of the connection."""
        end = time.monotonic() + timeout
        while True:
            if len(self.buf) >= 4:
                n = 4 + struct.unpack(">I", self.buf[:4])[0]
                if len(self.buf) >= n:
                    break
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.sock.settimeout(left)
            try:
                got = self.sock.recv(1 << 20)
            except socket.timeout:
                raise TimeoutError from None
            except ConnectionError:
                return None
            if not got:
                return None
            self.buf += got
        data, self.buf = self.buf[:n], self.buf[n:]
        c = struct.unpack(">I", data[4:8])[0]
        return pb.BaseCommand.FromString(data[8:8 + c]), data[8 + c:]

    def rx_any(self, timeout=10.0):
        """(type name, message, body); the broker's PINGs are answered."""
        while True:
            got = self.frame(timeout)
            if got is None:
                return None
            cmd, rest = got
            name = pb.BaseCommand.Type.Name(cmd.type)
            if name == "PING" and self.pings:
                self.tx("PONG")
                continue
            msg = getattr(cmd, field_of(name))
            return name, msg, rest

    def rx(self, type_name, timeout=10.0, **want):
        try:
            got = self.rx_any(timeout)
        except TimeoutError:
            raise Fail(f"no {type_name} came in {timeout} s") from None
        if got is None:
            raise Fail(f"closed, where {type_name} was expected")
        name, msg, rest = got
        if name != type_name:
            raise Fail(f"{name} came, not {type_name}: {msg}")
        for k, v in want.items():
            equal(getattr(msg, k), v, f"{type_name}.{k}")
        return Message(msg, rest) if name == "MESSAGE" else msg

    def rx_closed(self, timeout=10.0):
        """The broker closes; what it says before that doesn't count as close."""
        try:
            got = self.rx_any(timeout)
        except TimeoutError:
            raise Fail("not closed") from None
        if got is not None:
            raise Fail(f"{got[0]} came, not the end: {got[1]}")

    def silent(self, seconds=0.3):
        try:
            got = self.rx_any(seconds)
        except TimeoutError:
            return
        raise Fail("closed" if got is None else f"{got[0]} came: {got[1]}")

    def sync(self):
        """Everything before has been handled (not: has been answered)."""
        self.tx("PING")
        self.rx("PONG")

    # ---- whole exchanges

    def connect(self, version=21, **fields):
        self.tx("CONNECT", client_version="script 1",
                protocol_version=version, **fields)
        return self.rx("CONNECTED")

    def ask(self, type_name, answer, **fields):
        req = self.next_req()
        self.tx(type_name, request_id=req, **fields)
        return self.rx(answer, request_id=req)

    def error(self, type_name, code, **fields):
        m = self.ask(type_name, "ERROR", **fields)
        equal(pb.ServerError.Name(m.error), code, f"error of {type_name}")
        check(m.message != "", "an error without a text")
        return m

    def producer(self, topic, pid=1, **fields):
        return self.ask("PRODUCER", "PRODUCER_SUCCESS", topic=topic,
                        producer_id=pid, **fields)

    def subscribe(self, topic, sub="s", cid=1, sub_type="Exclusive", **fields):
        fields.setdefault("consumer_name", f"c{cid}")
        return self.ask("SUBSCRIBE", "SUCCESS", topic=topic, subscription=sub,
                        subType=pb.CommandSubscribe.SubType.Value(sub_type),
                        consumer_id=cid, **fields)

    def send(self, pid, seq, payload=b"x", meta=None, **fields):
        """A SEND without waiting for its receipt."""
        m = metadata(seq=seq, **(meta or {}))
        crc = {k: fields.pop(k) for k in ("crc", "bad_crc") if k in fields}
        fields.setdefault("num_messages", 1)
        self.raw(frame(command("SEND", producer_id=pid, sequence_id=seq,
                               **fields), body(m, payload, **crc)))

    def publish(self, pid, seq, payload=b"x", **kw):
        """Its receipt's position."""
        self.send(pid, seq, payload, **kw)
        r = self.rx("SEND_RECEIPT", producer_id=pid, sequence_id=seq)
        return r.message_id.ledgerId, r.message_id.entryId

    def flow(self, cid=1, n=1000):
        self.tx("FLOW", consumer_id=cid, messagePermits=n)

    def ack(self, cid, *positions, cumulative=False, req=None, **fields):
        ids = [dict(ledgerId=p[0], entryId=p[1], **fields) for p in positions]
        kw = {} if req is None else {"request_id": req}
        self.tx("ACK", consumer_id=cid, message_id=ids,
                ack_type=pb.CommandAck.Cumulative if cumulative
                else pb.CommandAck.Individual, **kw)

    def messages(self, n, timeout=10.0):
        return [self.rx("MESSAGE", timeout) for _ in range(n)]


# ---- marks for scripts

def options(before=None, **opts):
    """The broker runs with these keys of its configuration; before() makes what
    it needs at its start."""
    def mark(fn):
        fn.before = before
        fn.options = {k: str(v) for k, v in opts.items()}
        return fn
    return mark


def ours(why):
    """The reference does it otherwise."""
    def mark(fn):
        fn.ours = why
        return fn
    return mark


def alone(fn):
    """Gets a fresh broker, which may end in the script."""
    fn.alone = True
    return fn
