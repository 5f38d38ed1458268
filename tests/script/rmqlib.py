# SPDX-License-Identifier: Apache-2.0
"""Speaks RocketMQ's remoting protocol to a broker or name server: frames with
either header, stored records, batch bodies, the JSON that is not quite JSON.
Shares no code with the broker. A Client is one connection; what a script expects
is said by rx(), which fails with what came instead.
"""
import base64
import hashlib
import hmac
import json
import re
import socket
import struct
import time
import zlib

from mqlib import Fail, check, equal

CODES = {
    "SEND_MESSAGE": 10, "PULL_MESSAGE": 11, "QUERY_MESSAGE": 12,
    "QUERY_CONSUMER_OFFSET": 14, "UPDATE_CONSUMER_OFFSET": 15,
    "UPDATE_AND_CREATE_TOPIC": 17, "UPDATE_AND_CREATE_TOPIC_LIST": 18,
    "GET_ALL_TOPIC_CONFIG": 21, "UPDATE_BROKER_CONFIG": 25,
    "GET_BROKER_CONFIG": 26, "GET_BROKER_RUNTIME_INFO": 28,
    "SEARCH_OFFSET_BY_TIMESTAMP": 29, "GET_MAX_OFFSET": 30,
    "GET_MIN_OFFSET": 31, "GET_EARLIEST_MSG_STORETIME": 32,
    "VIEW_MESSAGE_BY_ID": 33, "HEART_BEAT": 34, "UNREGISTER_CLIENT": 35,
    "CONSUMER_SEND_MSG_BACK": 36, "END_TRANSACTION": 37,
    "GET_CONSUMER_LIST_BY_GROUP": 38, "CHECK_TRANSACTION_STATE": 39,
    "NOTIFY_CONSUMER_IDS_CHANGED": 40, "LOCK_BATCH_MQ": 41,
    "UNLOCK_BATCH_MQ": 42, "GET_ALL_CONSUMER_OFFSET": 43,
    "GET_ALL_DELAY_OFFSET": 45, "CHECK_CLIENT_CONFIG": 46,
    "UPDATE_AND_CREATE_ACL_CONFIG": 50, "DELETE_ACL_CONFIG": 51,
    "GET_BROKER_CLUSTER_ACL_INFO": 52, "UPDATE_GLOBAL_WHITE_ADDRS_CONFIG": 53,
    "GET_BROKER_CLUSTER_ACL_CONFIG": 54, "GET_TIMER_CHECK_POINT": 60, "GET_TIMER_METRICS": 61, "PUT_KV_CONFIG": 100, "GET_KV_CONFIG": 101,
    "DELETE_KV_CONFIG": 102, "GET_ROUTEINFO_BY_TOPIC": 105,
    "GET_BROKER_CLUSTER_INFO": 106, "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP": 200,
    "GET_ALL_SUBSCRIPTIONGROUP_CONFIG": 201, "GET_TOPIC_STATS_INFO": 202,
    "GET_CONSUMER_CONNECTION_LIST": 203, "GET_PRODUCER_CONNECTION_LIST": 204,
    "WIPE_WRITE_PERM_OF_BROKER": 205,
    "GET_ALL_TOPIC_LIST_FROM_NAMESERVER": 206,
    "DELETE_SUBSCRIPTIONGROUP": 207, "GET_CONSUME_STATS": 208,
    "DELETE_TOPIC_IN_BROKER": 215, "DELETE_TOPIC_IN_NAMESRV": 216,
    "GET_KVLIST_BY_NAMESPACE": 219, "RESET_CONSUMER_CLIENT_OFFSET": 220,
    "GET_CONSUMER_STATUS_FROM_CLIENT": 221,
    "INVOKE_BROKER_TO_RESET_OFFSET": 222,
    "INVOKE_BROKER_TO_GET_CONSUMER_STATUS": 223, "GET_TOPICS_BY_CLUSTER": 224,
    "QUERY_TOPIC_CONSUME_BY_WHO": 300, "QUERY_CONSUME_TIME_SPAN": 303,
    "GET_CONSUMER_RUNNING_INFO": 307,
    "QUERY_CORRECTION_OFFSET": 308, "CONSUME_MESSAGE_DIRECTLY": 309,
    "SEND_MESSAGE_V2": 310, "VIEW_BROKER_STATS_DATA": 315,
    "SEND_BATCH_MESSAGE": 320, "QUERY_CONSUME_QUEUE": 321,
    "SEND_REPLY_MESSAGE": 324, "SEND_REPLY_MESSAGE_V2": 325,
    "PUSH_REPLY_MESSAGE_TO_CLIENT": 326, "ADD_WRITE_PERM_OF_BROKER": 327,
    "GET_TOPIC_CONFIG": 351, "GET_SUBSCRIPTIONGROUP_CONFIG": 352,
    "UPDATE_AND_GET_GROUP_FORBIDDEN": 353,
    "LITE_PULL_MESSAGE": 361, "RECALL_MESSAGE": 370, "QUERY_ASSIGNMENT": 400,
    "SET_MESSAGE_REQUEST_MODE": 401, "POP_MESSAGE": 200050,
    "ACK_MESSAGE": 200051, "PEEK_MESSAGE": 200052,
    "CHANGE_MESSAGE_INVISIBLETIME": 200053, "NOTIFICATION": 200054,
    "AUTH_CREATE_USER": 3001, "AUTH_UPDATE_USER": 3002,
    "AUTH_DELETE_USER": 3003, "AUTH_GET_USER": 3004, "AUTH_LIST_USER": 3005,
    "AUTH_CREATE_ACL": 3006, "AUTH_UPDATE_ACL": 3007, "AUTH_DELETE_ACL": 3008,
    "AUTH_GET_ACL": 3009, "AUTH_LIST_ACL": 3010,
    "POLLING_INFO": 200055, "BATCH_ACK_MESSAGE": 200151,
}
NAMES = {v: k for k, v in CODES.items()}
LANGUAGES = ("JAVA", "CPP", "DOTNET", "PYTHON", "DELPHI", "ERLANG", "RUBY",
             "OTHER", "HTTP", "GO", "PHP", "OMS", "RUST", "NODE_JS")
RESPONSE, ONEWAY = 1, 2
# SEND_MESSAGE_V2, SEND_BATCH_MESSAGE and SEND_REPLY_MESSAGE_V2 have a letter
# for each field
V2 = dict(producerGroup="a", topic="b", defaultTopic="c",
          defaultTopicQueueNums="d", queueId="e", sysFlag="f",
          bornTimestamp="g", flag="h", properties="i", reconsumeTimes="j",
          unitMode="k", maxReconsumeTimes="l", batch="m", brokerName="n")
SHORT = ("SEND_MESSAGE_V2", "SEND_BATCH_MESSAGE", "SEND_REPLY_MESSAGE_V2")
# sysFlag of PULL_MESSAGE
COMMIT, SUSPEND, SUBSCRIPTION = 1, 2, 4
# sysFlag of a message
COMPRESSED, PREPARED, COMMITTED, BORN_V6, STORE_V6 = 1, 4, 8, 16, 32


# ---- JSON as fastjson writes it: keys may be numbers or objects

class Fast:
    def __init__(self, text):
        self.s, self.i = text, 0
        self.dec = json.JSONDecoder()

    def space(self):
        while self.i < len(self.s) and self.s[self.i] in " \t\r\n":
            self.i += 1

    def eat(self, ch):
        self.space()
        if self.s[self.i:self.i + 1] == ch:
            self.i += 1
            return True
        return False

    def value(self):
        self.space()
        if self.eat("{"):
            return self.members()
        if self.eat("["):
            out = []
            while not self.eat("]"):
                out.append(self.value())
                self.eat(",")
            return out
        try:
            v, self.i = self.dec.raw_decode(self.s, self.i)
        except ValueError:
            raise Fail(f"not JSON at {self.i}: {self.s[:400]}") from None
        return v

    def members(self):
        """A dict; keys that are objects become sorted tuples of their items."""
        out = {}
        while not self.eat("}"):
            key = self.value()
            if isinstance(key, dict):
                key = tuple(sorted(key.items()))
            check(self.eat(":"), "no ':' at", self.i, "of", self.s[:400])
            out[str(key) if isinstance(key, (int, float)) else key] = \
                self.value()
            self.eat(",")
        return out


def fast_loads(data):
    f = Fast(data.decode())
    v = f.value()
    f.space()
    equal(f.i, len(f.s), "end of the JSON")
    return v


# ---- properties, records, batches

def pack_props(props):
    if isinstance(props, (bytes, str)):
        return props.encode() if isinstance(props, str) else props
    return "".join(f"{k}\x01{v}\x02" for k, v in props.items()).encode()


def unpack_props(raw):
    out = {}
    for item in raw.decode().split("\x02"):
        if item:
            k, sep, v = item.partition("\x01")
            check(sep, "a property without a value:", item)
            check(k not in out, "twice:", k)
            out[k] = v
    return out


class Record:
    """One stored message, as PULL gives it."""

    def __init__(self, raw):
        def take(fmt):
            nonlocal i
            v = struct.unpack_from(">" + fmt, raw, i)
            i += struct.calcsize(">" + fmt)
            return v[0] if len(v) == 1 else v

        def host(six):
            nonlocal i
            n = 16 if six else 4
            ip = raw[i:i + n]
            i += n
            port = take("I")
            text = socket.inet_ntop(socket.AF_INET6 if six else
                                    socket.AF_INET, ip)
            return text, port
        i = 0
        self.raw = raw
        size, self.magic, crc = take("III")
        equal(size, len(raw), "size of a record")
        check(self.magic in (0xdaa320a7, 0xdaa320ab), "magic", self.magic)
        self.queue, self.flag, self.offset, self.locator, self.sys, self.born \
            = take("iiqqiq")
        self.born_host = host(self.sys & BORN_V6)
        self.stored = take("q")
        self.store_host = host(self.sys & STORE_V6)
        self.reconsumed, self.prepared_offset, n = take("iqi")
        self.body = raw[i:i + n]
        i += n
        equal(crc, zlib.crc32(self.body) & 0x7fffffff, "CRC of a body")
        n = take("B" if self.magic == 0xdaa320a7 else "H")
        self.topic = raw[i:i + n].decode()
        i += n
        n = take("h")
        self.props_raw = raw[i:i + n]
        self.props = unpack_props(self.props_raw)
        equal(i + n, len(raw), "end of a record")

    @property
    def id(self):
        """The message id that clients build of it."""
        ip = socket.inet_pton(socket.AF_INET6 if self.sys & STORE_V6 else
                              socket.AF_INET, self.store_host[0])
        return (ip + struct.pack(">IQ", self.store_host[1],
                                 self.locator)).hex().upper()

    def __repr__(self):
        return f"<{self.topic}/{self.queue}:{self.offset} {self.body[:20]!r}>"


def records(data):
    out = []
    while data:
        check(len(data) >= 4, "half a record")
        n = struct.unpack(">I", data[:4])[0]
        check(4 < n <= len(data), "size of a record", n)
        out.append(Record(data[:n]))
        data = data[n:]
    return out


def batch(*messages):
    """A batch body, of bodies or (body, properties)."""
    out = b""
    for m in messages:
        body, props = m if isinstance(m, tuple) else (m, {})
        p = pack_props(props)
        rest = struct.pack(">IIiI", 0, 0, 0, len(body)) + body + \
            struct.pack(">h", len(p)) + p
        out += struct.pack(">I", 4 + len(rest)) + rest
    return out


def id_parts(msg_id):
    """(ip, port, locator) of an offset message id"""
    raw = bytes.fromhex(msg_id)
    check(len(raw) in (16, 28), "length of a message id", msg_id)
    ip = socket.inet_ntop(socket.AF_INET if len(raw) == 16 else
                          socket.AF_INET6, raw[:-12])
    return (ip, *struct.unpack(">IQ", raw[-12:]))


def tag_hash(s):
    """Java's String.hashCode"""
    h = 0
    raw = s.encode("utf-16-be")
    for i in range(0, len(raw), 2):
        h = (h * 31 + raw[i] * 256 + raw[i + 1]) & 0xffffffff
    return h - (1 << 32) if h >> 31 else h


# ---- frames

def text(v):
    return {True: "true", False: "false"}.get(v, v) if isinstance(v, bool) \
        else str(v)


class Command:
    """A request or an answer."""

    def __init__(self, code, opaque=0, flag=0, ext=None, body=b"",
                 remark=None, language="JAVA", version=513):
        self.code, self.opaque, self.flag = code, opaque, flag
        self.ext = ext or {}
        self.body, self.remark = body, remark
        self.language, self.version = language, version
        self.binary = False

    @property
    def name(self):
        return "answer" if self.flag & RESPONSE else \
            NAMES.get(self.code, str(self.code))

    def json(self):
        return fast_loads(self.body)

    def records(self):
        return records(self.body)

    def __str__(self):
        return f"{self.name} code {self.code} opaque {self.opaque} remark " \
            f"{self.remark!r} {self.ext} {self.body[:200]!r}"

    def header(self, binary):
        if binary:
            ext = b"".join(struct.pack(">h", len(k)) + k +
                           struct.pack(">i", len(v)) + v
                           for k, v in ((k.encode(), text(v).encode())
                                        for k, v in self.ext.items()))
            r = (self.remark or "").encode()
            return struct.pack(">hBhiii", (self.code + 0x8000) % 0x10000 -
                               0x8000, LANGUAGES.index(self.language),
                               self.version, self.opaque, self.flag, len(r)) \
                + r + struct.pack(">i", len(ext)) + ext
        return json.dumps(dict(
            code=self.code, extFields={k: text(v) for k, v in
                                       self.ext.items()},
            flag=self.flag, language=self.language, opaque=self.opaque,
            serializeTypeCurrentRPC="JSON", version=self.version)).encode()

    def encode(self, binary=False):
        h = self.header(binary)
        return struct.pack(">II", 4 + len(h) + len(self.body),
                           binary << 24 | len(h)) + h + self.body


def decode(data):
    """A Command of what follows the length of a frame."""
    word = struct.unpack(">I", data[:4])[0]
    n, kind = word & 0xffffff, word >> 24
    check(4 + n <= len(data), "length of a header", n)
    raw, body = data[4:4 + n], data[4 + n:]
    check(kind in (0, 1), "kind of header", kind)
    cmd = decode_json(raw) if kind == 0 else decode_binary(raw)
    cmd.body, cmd.binary = body, kind == 1
    return cmd


def decode_json(raw):
    h = json.loads(raw)        # a header is JSON proper
    for k in ("code", "flag", "opaque"):
        check(isinstance(h.get(k), int), "no", k, "in", h)
    ext = h.get("extFields") or {}
    for k, v in ext.items():
        check(isinstance(v, str), "not a string:", k, v)
    return Command(h["code"], h["opaque"], h["flag"], ext,
                   remark=h.get("remark"), language=h.get("language"),
                   version=h.get("version"))


def decode_binary(raw):
    code, lang, version, opaque, flag, n = struct.unpack(">hBhiii", raw[:17])
    remark = raw[17:17 + n].decode() if n else None
    i = 17 + n
    left = struct.unpack(">i", raw[i:i + 4])[0]
    i += 4
    equal(i + left, len(raw), "length of a binary header's fields")
    ext = {}
    while i < len(raw):
        n = struct.unpack(">h", raw[i:i + 2])[0]
        k = raw[i + 2:i + 2 + n].decode()
        i += 2 + n
        n = struct.unpack(">i", raw[i:i + 4])[0]
        ext[k] = raw[i + 4:i + 4 + n].decode()
        i += 4 + n
    return Command(code, opaque, flag, ext, remark=remark,
                   language=LANGUAGES[lang], version=version)


class Speaker:
    """Makes requests; what carries them is up to who inherits."""

    binary, language, version, opaque = False, "JAVA", 513, 0

    def request(self, name, body=b"", oneway=False, ext=None, **fields):
        """An encoded frame and its opaque."""
        self.opaque += 1
        if name in SHORT:
            fields = {V2.get(k, k): v for k, v in fields.items()}
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        fields = {k: v for k, v in fields.items() if v is not None}
        cmd = Command(name if isinstance(name, int) else CODES[name],
                      self.opaque, ONEWAY if oneway else 0,
                      {**fields, **(ext or {})}, body,
                      language=self.language, version=self.version)
        return cmd.encode(self.binary), self.opaque

    def send_fields(self, topic, tags=None, keys=None, props=None, **over):
        props = {} if props is None else props
        if isinstance(props, dict):
            props = dict(props)
            if tags is not None:
                props["TAGS"] = tags
            if keys is not None:
                props["KEYS"] = keys
        return {**dict(
            producerGroup="script", topic=topic, defaultTopic="TBW102",
            defaultTopicQueueNums=4, queueId=0, sysFlag=0,
            bornTimestamp=int(time.time() * 1000), flag=0,
            properties=pack_props(props).decode(), reconsumeTimes=0,
            unitMode=False, maxReconsumeTimes=None, batch=False), **over}


class Client(Speaker):
    """A connection to the broker, or with ns=True to the name server."""

    def __init__(self, broker, ns=False, binary=False, language="JAVA",
                 version=513, source=""):
        check(broker.namesrv, "the broker doesn't listen for RocketMQ")
        self.broker, self.binary = broker, binary
        self.language, self.version = language, version
        self.sock = socket.create_connection(
            broker.namesrv if ns else broker_addr(broker), 10, (source, 0))
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buf = b""
        self.answers, self.requests = {}, []
        self.over = False
        self.id = f"127.0.0.1@{broker.name('c')}"

    def close(self):
        self.sock.close()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()

    @property
    def addr(self):
        """Our address, as the broker sees it."""
        return "%s:%d" % self.sock.getsockname()[:2]

    # ---- frames

    def raw(self, data):
        self.sock.sendall(data)

    def tx(self, name, body=b"", **fields):
        """Sends a request (fields by their long names); its opaque."""
        data, opaque = self.request(name, body, **fields)
        self.raw(data)
        return opaque

    def answer(self, req, code=0, body=b"", remark=None, **fields):
        """Answers a request of the broker."""
        self.raw(Command(code, req.opaque, RESPONSE, fields, body,
                         remark=remark).encode(self.binary))

    def read(self, end):
        """One more frame into answers or requests; False at the end."""
        while not self.over:
            if len(self.buf) >= 4:
                n = 4 + struct.unpack(">I", self.buf[:4])[0]
                if len(self.buf) >= n:
                    cmd = decode(self.buf[4:n])
                    self.buf = self.buf[n:]
                    equal(cmd.binary, self.binary, "header is binary")
                    if cmd.flag & RESPONSE:
                        check(cmd.opaque not in self.answers,
                              "answered twice:", cmd)
                        self.answers[cmd.opaque] = cmd
                    else:
                        self.requests.append(cmd)
                    return True
            left = end - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self.sock.settimeout(left)
            try:
                got = self.sock.recv(1 << 20)
            except socket.timeout:
                raise TimeoutError from None
            except ConnectionError:
                got = b""
            if not got:
                self.over = True
            self.buf += got
        return False

    def rx(self, opaque=None, code=0, timeout=10.0, **want):
        """The answer to a request (default: the last one)."""
        opaque = self.opaque if opaque is None else opaque
        end = time.monotonic() + timeout
        try:
            while opaque not in self.answers:
                if not self.read(end):
                    raise Fail(f"closed before {opaque} was answered")
        except TimeoutError:
            raise Fail(f"{opaque} was not answered in {timeout} s") from None
        a = self.answers.pop(opaque)
        if code is not None and a.code != code:
            raise Fail(f"code {a.code}, not {code}: {a.remark}")
        for k, v in want.items():
            equal(a.ext.get(k), text(v), k)
        return a

    def ask(self, name, body=b"", code=0, timeout=10.0, **fields):
        return self.rx(self.tx(name, body, **fields), code, timeout)

    def rx_request(self, name, timeout=10.0, **want):
        """A request of the broker's own."""
        end = time.monotonic() + timeout
        try:
            while not self.requests:
                if not self.read(end):
                    raise Fail(f"closed, where {name} was expected")
        except TimeoutError:
            raise Fail(f"no {name} came in {timeout} s") from None
        r = self.requests.pop(0)
        equal(r.name, name, "the broker's request")
        for k, v in want.items():
            equal(r.ext.get(k), text(v), k)
        return r

    def unanswered(self, *opaques):
        for o in opaques:
            check(o not in self.answers, "answered:", self.answers.get(o))

    def rx_closed(self, timeout=10.0):
        end = time.monotonic() + timeout
        try:
            while self.read(end):
                pass
        except TimeoutError:
            raise Fail("not closed") from None

    def silent(self, seconds=0.3):
        """Neither answers nor requests come."""
        n = len(self.answers) + len(self.requests)
        end = time.monotonic() + seconds
        try:
            check(self.read(end), "closed")
        except TimeoutError:
            equal(len(self.answers) + len(self.requests), n)
            return
        raise Fail("came: " + "; ".join(
            map(str, [*self.answers.values(), *self.requests])))

    # ---- whole exchanges

    def create_topic(self, topic, queues=4, perm=6, attributes=None, **over):
        self.ask("UPDATE_AND_CREATE_TOPIC", **{**dict(
            topic=topic, defaultTopic="TBW102", readQueueNums=queues,
            writeQueueNums=queues, perm=perm, topicFilterType="SINGLE_TAG",
            topicSysFlag=0, order=False, attributes=attributes), **over})

    def create_group(self, group, code=0, **over):
        self.ask("UPDATE_AND_CREATE_SUBSCRIPTIONGROUP", {**dict(
            groupName=group, consumeEnable=True, consumeFromMinEnable=True,
            consumeBroadcastEnable=True, retryQueueNums=1, retryMaxTimes=16,
            brokerId=0, whichBrokerWhenConsumeSlowly=1,
            notifyConsumerIdsChangedEnable=True), **over}, code=code)

    def tx_send(self, topic, body=b"x", request="SEND_MESSAGE_V2", **kw):
        return self.tx(request, body, **self.send_fields(topic, **kw))

    def send(self, topic, body=b"x", code=0, wait=True, **kw):
        """Sends and, where the answer comes before it, waits for the queue's
        index: the reference builds that behind the answer."""
        a = self.rx(self.tx_send(topic, body, **kw), code)
        if wait and not self.broker.ours and a.code == 0:
            self.indexed(topic, int(a.ext["queueId"]), int(
                a.ext["queueOffset"]) + len(a.ext["msgId"].split(",")))
        return a

    def indexed(self, topic, queue, n):
        until("index of " + topic, lambda: int(self.ask(
            "GET_MAX_OFFSET", topic=topic, queueId=queue).ext["offset"]) >= n)

    def tx_pull(self, topic, offset=0, group="script", queue=0, n=32,
                sub="*", suspend_ms=0, request="PULL_MESSAGE", flags=0,
                **over):
        return self.tx(request, **pull_fields(
            topic, offset, group, queue, n, sub, suspend_ms, flags, **over))

    def pull(self, topic, offset=0, code=0, timeout=10.0, **kw):
        return self.rx(self.tx_pull(topic, offset, **kw), code, timeout)

    def drain(self, topic, queue=0, offset=0, **kw):
        """All records of a queue from an offset."""
        out = []
        while True:
            a = self.pull(topic, offset, code=None, queue=queue, **kw)
            check(a.code in (0, 19, 20, 21), a)
            if a.code == 0:
                out += a.records()
            step = int(a.ext["nextBeginOffset"])
            if step <= offset:
                return out
            offset = step

    def heartbeat(self, producers=(), consumers=(), code=0, **over):
        """consumers: (group, topic, expression) or a whole dict."""
        return self.ask("HEART_BEAT", {**dict(
            clientID=self.id,
            producerDataSet=[dict(groupName=g) for g in producers],
            consumerDataSet=[c if isinstance(c, dict) else consumer(*c)
                             for c in consumers]), **over}, code=code)


def pull_fields(topic, offset=0, group="script", queue=0, n=32, sub="*",
                suspend_ms=0, flags=0, **over):
    flags |= SUBSCRIPTION if sub is not None else 0
    flags |= SUSPEND if suspend_ms else 0
    return {**dict(
        consumerGroup=group, topic=topic, queueId=queue, queueOffset=offset,
        maxMsgNums=n, sysFlag=flags, commitOffset=0,
        suspendTimeoutMillis=suspend_ms, subscription=sub, subVersion=0,
        expressionType="TAG"), **over}


def pop_fields(topic, group, queue=-1, n=32, invisible=60000, poll=0, **over):
    return {**dict(
        consumerGroup=group, topic=topic, queueId=queue, maxMsgNums=n,
        invisibleTime=invisible, pollTime=poll,
        bornTime=int(time.time() * 1000), initMode=0, expType="TAG", exp="*",
        order=False), **over}


def pop_handles(broker_name, a):
    """[(record, handle)]: the handle as clients make it of the answer."""
    starts = {tuple(s.split(" ")[:2]): s.split(" ")[2]
              for s in a.ext["startOffsetInfo"].split(";")}
    kinds = {q: k for k, q in starts}
    out = []
    for r in a.records():
        k = kinds[str(r.queue)]
        out.append((r, r.props.get("POP_CK") or " ".join((
            starts[k, str(r.queue)], a.ext["popTime"],
            a.ext["invisibleTime"], a.ext["reviveQid"], k, broker_name,
            str(r.queue), str(r.offset)))))
    return out


def subscription(topic, expression="*", kind="TAG", version=1):
    tags = [] if expression == "*" or kind != "TAG" else \
        [t.strip() for t in expression.split("||")]
    return dict(topic=topic, subString=expression, tagsSet=tags,
                codeSet=[tag_hash(t) for t in tags], subVersion=version,
                expressionType=kind, classFilterMode=False)


def consumer(group, topic, expression="*", kind="TAG", version=1,
             model="CLUSTERING", consume_type="CONSUME_PASSIVELY"):
    return dict(groupName=group, consumeType=consume_type, messageModel=model,
                consumeFromWhere="CONSUME_FROM_FIRST_OFFSET", unitMode=False,
                subscriptionDataSet=[
                    subscription(topic, expression, kind, version)])


def broker_addr(b):
    """(host, port) of the broker that the name server knows."""
    if b.broker_addr is None:
        with socket.create_connection(b.namesrv, 10) as s:
            s.sendall(Command(106, 1).encode())
            f = s.makefile("rb")
            n = struct.unpack(">I", f.read(4))[0]
            a = decode(f.read(n))
            f.close()
        equal(a.code, 0, "cluster info")
        (data,) = a.json()["brokerAddrTable"].values()
        m = re.fullmatch(r"(\S+):(\d+)", data["brokerAddrs"]["0"])
        check(m, "address of the broker", data)
        b.broker_addr = m.group(1), int(m.group(2))
        b.broker_name, b.cluster = data["brokerName"], data["cluster"]
    return b.broker_addr


def mq(b, topic, queue):
    """A MessageQueue as bodies have it."""
    broker_addr(b)
    return dict(brokerName=b.broker_name, queueId=queue, topic=topic)


def recall_handle(handle):
    return base64.urlsafe_b64decode(handle + "=" * (-len(handle) % 4)) \
        .decode().split(" ")


def until(what, fn, limit=10.0):
    """Asks again until fn() is true; its value."""
    end = time.monotonic() + limit
    while True:
        v = fn()
        if v:
            return v
        if time.monotonic() > end:
            raise Fail(f"{what}: not within {limit} s")
        time.sleep(0.02)


class Signed(Client):
    """Signs what it asks, over the fields as they are sent."""

    def __init__(self, b, user, password, ns=True, **kw):
        self.user, self.password, self.spoil = user, password, None
        super().__init__(b, ns, **kw)

    def request(self, name, body=b"", oneway=False, ext=None, **fields):
        if isinstance(body, (dict, list)):
            body = json.dumps(body).encode()
        if name in SHORT:
            fields = {V2.get(k, k): v for k, v in fields.items()}
        fields = {k: text(v) for k, v in fields.items() if v is not None}
        fields = {**fields, **(ext or {})}
        if self.user is not None:
            fields["AccessKey"] = self.user
            order = sorted(fields, key=lambda k: k.encode("utf-16-be"))
            data = "".join(fields[k] for k in order).encode() + body
            fields["Signature"] = base64.b64encode(hmac.new(
                self.password.encode(), data, hashlib.sha1).digest()).decode()
        if self.spoil:
            fields.update(self.spoil)
        self.opaque += 1
        cmd = Command(name if isinstance(name, int) else CODES[name],
                      self.opaque, 2 if oneway else 0, fields, body,
                      language=self.language, version=self.version)
        return cmd.encode(self.binary), self.opaque
