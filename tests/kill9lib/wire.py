# SPDX-License-Identifier: Apache-2.0
"""The Pulsar binary protocol, as much as the kill -9 loop speaks, by Google's protobuf.

An encoder that shares no code with the broker. generate() runs protoc on
proto/pulsar.proto; nothing else may be used before.
"""

import asyncio
import importlib
import os
import struct
import subprocess
import sys
import time

pb = None
U64 = (1 << 64) - 1


def generate(source_dir, out_dir):
    global pb
    subprocess.run(["protoc", "-I" + os.path.join(source_dir, "proto"), "--python_out=" + out_dir, "pulsar.proto"],
                   check=True)
    sys.path.insert(0, out_dir)
    pb = importlib.import_module("pulsar_pb2")


class ServerError(Exception):
    def __init__(self, code, text):
        super().__init__(f"{pb.ServerError.Name(code)}: {text}")
        self.code = code


class Refused(Exception):
    """The broker did what the protocol doesn't allow, or what this test gives no reason for."""


def _crc_table():
    for i in range(256):
        for _ in range(8):
            i = i >> 1 ^ (0x82f63b78 if i & 1 else 0)
        yield i


CRC = tuple(_crc_table())


def crc32c(data):
    c = 0xffffffff
    for b in data:
        c = CRC[(c ^ b) & 255] ^ c >> 8
    return c ^ 0xffffffff


def mask_words(indexes):
    """A set of indexes as the words of an ack_set."""
    n = 0
    for i in indexes:
        n |= 1 << i
    words = []
    while n:
        w = n & U64
        words.append(w - (1 << 64) if w >> 63 else w)
        n >>= 64
    return words


def mask_indexes(words, n):
    """The indexes below n that are in an ack_set; all of them if there is none."""
    if not words:
        return list(range(n))
    m = sum((w & U64) << 64 * i for i, w in enumerate(words))
    return [i for i in range(n) if m >> i & 1]


def payload_frame(metadata, body):
    """Checksum, metadata and body of a SEND."""
    m = metadata.SerializeToString()
    rest = struct.pack(">I", len(m)) + m + body
    return struct.pack(">HI", 0x0e01, crc32c(rest)) + rest


def batch_body(bodies):
    """The body of a batch."""
    out = []
    for b in bodies:
        s = pb.SingleMessageMetadata(payload_size=len(b)).SerializeToString()
        out += [struct.pack(">I", len(s)), s, b]
    return b"".join(out)


def entry_bodies(data, verify):
    """The message bodies of a MESSAGE's payload."""
    if data[:2] == b"\x0e\x02":
        data = data[6 + struct.unpack_from(">I", data, 2)[0]:]
    if data[:2] == b"\x0e\x01":
        if verify and crc32c(data[6:]) != struct.unpack_from(">I", data, 2)[0]:
            raise Refused("checksum of a delivered entry is wrong")
        data = data[6:]
    n, = struct.unpack_from(">I", data)
    m = pb.MessageMetadata.FromString(data[4:4 + n])
    data = data[4 + n:]
    if not m.HasField("num_messages_in_batch"):
        return [data]
    out = []
    for _ in range(m.num_messages_in_batch):
        n, = struct.unpack_from(">I", data)
        s = pb.SingleMessageMetadata.FromString(data[4:4 + n])
        out.append(data[4 + n:4 + n + s.payload_size])
        data = data[4 + n + s.payload_size:]
    return out


class Conn(asyncio.Protocol):
    """One connection. Producers and consumers are objects with the methods that _dispatch calls."""

    def __init__(self):
        self.transport = None
        self.buf = bytearray()
        self.requests = {}
        self.producers, self.consumers = {}, {}
        self.next_id = 0
        self.greeted = self.closed = None
        self.error = None               # what broke the connection from our side

    @classmethod
    async def open(cls, host, port, limit_s=10):
        loop = asyncio.get_running_loop()
        _, c = await asyncio.wait_for(loop.create_connection(cls, host, port), limit_s)
        c.greeted, c.closed = loop.create_future(), loop.create_future()
        cmd = pb.BaseCommand(type=pb.BaseCommand.CONNECT)
        cmd.connect.client_version = "kill9"
        cmd.connect.protocol_version = 21
        c.send(cmd)
        await asyncio.wait_for(c.greeted, limit_s)
        return c

    # --- asyncio's side

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buf += data
        at = 0
        try:
            while len(self.buf) - at >= 4:
                size, = struct.unpack_from(">I", self.buf, at)
                if len(self.buf) - at < 4 + size:
                    break
                n, = struct.unpack_from(">I", self.buf, at + 4)
                cmd = pb.BaseCommand.FromString(bytes(self.buf[at + 8:at + 8 + n]))
                self._dispatch(cmd, bytes(self.buf[at + 8 + n:at + 4 + size]))
                at += 4 + size
        except Exception as e:  # pylint: disable=broad-except
            self.error = self.error or e
            self.transport.abort()
        del self.buf[:at]

    def connection_lost(self, exc):
        gone = ConnectionError("connection lost")
        for f in [*self.requests.values(), self.greeted]:
            if f is not None and not f.done():
                f.set_exception(self.error or gone)
                f.exception()           # looked at, if nobody waits any more
        self.requests.clear()
        if self.closed is not None and not self.closed.done():
            self.closed.set_result(None)

    # --- frames

    def send(self, cmd, payload=b""):
        if self.transport.is_closing():
            raise ConnectionError("connection lost")
        c = cmd.SerializeToString()
        self.transport.write(struct.pack(">II", 4 + len(c) + len(payload), len(c)) + c + payload)

    def _dispatch(self, cmd, payload):
        t, b = cmd.type, pb.BaseCommand
        if t == b.MESSAGE:
            self.consumers[cmd.message.consumer_id].message(cmd.message, payload)
        elif t == b.SEND_RECEIPT:
            self.producers[cmd.send_receipt.producer_id].receipt(cmd.send_receipt)
        elif t == b.ACK_RESPONSE:
            r = cmd.ackResponse
            self._answer(r.request_id, r, r if r.HasField("error") else None)
        elif t == b.ERROR and cmd.error.request_id in self.requests:
            self._answer(cmd.error.request_id, None, cmd.error)
        elif t == b.SUCCESS:
            self._answer(cmd.success.request_id, cmd.success)
        elif t == b.PRODUCER_SUCCESS:
            self._answer(cmd.producer_success.request_id, cmd.producer_success)
        elif t == b.LOOKUP_RESPONSE:
            r = cmd.lookupTopicResponse
            self._answer(r.request_id, r, r if r.response == r.Failed else None)
        elif t == b.PING:
            self.send(b(type=b.PONG, pong=pb.CommandPong()))
        elif t == b.CONNECTED:
            self.greeted.set_result(cmd.connected)
        elif t != b.PONG:
            raise Refused(f"unexpected {b.Type.Name(t)}: {' '.join(str(cmd).split())}")

    def _answer(self, request_id, answer, error=None):
        f = self.requests.pop(request_id, None)
        if f is None:
            raise Refused(f"an answer to request {request_id}, which is not open")
        if f.done():
            return                      # nobody waits any more
        if error is not None:
            f.set_exception(ServerError(error.error, error.message))
        else:
            f.set_result(answer)

    def fresh_id(self):
        self.next_id += 1
        return self.next_id

    def request(self, kind, field, **values):
        """Sends a command with a request id; the future of its answer."""
        cmd = pb.BaseCommand(type=pb.BaseCommand.Type.Value(kind))
        f = asyncio.get_running_loop().create_future()
        r = self.fresh_id()
        getattr(cmd, field).MergeFrom(getattr(pb, type(getattr(cmd, field)).__name__)(request_id=r, **values))
        self.requests[r] = f
        try:
            self.send(cmd)
        except ConnectionError:
            del self.requests[r]
            raise
        return f

    async def ask(self, kind, field, limit_s=30, **values):
        """A request that is repeated while the broker isn't ready, or somebody is about to leave."""
        again = {pb.ServiceNotReady, pb.ProducerBusy, pb.ConsumerBusy}
        end = time.monotonic() + limit_s
        while True:
            try:
                return await asyncio.wait_for(self.request(kind, field, **values), max(0.1, end - time.monotonic()))
            except ServerError as e:
                if e.code not in again or time.monotonic() > end:
                    raise
                await asyncio.sleep(0.05)

    def cut(self):
        if self.transport is not None:
            self.transport.abort()
