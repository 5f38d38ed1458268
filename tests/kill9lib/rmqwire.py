# SPDX-License-Identifier: Apache-2.0
"""RocketMQ's remoting for the kill -9 loop: the codec of tests/script on asyncio.

A Conn sends requests and gives a future of each answer; what the broker asks by
itself goes to `asked`.
"""

import asyncio
import os
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "script"))
import rmqlib  # noqa: E402

BROKER_NAME = "broker-a"
OK, NOT_READY, NO_MESSAGE = 0, (2, 14), 208
PULL_FOUND, PULL_NOTHING, POP_NOTHING, NO_OFFSET = 0, (19, 20), (209, 210), 22


class Refused(Exception):
    """An answer, or a request, that this test gives no reason for."""


class Conn(rmqlib.Speaker, asyncio.Protocol):
    """One connection of one client; with either header."""

    def __init__(self, binary=False):
        self.binary = binary
        self.transport = self.closed = self.error = None
        self.buf = bytearray()
        self.open = {}                  # opaque: the future of its answer
        self.asked = None               # called with the broker's own requests
        self.id = f"127.0.0.1@kill9-{id(self):x}"

    @classmethod
    async def connect(cls, host, port, binary=False, limit_s=10):
        loop = asyncio.get_running_loop()
        _, c = await asyncio.wait_for(loop.create_connection(lambda: cls(binary), host, port), limit_s)
        c.closed = loop.create_future()
        return c

    # --- asyncio's side

    def connection_made(self, transport):
        self.transport = transport

    def data_received(self, data):
        self.buf += data
        at = 0
        try:
            while len(self.buf) - at >= 4:
                n = 4 + struct.unpack_from(">I", self.buf, at)[0]
                if len(self.buf) - at < n:
                    break
                self._dispatch(rmqlib.decode(bytes(self.buf[at + 4:at + n])))
                at += n
        except Exception as e:  # pylint: disable=broad-except
            self.error = self.error or e
            self.transport.abort()
        del self.buf[:at]

    def connection_lost(self, exc):
        for f in self.open.values():
            if not f.done():
                f.set_exception(self.error or ConnectionError("connection lost"))
                f.exception()           # looked at, if nobody waits any more
        self.open.clear()
        if self.closed is not None and not self.closed.done():
            self.closed.set_result(None)

    def _dispatch(self, cmd):
        if not cmd.flag & rmqlib.RESPONSE:
            if self.asked is not None:
                self.asked(cmd)
            return
        f = self.open.pop(cmd.opaque, None)
        if f is None:
            raise Refused(f"an answer to {cmd.opaque}, which is not open: {cmd}")
        if not f.done():
            f.set_result(cmd)

    # --- requests

    def _send(self, data):
        if self.transport.is_closing():
            raise ConnectionError("connection lost")
        self.transport.write(data)

    def tell(self, name, body=b"", **fields):
        """A request that gets no answer."""
        self._send(self.request(name, body, oneway=True, **fields)[0])

    def ask(self, name, body=b"", then=None, **fields):
        """The future of the answer; then(answer) is called if it comes."""
        data, opaque = self.request(name, body, **fields)
        self._send(data)
        f = self.open[opaque] = asyncio.get_running_loop().create_future()
        if then is not None:
            f.add_done_callback(lambda f: self._then(f, then))
        return f

    def _then(self, f, then):
        if f.cancelled() or f.exception() is not None:
            return
        try:
            then(f.result())
        except Exception as e:  # pylint: disable=broad-except
            self.error = self.error or e
            self.transport.abort()

    async def call(self, name, body=b"", codes=(OK,), limit_s=30, **fields):
        """The answer, with one of these codes; asked again while the broker isn't ready."""
        end = time.monotonic() + limit_s
        while True:
            a = await asyncio.wait_for(self.ask(name, body, **fields), max(0.1, end - time.monotonic()))
            if a.code in codes:
                return a
            if a.code not in NOT_READY or time.monotonic() > end:
                raise Refused(f"{name}: code {a.code}: {a.remark}")
            await asyncio.sleep(0.05)

    def cut(self):
        if self.transport is not None:
            self.transport.abort()
