# SPDX-License-Identifier: Apache-2.0
"""LOOKUP and PARTITIONED_METADATA."""
from mqlib import Client, check, equal, options
import mqlib


def metadata(c, topic, create=True):
    return c.ask("PARTITIONED_METADATA", "PARTITIONED_METADATA_RESPONSE",
                 topic=topic, metadata_auto_creation_enabled=create)


def lookup(c, topic, **fields):
    return c.ask("LOOKUP", "LOOKUP_RESPONSE", topic=topic, **fields)


def test_lookup(b):
    with Client(b) as c:
        m = lookup(c, b.topic())
        equal(m.response, mqlib.pb.CommandLookupTopicResponse.Connect)
        check(m.authoritative)
        equal(m.brokerServiceUrl.split("//")[0], "pulsar:")
        check(m.brokerServiceUrl.endswith(f":{b.port}"), m.brokerServiceUrl)


def test_names(b):
    """What is a name, and what isn't."""
    with Client(b) as c:
        for name in ("", "a/b", "http://a/b/c", "persistent://a/b",
                     "persistent:///a/b", "persistent://pu$blic/default/x",
                     "persistent://public/default/"):
            m = lookup(c, name)
            equal(m.response, mqlib.pb.CommandLookupTopicResponse.Failed, name)
            equal(m.error, mqlib.pb.InvalidTopicName, name)
            check(m.message != "")
            m = metadata(c, name)
            equal(m.error, mqlib.pb.InvalidTopicName, name)
        for name in ("short", "public/default/x", "x.y-z:w=1", "ä ö", "a?b&c"):
            m = lookup(c, name)
            equal(m.response, mqlib.pb.CommandLookupTopicResponse.Connect, name)


def test_no_namespace(b):
    with Client(b) as c:
        for t in ("public/none-such/x", "none-such/default/x"):
            m = lookup(c, t)
            equal(m.response, mqlib.pb.CommandLookupTopicResponse.Failed)
            equal(m.error, mqlib.pb.TopicNotFound, m.message)
            m = metadata(c, t)
            equal(m.response,
                  mqlib.pb.CommandPartitionedTopicMetadataResponse.Failed)
            equal(m.error, mqlib.pb.TopicNotFound, m.message)


def test_partitions(b):
    t = b.topic()
    with Client(b) as c:
        m = metadata(c, t, create=False)
        equal(m.error, mqlib.pb.TopicNotFound)
        m = metadata(c, t)
        equal(m.partitions, 0)
        check(not m.HasField("error"))
        c.producer(t)
        m = metadata(c, t, create=False)
        equal(m.partitions, 0)


def test_unknown_listener(b):
    with Client(b) as c:
        m = lookup(c, b.topic(), advertised_listener_name="nowhere")
        equal(m.response, mqlib.pb.CommandLookupTopicResponse.Failed)
        equal(m.error, mqlib.pb.ServiceNotReady, m.message)


@options(advertisedAddress="mq.example")
def test_advertised_address(b):
    with Client(b) as c:
        equal(lookup(c, b.topic()).brokerServiceUrl,
              f"pulsar://mq.example:{b.port}")


@options(advertisedListeners="in:pulsar://10.1.2.3:6650,"
         "out:pulsar://out.example:7650", internalListenerName="in")
def test_advertised_listeners(b):
    with Client(b) as c:
        equal(lookup(c, b.topic()).brokerServiceUrl, "pulsar://10.1.2.3:6650")
        m = lookup(c, b.topic(), advertised_listener_name="out")
        equal(m.brokerServiceUrl, "pulsar://out.example:7650")


@options(allowAutoTopicCreationType="partitioned", defaultNumPartitions=3)
def test_auto_partitioned(b):
    t = b.topic()
    with Client(b) as c:
        equal(metadata(c, t).partitions, 3)
        equal(metadata(c, t, create=False).partitions, 3)
