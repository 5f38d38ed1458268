# SPDX-License-Identifier: Apache-2.0
"""Compressions without compressing: what the formats have for literals."""
import struct


def lz4_block(data):
    n = len(data)
    out = bytes([min(n, 15) << 4])
    n -= 15
    while n >= 0:
        out += bytes([min(n, 255)])
        n -= 255
    return out + data


def snappy(data):
    n, out = len(data), b""
    while n >= 128:
        out += bytes([n & 127 | 128])
        n >>= 7
    out += bytes([n])
    for i in range(0, len(data), 60):
        part = data[i:i + 60]
        out += bytes([len(part) - 1 << 2]) + part
    return out


def zstd(data):
    """A frame of one raw block."""
    return b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", len(data)) + \
        struct.pack("<I", 1 | len(data) << 3)[:3] + data


def xxh32(data):
    """Of less than 16 bytes."""
    def rotl(v, n):
        return (v << n | v >> 32 - n) & 0xffffffff
    p1, p2, p3, p4, p5 = (2654435761, 2246822519, 3266489917, 668265263,
                          374761393)
    h = p5 + len(data)
    for c in data:
        h = rotl(h + c * p5 & 0xffffffff, 11) * p1 & 0xffffffff
    h ^= h >> 15
    h = h * p2 & 0xffffffff
    h ^= h >> 13
    h = h * p3 & 0xffffffff
    return h ^ h >> 16


def lz4_frame(data):
    head = b"\x60\x70"
    return b"\x04\x22\x4d\x18" + head + bytes([xxh32(head) >> 8 & 255]) + \
        struct.pack("<I", len(data) | 1 << 31) + data + b"\0\0\0\0"


def zstd_run(byte, n):
    """A frame of n bytes that are alike, in runs."""
    out, left = b"\x28\xb5\x2f\xfd\xa0" + struct.pack("<I", n), n
    while left:
        run = min(left, 128 << 10)
        left -= run
        out += struct.pack("<I", (left == 0) | 1 << 1 | run << 3)[:3] + byte
    return out
