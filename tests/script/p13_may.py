# SPDX-License-Identifier: Apache-2.0
"""Every command a client may send as each of six identities, against permissions.tbl."""
from mqlib import LATEST, Client, Fail, check, equal
import mqlib
import maylib
from p12_auth import locked
from p14_may_http import ROLES, World, as_role

SHORT = dict(AuthenticationError="authn", AuthorizationError="authz")
# what needs a producer or a consumer of one's own
PRODUCER = ("SEND", "CLOSE_PRODUCER")
CONSUMER = ("ACK", "FLOW", "UNSUBSCRIBE", "CLOSE_CONSUMER", "CONSUMER_STATS",
            "REDELIVER_UNACKNOWLEDGED_MESSAGES", "SEEK", "GET_LAST_MESSAGE_ID")


def fields(cmd, ns, at):
    """What is sent; the topic is there, with a message at `at`."""
    t = f"persistent://{ns}/t"
    txn = dict(txnid_least_bits=1, txnid_most_bits=0)
    return {
        "SUBSCRIBE": dict(topic=t, subscription="s", consumer_id=1, subType=0),
        "PRODUCER": dict(topic=t, producer_id=1),
        "ACK": dict(consumer_id=1, ack_type=0, message_id=[dict(
            ledgerId=at[0], entryId=at[1])]),
        "FLOW": dict(consumer_id=1, messagePermits=1),
        "UNSUBSCRIBE": dict(consumer_id=1),
        "CLOSE_PRODUCER": dict(producer_id=1),
        "CLOSE_CONSUMER": dict(consumer_id=1),
        "REDELIVER_UNACKNOWLEDGED_MESSAGES": dict(consumer_id=1),
        "PARTITIONED_METADATA": dict(topic=t),
        "LOOKUP": dict(topic=t, authoritative=False),
        "CONSUMER_STATS": dict(consumer_id=1),
        "SEEK": dict(consumer_id=1, message_id=dict(
            ledgerId=LATEST, entryId=LATEST)),
        "GET_LAST_MESSAGE_ID": dict(consumer_id=1),
        "GET_TOPICS_OF_NAMESPACE": dict(namespace=ns),
        "GET_SCHEMA": dict(topic=t),
        "AUTH_RESPONSE": dict(client_version="script 1", response=dict(
            auth_method_name="token", auth_data=b"x")),
        "GET_OR_CREATE_SCHEMA": dict(topic=t, schema=dict(
            name="t", schema_data=b"", type=1)),
        "NEW_TXN": dict(tc_id=0),
        "ADD_PARTITION_TO_TXN": dict(partitions=[t], **txn),
        "ADD_SUBSCRIPTION_TO_TXN": dict(subscription=[dict(
            topic=t, subscription="s")], **txn),
        "END_TXN": dict(txn_action=0, **txn),
        "END_TXN_ON_PARTITION": dict(topic=t, txn_action=0, **txn),
        "END_TXN_ON_SUBSCRIPTION": dict(txn_action=0, subscription=dict(
            topic=t, subscription="s"), **txn),
        "TC_CLIENT_CONNECT_REQUEST": dict(tc_id=0),
        "WATCH_TOPIC_LIST": dict(namespace=ns, watcher_id=1,
                                 topics_pattern=f"persistent://{ns}/.*"),
        "WATCH_TOPIC_LIST_CLOSE": dict(watcher_id=1),
    }.get(cmd, {})


def send(c, cmd, ns, at):
    """The request's id, if it has one."""
    f = fields(cmd, ns, at)
    if cmd == "SEND":
        c.send(1, 0)
        return None
    if any(x.name == "request_id" for x in
           mqlib.message_of(cmd).DESCRIPTOR.fields):
        f["request_id"] = c.next_req()
    c.tx(cmd, **f)
    return f.get("request_id")


def refusal(name, m):
    """The error that an answer carries, in any of the ways there are."""
    names = [f.name for f in m.DESCRIPTOR.fields]
    for field in ("error", "error_code"):
        if field in names and (name == "ERROR" or m.HasField(field)):
            error = mqlib.pb.ServerError.Name(getattr(m, field))
            return SHORT.get(error, error)
    return None


def outcome(c, cmd, req, opened):
    """The answer; what has none is over when a PING sent behind it is answered."""
    c.tx("PING")
    pong, wait = False, 10
    while True:
        try:
            got = c.rx_any(wait)
        except TimeoutError:
            got = ("silence", None, None)
        if got is None:
            return "closed"
        name, m, _ = got
        if name == "silence":
            check(pong, f"{cmd}: neither answer nor PONG")
            return "-"
        if name == "PONG":
            pong = True
            if cmd == "PING":
                return "ok"
            # what has an answer gets it; what can't have one has had its effect
            if not answered(cmd, req, opened):
                return "ok" if opened else "-"
            continue
        if name == "ACTIVE_CONSUMER_CHANGE":
            continue
        if req is not None and getattr(m, "request_id", req) != req:
            continue
        return refusal(name, m) or "ok"


def answered(cmd, req, opened):
    if cmd in ("SEND", "FLOW", "ACK"):
        return opened        # RECEIPT, MESSAGE, ACK_RESPONSE
    return req is not None and cmd != "WATCH_TOPIC_LIST_CLOSE"


def open_first(c, cmd, ns):
    """Opens what the command is about; False: not allowed to."""
    t = f"persistent://{ns}/t"
    req = c.next_req()
    if cmd in PRODUCER:
        c.tx("PRODUCER", topic=t, producer_id=1, request_id=req)
    elif cmd in CONSUMER:
        c.tx("SUBSCRIBE", topic=t, subscription="s", consumer_id=1,
             subType=0, request_id=req)
    else:
        return True
    while True:
        name, m, _ = c.rx_any()
        if name == "ACTIVE_CONSUMER_CHANGE":
            continue
        equal(m.request_id, req)
        if name == "ERROR":
            equal(mqlib.pb.ServerError.Name(m.error), "AuthorizationError")
        return name != "ERROR"


def nobody(b, cmd, ns, at):
    """Without credentials: refused at CONNECT, and what comes behind it isn't looked
    at; nor is what comes without one."""
    with Client(b, connect=False) as c:
        c.tx("CONNECT", client_version="script 1", protocol_version=21)
        if cmd != "CONNECT":
            send(c, cmd, ns, at)
        name, m, _ = c.rx_any()
        c.rx_closed()
    if cmd not in ("CONNECT", "PING", "PONG", "AUTH_RESPONSE"):
        with Client(b, connect=False) as c:
            send(c, cmd, ns, at)
            c.rx_closed()
    return refusal(name, m) or name


def answer(w, cmd, who):
    b, ns = w.b, w.namespace()
    at = w.topic(ns)
    if who == "none":
        return nobody(b, cmd, ns, at)
    with as_role(b, ROLES[who]) as c:
        if cmd == "CONNECT":
            return "ok"
        opened = open_first(c, cmd, ns)
        return outcome(c, cmd, send(c, cmd, ns, at), opened)


@locked(authenticationFailureLimit=0)
def test_commands(b):
    w = World(b)
    maylib.compare("pulsar", lambda key, who: answer(w, key, who), b.ours)
