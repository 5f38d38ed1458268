# SPDX-License-Identifier: Apache-2.0
"""Connecting, frames, what is not allowed."""
import struct

from mqlib import (NONE, Client, check, command, equal, frame, options, ours)
import mqlib


def test_connected(b):
    with Client(b) as c:
        m = c.connected
        equal(m.protocol_version, 21, "protocol version")
        equal(m.max_message_size, 5 << 20, "max message size")
        ff = m.feature_flags
        check(ff.supports_topic_watchers)
        check(ff.supports_get_partitioned_metadata_without_auto_creation)
        check(ff.supports_repl_dedup_by_lid_and_eid)
        check(ff.supports_topic_watcher_reconcile)
        check(not ff.supports_auth_refresh)
        check(m.server_version != "")


def test_versions(b):
    for asked, got in ((0, 0), (1, 1), (12, 12), (21, 21), (40, 21)):
        with Client(b, version=asked) as c:
            equal(c.connected.protocol_version, got, "protocol version")


def test_auth_is_taken(b):
    with Client(b, auth_method_name="token", auth_data=b"x.y.z"):
        pass


def test_ping(b):
    with Client(b) as c:
        for _ in range(3):
            c.tx("PING")
        for _ in range(3):
            c.rx("PONG")


def test_connect_twice(b):
    with Client(b) as c:
        c.tx("CONNECT", client_version="again")
        c.rx_closed()


def test_before_connect(b):
    for type_name, fields in (
            ("LOOKUP", dict(topic="a", request_id=1)),
            ("PRODUCER", dict(topic="a", request_id=1, producer_id=1)),
            ("FLOW", dict(consumer_id=1, messagePermits=1)),
            ("CLOSE_PRODUCER", dict(producer_id=1, request_id=1)),
            ("GET_TOPICS_OF_NAMESPACE", dict(namespace="a/b", request_id=1))):
        with Client(b, connect=False) as c:
            c.tx(type_name, **fields)
            c.rx_closed()


def test_not_for_brokers(b):
    for type_name, fields in (
            ("CONNECTED", dict(server_version="x")),
            ("SUCCESS", dict(request_id=1)),
            ("SEND_RECEIPT", dict(producer_id=1, sequence_id=1)),
            ("REACHED_END_OF_TOPIC", dict(consumer_id=1)),
            ("LOOKUP_RESPONSE", dict(request_id=1)),
            ("AUTH_CHALLENGE", dict())):
        with Client(b) as c:
            c.tx(type_name, **fields)
            c.rx_closed()


def test_unknown_command(b):
    with Client(b) as c:
        c.raw(struct.pack(">II", 6, 2) + b"\x08\x63")
        c.rx_closed()


def test_command_without_message(b):
    with Client(b) as c:
        c.raw(struct.pack(">II", 6, 2) + b"\x08" +
              bytes([pb_type("PRODUCER")]))
        c.rx_closed()


def pb_type(name):
    return mqlib.pb.BaseCommand.Type.Value(name)


def test_unasked_auth_response(b):
    with Client(b) as c:
        c.tx("AUTH_RESPONSE", response=dict(auth_method_name="token",
                                            auth_data=b"x"))
        c.rx("ERROR", request_id=NONE,
             error=mqlib.pb.AuthenticationError)
        c.rx_closed()


def test_hostile_lengths(b):
    for raw in (b"\xff\xff\xff\xff\0\0\0\x02", b"\x7f\xff\xff\xff\0\0\0\x02",
                struct.pack(">II", (5 << 20) + 10240 + 1, 2)):
        with Client(b) as c:
            c.raw(raw)
            c.rx_closed()


def test_command_longer_than_frame(b):
    with Client(b) as c:
        c.raw(struct.pack(">II", 6, 200) + b"\x08\x12" + b"\0" * 300)
        c.rx_closed()


@ours("the reference reads on into the next frame")
def test_garbage_command(b):
    with Client(b) as c:
        c.raw(struct.pack(">II", 12, 8) + b"\xff" * 8)
        c.rx_closed()


def test_every_split(b):
    f = frame(command("PARTITIONED_METADATA", topic="split", request_id=7,
                      metadata_auto_creation_enabled=False))
    with Client(b) as c:
        for i in range(1, len(f)):
            c.raw(f[:i])
            c.raw(f[i:])
            c.rx("PARTITIONED_METADATA_RESPONSE", request_id=7)


def test_cut_at_every_byte(b):
    """Half a conversation leaves the broker as it was."""
    f = frame(command("CONNECT", client_version="x", protocol_version=21)) + \
        frame(command("PRODUCER", topic=b.topic("cut"), producer_id=1,
                      request_id=1))
    for i in range(0, len(f), 3):
        with Client(b, connect=False) as c:
            c.raw(f[:i])
    with Client(b) as c:
        c.sync()


@options(keepAliveIntervalSeconds=1)
def test_keepalive(b):
    with Client(b) as c, Client(b) as mute, Client(b, connect=False) as never:
        c.pings = mute.pings = False
        for _ in range(3):
            c.rx("PING", 2.0)
            c.tx("PONG")
        mute.rx("PING", 2.0)
        mute.rx_closed(3.0)
        never.rx_closed(3.0)
        c.rx("PING", 2.0)
