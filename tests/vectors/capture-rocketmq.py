#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Records what a RocketMQ client and the reference say to each other.

    capture-rocketmq.py HOST TO PORT,PORT,... PREFIX SECONDS >> captured-rocketmq.txt

Relays HOST:PORT to TO:PORT for each port (name server and broker). Point the
client at HOST; the broker has to advertise it (brokerIP1=HOST, listening on TO),
or the client leaves the relay. Prints the first frame of each request code and
direction, and the answer to it, as lines of tests/vectors:
PREFIX.SENDER.CODE.req|resp, where CODE is the request's.
"""
import asyncio
import json
import sys

host, to, ports, prefix, seconds = (sys.argv[1], sys.argv[2], sys.argv[3],
                                    sys.argv[4], float(sys.argv[5]))
LIMIT = 6000
kept = set()


def header(frame):
    """(code, opaque, is_response)"""
    kind = frame[4]
    n = int.from_bytes(frame[5:8], "big")
    raw = frame[8:8 + n]
    if kind == 0:
        h = json.loads(raw)
        return h["code"], h["opaque"], bool(h["flag"] & 1)
    return (int.from_bytes(raw[:2], "big", signed=True),
            int.from_bytes(raw[5:9], "big", signed=True), bool(raw[12] & 1))


def cut(buf, sender, mine, theirs):
    while len(buf) >= 4:
        n = int.from_bytes(buf[:4], "big") + 4
        if len(buf) < n:
            return
        frame = bytes(buf[:n])
        del buf[:n]
        code, opaque, response = header(frame)
        if response:
            code = theirs.pop(opaque, None)
        key = (sender, code, response)
        if code is None or key in kept or n > LIMIT:
            continue
        if not response:
            mine[opaque] = code
        kept.add(key)
        print(f"{prefix}.{sender}.{code}.{'resp' if response else 'req'}",
              frame.hex(), flush=True)


async def relay(reader, writer, sender, mine, theirs):
    buf = bytearray()
    while data := await reader.read(65536):
        buf += data
        cut(buf, sender, mine, theirs)
        writer.write(data)
        await writer.drain()
    writer.close()


def serve(port):
    async def handle(reader, writer):
        r, w = await asyncio.open_connection(to, port)
        client, broker = {}, {}
        await asyncio.gather(relay(reader, w, "client", client, broker),
                             relay(r, writer, "broker", broker, client),
                             return_exceptions=True)
    return handle


async def main():
    for port in ports.split(","):
        await asyncio.start_server(serve(int(port)), host, int(port))
    await asyncio.sleep(seconds)

asyncio.run(main())
