# SPDX-License-Identifier: Apache-2.0
"""Schemas, of which there are none yet, and transactions, which are not enabled."""
from mqlib import Client, check, equal, ours
import mqlib

SCHEMA = dict(name="s", schema_data=b"")


def schema():
    return dict(SCHEMA, type=mqlib.pb.Schema.String)


def test_get_schema(b):
    with Client(b) as c:
        m = c.ask("GET_SCHEMA", "GET_SCHEMA_RESPONSE", topic=b.topic())
        equal(m.error_code, mqlib.pb.TopicNotFound)
        m = c.ask("GET_SCHEMA", "GET_SCHEMA_RESPONSE", topic=b.topic(),
                  schema_version=b"")
        equal(m.error_code, mqlib.pb.IncompatibleSchema)
        m = c.ask("GET_SCHEMA", "GET_SCHEMA_RESPONSE", topic="a//b")
        equal(m.error_code, mqlib.pb.InvalidTopicName)


def test_schemas_are_let_in(b):
    t = b.topic()
    with Client(b) as c:
        c.producer(t, schema=schema())
        c.subscribe(t, schema=schema())


@ours("the reference keeps it")
def test_get_or_create(b):
    t = b.topic()
    with Client(b) as c:
        m = c.ask("GET_OR_CREATE_SCHEMA", "GET_OR_CREATE_SCHEMA_RESPONSE",
                  topic=t, schema=schema())
        equal(m.error_code, mqlib.pb.TopicNotFound)
        c.producer(t)
        m = c.ask("GET_OR_CREATE_SCHEMA", "GET_OR_CREATE_SCHEMA_RESPONSE",
                  topic=t, schema=schema())
        check(not m.HasField("error_code"))
        equal(m.schema_version, b"")
        m = c.ask("GET_SCHEMA", "GET_SCHEMA_RESPONSE", topic=t)
        equal(m.error_code, mqlib.pb.TopicNotFound)


@ours("the reference may have transactions enabled")
def test_transactions(b):
    with Client(b) as c:
        for name, fields in (
                ("TC_CLIENT_CONNECT_REQUEST", dict(tc_id=0)),
                ("NEW_TXN", dict(txn_ttl_seconds=1)),
                ("ADD_PARTITION_TO_TXN", dict(partitions=["a"])),
                ("ADD_SUBSCRIPTION_TO_TXN",
                 dict(subscription=[dict(topic="a", subscription="s")])),
                ("END_TXN", dict(txnid_least_bits=1))):
            m = c.error(name, "NotAllowedError", **fields)
            equal(m.message, "Transactions are not enabled.")
        m = c.ask("END_TXN_ON_PARTITION", "END_TXN_ON_PARTITION_RESPONSE")
        equal(m.error, mqlib.pb.NotAllowedError)
        m = c.ask("END_TXN_ON_SUBSCRIPTION",
                  "END_TXN_ON_SUBSCRIPTION_RESPONSE")
        equal(m.error, mqlib.pb.NotAllowedError)
