# SPDX-License-Identifier: Apache-2.0
"""HTTP as no library would send it: heads of any length, two requests in one, paths
that climb. The broker answers or closes, and nothing is done twice or elsewhere."""
import re
import socket

from mqlib import check, equal
from jwtlib import token
from p12_auth import locked


def raw(b, data, timeout=10.0):
    """Statuses of all that is answered until the broker closes, or is silent."""
    got = b""
    with socket.create_connection((b.host, b.http), 10) as s:
        s.settimeout(timeout)
        try:
            s.sendall(data)
            while part := s.recv(65536):
                got += part
        except (ConnectionError, TimeoutError):
            pass
    return [int(n) for n in re.findall(rb"^HTTP/1\.[01] (\d{3})", got, re.M)]


def head(line, *fields, role="root", last=True):
    fields = ["Host: x", *fields]
    if last:
        fields.append("Connection: close")
    if role is not None:
        fields.append("Authorization: Bearer " + token(role))
    return "\r\n".join([line, *fields, "", ""]).encode()


def status(b, data):
    got = raw(b, data)
    equal(len(got), 1, f"answers to {data[:80]!r}")
    return got[0]


@locked()
def test_long_heads(b):
    """A path or method that fills the memory of a connection, to its last byte."""
    for n in (1000, 8191, 8192, 20000, 40000, 56000, 60000, 62000, 65000, 200000):
        for line in ("A" * n + " /metrics HTTP/1.1", f"GET /{'a' * n} HTTP/1.1",
                     f"GET /metrics?{'a' * n} HTTP/1.1",
                     f"GET /metrics HTTP/1.1\r\nX: {'a' * n}",
                     f"GET /metrics HTTP/1.1\r\n{'a' * n}: x"):
            got = raw(b, head(line, role=None))
            check(len(got) <= 1, got)
            if "Host: x" in line or n < 8192:
                equal(len(got), 1, line[:60])
    # names longer than any may be
    for n in (300, 5000, 9000):
        got = status(b, head(
            f"PUT /admin/v2/persistent/public/default/{'t' * n} HTTP/1.1",
            "Content-Length: 0"))
        check(got < 500, got)
    equal(status(b, head("GET /admin/v2/clusters HTTP/1.1")), 200)


# a request that must never be carried out, within the body of another one
INNER = b"PUT /admin/v2/tenants/smuggled HTTP/1.1\r\nHost: x\r\n" \
    b"Connection: close\r\n" \
    b"Authorization: Bearer %s\r\nContent-Length: 2\r\n\r\n{}"


@locked()
def test_smuggling(b):
    """Of a request with two lengths, or a strange one, nothing is taken for another
    request: neither is what a proxy might have passed as a body."""
    inner = INNER % token("root").encode()
    n = len(inner)
    chunk = b"0\r\n\r\n"
    for fields, body in (
            ((f"Content-Length: {n + len(chunk)}", "Transfer-Encoding: chunked"),
             chunk + inner),
            (("Transfer-Encoding: chunked", f"Content-Length: {n + len(chunk)}"),
             chunk + inner),
            (("Content-Length: 0", f"Content-Length: {n}"), inner),
            ((f"Content-Length: {n}", "Content-Length: 0"), inner),
            ((f"Content-Length: 0, {n}",), inner),
            ((f"Content-Length: +{n}",), inner),
            ((f"Content-Length: {n}x",), inner),
            (("Content-Length: -1",), inner),
            ((f"Content-Length: 0x{n:x}",), inner),
            (("Content-Length: 18446744073709551616",), inner),
            (("Transfer-Encoding: chunked, identity", ), chunk + inner),
            (("Transfer-Encoding: xchunked", f"Content-Length: {n}"), inner),
            (("Transfer-Encoding : chunked", f"Content-Length: {n}"), inner),
            (("Transfer-Encoding:\x0bchunked", f"Content-Length: {n}"), inner),
            ((f"Content-Length : {n}",), inner),
            (("X: a\rContent-Length: 0", f"Content-Length: {n}"), inner),
            (("Transfer-Encoding: chunked",), b"-1\r\n" + inner),
            (("Transfer-Encoding: chunked",), b"ffffffffffffffff1\r\n" + inner),
            (("Transfer-Encoding: chunked",), b"0;" + inner)):
        raw(b, head("POST /admin/v2/persistent/public/default/none/terminate "
                    "HTTP/1.1", *fields, last=False) + body, 0.5)
        got = status(b, head("GET /admin/v2/tenants/smuggled HTTP/1.1"))
        equal(got, 404, f"after {fields}")


@locked()
def test_traversal(b):
    """Names that climb are names, or refused; never another resource, never a file."""
    for path in ("/../etc/passwd", "/admin/v2/../../etc/passwd",
                 "/status.html/../../../../etc/passwd", "/%2e%2e/etc/passwd",
                 "/admin/v2/tenants/..", "/admin/v2/tenants/%2e%2e",
                 "/admin/v2/tenants/..%2fpublic", "/admin/v2/tenants/a%2f..%2fpublic",
                 "/admin/v2/namespaces/acme/..%2f..%2fpublic%2fdefault",
                 "/admin/v2/namespaces/public/default%00",
                 "/admin/v2/namespaces/public/default%2ftopics",
                 "/admin/v2//tenants", "//admin/v2/tenants",
                 "/admin/v2/tenants;x=y", "/admin\\v2\\tenants",
                 "http://x/admin/v2/tenants", "*", "x"):
        for role in ("root", "u", None):
            got = status(b, head(f"GET {path} HTTP/1.1", role=role))
            check(400 <= got < 500, path, role, got)
    # dots alone are a name, as in the reference; it is no path
    for name in ("../x", "a/../b", "%2e%2e", "..\\x", "a\0b", "a\nb", "\x7f"):
        enc = "".join(f"%{c:02x}" for c in name.encode())
        for url in (f"/admin/v2/tenants/{enc}", f"/admin/v2/namespaces/public/{enc}"):
            got = status(b, head(f"PUT {url} HTTP/1.1", "Content-Length: 2") + b"{}")
            check(400 <= got < 500, url, got)
