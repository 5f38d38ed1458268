# SPDX-License-Identifier: Apache-2.0
"""Who may do what: the expectations of permissions.tbl, what the tables of src serve,
and doc/permissions.md, which is written out of both.

    maylib.py [--write]     is doc/permissions.md up to date? --write: make it so

p13_may.py, p14_may_http.py and r15_may.py send everything that is served as each of
IDENTITIES and compare(): what is served and has no row fails, so does a row of what is
not, and each answer that is not the row's.
"""
import os
import re
import sys

from mqlib import Fail

HERE = os.path.dirname(os.path.abspath(__file__))
TOP = os.path.join(HERE, "../..")
TABLE = os.path.join(HERE, "permissions.tbl")
DOC = os.path.join(TOP, "doc/permissions.md")
IDENTITIES = ("none", "wrong", "consume", "produce", "admin", "super")


def text_of(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


# ---- what is served

def served_pulsar():
    found = re.findall(r"^CMD\((\w+), \d+, \w+, (?:CLIENT|EITHER)\)$",
                       text_of(f"{TOP}/src/pulsar/tbl/cmd.h"), re.M)
    return found


def served_http():
    found = re.findall(r'^ROUTE\((\w+), "([^"]+)",',
                       text_of(f"{TOP}/src/http/tbl/route.h"), re.M)
    return [f"{m} {p}" for m, p in found]


def served_rocketmq():
    found = re.findall(r"^REQUEST\((\d+), (\w+),",
                       text_of(f"{TOP}/src/rocketmq/tbl/request.h"), re.M)
    return [f"{code} {name}" for code, name in found]


SERVED = dict(pulsar=served_pulsar, http=served_http, rocketmq=served_rocketmq)


# ---- what is expected

class Row:
    """key, the answer for each of IDENTITIES, and why the reference's is another."""

    def __init__(self, line, number):
        line, _, self.why = line.partition("#")
        words = line.split()
        if len(words) < 1 + len(IDENTITIES):
            raise Fail(f"permissions.tbl:{number}: not a row")
        self.key = " ".join(words[:-len(IDENTITIES)])
        self.want = words[-len(IDENTITIES):]
        self.why = self.why.strip()


def table():
    """{section: [Row]}"""
    out, rows = {}, None
    for number, line in enumerate(text_of(TABLE).splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        if line.startswith("["):
            rows = out.setdefault(line.strip("[] "), [])
        else:
            rows.append(Row(line, number))
    return out


def compare(section, ask, ours=True):
    """ask(key, identity) is the answer, a word; all that differs is told at once. Not
    ours: the reference, of which the rows that say why it differs are not asked."""
    rows, bad = table()[section], []
    served = SERVED[section]()
    if len(served) < 30:
        raise Fail(f"{section}: what is served can't be read: {served}")
    if [r.key for r in rows] != served:
        known = {r.key for r in rows}
        raise Fail(f"permissions.tbl [{section}]: without a row: "
                   f"{[k for k in served if k not in known]}, not served: "
                   f"{sorted(known - set(served))}, or out of order")
    for row in (r for r in rows if ours or not r.why):
        for who, want in zip(IDENTITIES, row.want):
            try:
                got = ask(row.key, who)
            except Fail as e:
                got = " ".join(str(e).split())
            if got != want:
                bad.append(f"{row.key} as {who}: {got}, not {want}")
    if bad:
        raise Fail(f"{len(bad)} answers differ\n  " + "\n  ".join(bad))


# ---- doc/permissions.md

HEAD = """# Permissions

Made by tests/script/maylib.py out of tests/script/permissions.tbl; don't edit. `make check` sends every command, request
and route as each of six identities to a broker with `authenticationEnabled` and `authorizationEnabled`, and fails where
an answer is not the one below, or where something is served that has no row. What is expected is what Apache Pulsar
4.2.4 and Apache RocketMQ 5.5.0 ask for; where we don't, the row says why.

| identity | Pulsar, HTTP | RocketMQ |
|---|---|---|
| none | no credentials | not signed |
| wrong | admin of another tenant | all actions on topics and groups that begin with another name |
| consume | `consume` in the namespace | `Sub` on the topic and the group |
| produce | `produce` in the namespace | `Pub` on the topic |
| admin | admin of the tenant | all actions on topics and groups that begin with the name |
| super | one of `superUserRoles` | a user of type Super |
"""

SECTION = dict(
    pulsar="""## Commands of Pulsar's protocol

`ok`: carried out. `authn`, `authz`: AuthenticationError (then the connection is closed), AuthorizationError. `-`: the
command is about a producer or consumer that the role could not open; it has no effect and no answer. A subscription is
refused, here and over HTTP, where a rule of RocketMQ's denies `Sub` on the group of its name to the role.
""",
    http="""## Routes of HTTP

The status of the answer: 401 and 403 are refusals.
""",
    rocketmq="""## Requests of RocketMQ's protocol

The code of the answer: 16 is NO_PERMISSION, all others are answers of a request that was let in.
""")


def render():
    out, tables = HEAD, table()
    for section, text in SECTION.items():
        out += f"\n{text}\n| | {' | '.join(IDENTITIES)} | |\n"
        out += "|---" * (len(IDENTITIES) + 2) + "|\n"
        for r in tables[section]:
            key = r.key.replace("{", "{").replace("|", "\\|")
            out += f"| `{key}` | {' | '.join(r.want)} | {r.why} |\n"
    return out


def doc_is_current():
    if not os.path.exists(DOC) or text_of(DOC) != render():
        raise Fail("doc/permissions.md is not up to date: "
                   "tests/script/maylib.py --write")


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        with open(DOC, "w", encoding="utf-8") as out_file:
            out_file.write(render())
    else:
        try:
            doc_is_current()
        except Fail as e:
            sys.exit(str(e))
