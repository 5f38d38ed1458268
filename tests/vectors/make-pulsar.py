#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes pulsar.txt: frames of the Pulsar protocol by Google's protobuf.

An encoder that shares no code with ours. Run by hand, with protoc and
python3-protobuf of Debian 12, when vectors are added:

    tests/vectors/make-pulsar.py > tests/vectors/pulsar.txt

Each line: name, a space, hex. `all.X` is command X with every field set (but
for those that proto/pulsar.options ignores), `min.X` with the required ones
only; the others are what tests/unit/test_pulsar_*.c name.
"""
import base64
import os
import struct
import subprocess
import sys
import tempfile

top = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../..")
tmp = tempfile.TemporaryDirectory()
subprocess.run(["protoc", "-I" + os.path.join(top, "proto"),
                "--python_out=" + tmp.name, "pulsar.proto"], check=True)
sys.path.insert(0, tmp.name)
import google.protobuf                     # noqa: E402
import pulsar_pb2 as pb                    # noqa: E402
from google.protobuf.descriptor import FieldDescriptor as F   # noqa: E402

IGNORED = {"MessageIdData.ack_set", "CommandMessage.ack_set",
           "MessageMetadata.compacted_batch_indexes"}


def crc32c(data):
    crc = 0xffffffff
    for b in data:
        crc ^= b
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def fill(m, only_required, depth=0):
    for f in m.DESCRIPTOR.fields:
        if only_required and f.label != F.LABEL_REQUIRED:
            continue
        if m.DESCRIPTOR.name + "." + f.name in IGNORED:
            continue
        n = f.number
        if f.cpp_type == F.CPPTYPE_MESSAGE:
            if f.message_type.name == "MessageIdData" and depth > 1:
                continue
            if f.label == F.LABEL_REPEATED:
                for _ in range(3):
                    fill(getattr(m, f.name).add(), only_required, depth + 1)
            else:
                fill(getattr(m, f.name), only_required, depth + 1)
                getattr(m, f.name).SetInParent()
            continue
        if f.cpp_type == F.CPPTYPE_ENUM:
            v = f.enum_type.values[-1].number
        elif f.cpp_type == F.CPPTYPE_BOOL:
            v = not f.default_value
        elif f.cpp_type == F.CPPTYPE_DOUBLE:
            v = n + 0.25
        elif f.cpp_type == F.CPPTYPE_STRING:
            v = (f.name + "-" + "x" * (n * 17 % 150)) if n % 5 else ""
            v = v.encode() if f.type == F.TYPE_BYTES else v
        elif f.cpp_type == F.CPPTYPE_UINT64:
            v = 2**64 - 1 if n % 3 == 0 else n << (n * 7 % 50)
        elif f.cpp_type == F.CPPTYPE_INT64:
            v = -1 - n
        elif f.cpp_type == F.CPPTYPE_UINT32:
            v = 2**32 - n
        else:
            v = -n if n % 2 else 2**31 - n
        if f.label == F.LABEL_REPEATED:
            getattr(m, f.name).extend([v, "" if f.type == F.TYPE_STRING
                                       else v, v])
        else:
            setattr(m, f.name, v)
    return m


def command(name, fld, m, body=b""):
    c = pb.BaseCommand()
    c.type = pb.BaseCommand.Type.Value(name)
    getattr(c, fld).CopyFrom(m)
    getattr(c, fld).SetInParent()
    raw = c.SerializeToString()
    return struct.pack(">II", len(raw) + len(body) + 4, len(raw)) + raw + body


def body(meta, payload, crc=True, broker=None):
    raw = meta.SerializeToString()
    s = struct.pack(">I", len(raw)) + raw + payload
    if crc:
        s = struct.pack(">HI", 0x0e01, crc32c(s)) + s
    if broker is not None:
        b = broker.SerializeToString()
        s = struct.pack(">HI", 0x0e02, len(b)) + b + s
    return s


def out(name, data):
    print(name, data.hex())


print("# SPDX-License-Identifier: Apache-2.0")
print("# By make-pulsar.py with python3-protobuf %s from proto/pulsar.proto."
      % google.protobuf.__version__)
for f in pb.BaseCommand.DESCRIPTOR.fields:
    if f.number == 1:
        continue
    name = pb.BaseCommand.Type.Name(f.number)
    cls = getattr(pb, f.message_type.name)
    out("all." + name, command(name, f.name, fill(cls(), False)))
    out("min." + name, command(name, f.name, fill(cls(), True)))

M64 = 2**64 - 1


def receipt(p, s, h, led, ent):
    m = pb.CommandSendReceipt(producer_id=p, sequence_id=s,
                              highest_sequence_id=h)
    m.message_id.ledgerId = led
    m.message_id.entryId = ent
    return command("SEND_RECEIPT", "send_receipt", m)


out("receipt.small", receipt(1, 2, 0, 3, 4))
out("receipt.duplicate", receipt(M64, M64, M64, M64, M64))
out("send_error.checksum", command("SEND_ERROR", "send_error", pb.CommandSendError(
    producer_id=7, sequence_id=300, error=pb.ChecksumError, message="bad")))
out("error.long", command("ERROR", "error", pb.CommandError(
    request_id=M64, error=pb.TopicNotFound, message="e" * 1024)))
out("error.empty", command("ERROR", "error", pb.CommandError(
    request_id=5, error=pb.UnknownError, message="")))
out("success", command("SUCCESS", "success", pb.CommandSuccess(request_id=129)))
out("ping", command("PING", "ping", pb.CommandPing()))
out("pong", command("PONG", "pong", pb.CommandPong()))
out("ack_response.ok", command("ACK_RESPONSE", "ackResponse",
    pb.CommandAckResponse(consumer_id=3, request_id=9)))
out("ack_response.txn", command("ACK_RESPONSE", "ackResponse",
    pb.CommandAckResponse(consumer_id=3, txnid_least_bits=1,
                          txnid_most_bits=2, error=pb.TransactionConflict,
                          message="conflict", request_id=M64)))

meta = pb.MessageMetadata(producer_name="standalone-0-1", sequence_id=41,
                          publish_time=1700000000123)


def message(words=(), epoch=None, count=0, partition=-1, broker=None):
    m = pb.CommandMessage(consumer_id=2)
    m.message_id.ledgerId = 12345
    m.message_id.entryId = 678
    if partition >= 0:
        m.message_id.partition = partition
    if count:
        m.redelivery_count = count
    m.ack_set.extend(words)
    if epoch is not None:
        m.consumer_epoch = epoch
    return command("MESSAGE", "message", m, body(meta, b"hello", True, broker))


out("message.plain", message())
out("message.full", message((-1, 5), 3, 6, 2, pb.BrokerEntryMetadata(
    broker_timestamp=1700000000999, index=77)))
out("message.many_words", message(tuple(range(-40, 60)), 0, 1, 0))

send = pb.CommandSend(producer_id=1, sequence_id=41)
out("send.plain", command("SEND", "send", send, body(meta, b"hello")))
out("send.no_crc", command("SEND", "send", send, body(meta, b"hello", False)))
out("send.empty_payload", command("SEND", "send", send, body(meta, b"")))
bad = bytearray(body(meta, b"hello"))
bad[-1] ^= 1
out("send.bad_crc", command("SEND", "send", send, bytes(bad)))
out("send.batch", command("SEND", "send", pb.CommandSend(
    producer_id=1, sequence_id=41, num_messages=10, highest_sequence_id=50),
    body(meta, b"batch")))
out("send.txn_chunk", command("SEND", "send", pb.CommandSend(
    producer_id=M64, sequence_id=0, num_messages=1, txnid_least_bits=5,
    txnid_most_bits=6, is_chunk=True, marker=True), body(meta, b"c")))


def ack(kind, ids, **kw):
    m = pb.CommandAck(consumer_id=4, ack_type=kind, **kw)
    for led, ent, words in ids:
        i = m.message_id.add(ledgerId=led, entryId=ent)
        i.ack_set.extend(words)
    return command("ACK", "ack", m)


out("ack.cumulative", ack(1, [(9, 10, ())]))
out("ack.individual", ack(0, [(9, 10, ()), (9, 11, (-2, 7)), (10, 0, ())],
                          request_id=33))
out("flow", command("FLOW", "flow", pb.CommandFlow(
    consumer_id=2, messagePermits=1000)))

i = pb.MessageIdData(ledgerId=M64, entryId=2**63 - 1, partition=3,
                     batch_index=4, batch_size=5)
i.ack_set.extend([-1, 1 << 40])
i.first_chunk_message_id.ledgerId = 1
i.first_chunk_message_id.entryId = 2
out("msgid.full", i.SerializeToString())
i.ack_set[:] = []
# the same field packed, as newer writers may send it
words = b"".join(bytes([w]) for w in (3, 127))
out("msgid.packed", i.SerializeToString() + bytes([5 << 3 | 2, len(words)]) +
    words)

full = fill(pb.MessageMetadata(), False)
full.compacted_batch_indexes.extend([1, 2])
out("meta.full", full.SerializeToString())
out("meta.min", meta.SerializeToString())
for name, kw in (
        ("key", dict(partition_key="k-1")),
        ("empty_key", dict(partition_key="")),
        ("ordering", dict(partition_key="k-1", ordering_key=b"\x00\xffo")),
        ("b64", dict(partition_key=base64.b64encode(bytes(range(200)) * 3)
                     .decode(), partition_key_b64_encoded=True)),
        ("b64_short", dict(partition_key="3q2+7w==",
                           partition_key_b64_encoded=True)),
        ("b64_bad", dict(partition_key="not base64!",
                         partition_key_b64_encoded=True))):
    m = pb.MessageMetadata()
    m.CopyFrom(meta)
    for k, v in kw.items():
        setattr(m, k, v)
    out("sticky." + name, m.SerializeToString())
