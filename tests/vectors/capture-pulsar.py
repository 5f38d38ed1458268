#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Records what a client and a broker say to each other.

    capture-pulsar.py LISTEN-PORT BROKER-PORT PREFIX SECONDS >> captured.txt

A relay on loopback; point a client at LISTEN-PORT. Prints the first few frames
of each type and direction, as lines of tests/vectors. The broker has to
advertise LISTEN-PORT, or the client leaves the relay after its lookup.
"""
import asyncio
import sys

listen, broker, prefix, seconds = (int(sys.argv[1]), int(sys.argv[2]),
                                   sys.argv[3], float(sys.argv[4]))
seen = {}
KEEP = 2


def cut(buf, direction):
    while len(buf) >= 4:
        n = int.from_bytes(buf[:4], "big") + 4
        if len(buf) < n:
            return
        frame = bytes(buf[:n])
        del buf[:n]
        key = (direction, frame[9])
        seen[key] = seen.get(key, 0) + 1
        if seen[key] <= KEEP and n < 3000:
            print(f"{prefix}.{direction}.{frame[9]}.{seen[key]}",
                  frame.hex(), flush=True)


async def relay(reader, writer, direction):
    buf = bytearray()
    while data := await reader.read(65536):
        buf += data
        cut(buf, direction)
        writer.write(data)
        await writer.drain()
    writer.close()


async def serve(reader, writer):
    r, w = await asyncio.open_connection("127.0.0.1", broker)
    await asyncio.gather(relay(reader, w, "client"), relay(r, writer, "broker"),
                         return_exceptions=True)


async def main():
    await asyncio.start_server(serve, "127.0.0.1", listen)
    await asyncio.sleep(seconds)

asyncio.run(main())
