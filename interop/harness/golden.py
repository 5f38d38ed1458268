# SPDX-License-Identifier: Apache-2.0
"""What administrators' tools say, and what they said of the reference: for mqadmin/run and pulsar-admin/run.

The known differences are lines `KEY NAME reason` of a file, # begins a comment; a KEY "all" stands for all.
"""

import difflib
import os
import subprocess
import sys

from harness import clients


class Jvm:
    """One for all commands of a tool. It reads lines of words with tabs between, and answers each by a line "@begin",
    what the command wrote, and a line "@end", which may say how it ended."""

    def __init__(self, log, classpath, main, *args, options=(), **kw):
        with open(log, "ab") as f:
            self.proc = subprocess.Popen(
                ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Duser.timezone=UTC", *options,
                 "-cp", classpath, main, *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=f,
                encoding="utf-8", **kw)

    def ask(self, *words):
        """(what it wrote, how it ended)"""
        self.proc.stdin.write("\t".join(words) + "\n")
        self.proc.stdin.flush()
        lines = []
        for line in self.proc.stdout:
            line = line.rstrip("\n")
            if line == "@end" or line.startswith("@end "):
                return "\n".join(lines), line[5:]
            if line != "@begin":
                lines.append(line)
        sys.exit(f"the tool's JVM ended with {self.proc.wait()} in {words}")

    def close(self):
        self.proc.stdin.close()
        try:
            self.proc.wait(20)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()


def install(d, package, version, source, log):
    """Copies the package and what it needs to d, compiles source; the class path."""
    clients.need("java", "javac", "mvn")
    group, artifact = package.split(":")
    pom = ('<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
           "<groupId>magnetar.interop</groupId><artifactId>tool</artifactId><version>1</version>"
           f"<packaging>pom</packaging><dependencies><dependency><groupId>{group}</groupId>"
           f"<artifactId>{artifact}</artifactId><version>{version}</version></dependency></dependencies></project>\n")
    lib, classes = os.path.join(d, "lib"), os.path.join(d, "classes")
    os.makedirs(classes, exist_ok=True)
    if not clients.fresh(os.path.join(d, "installed"), version):
        clients.put(os.path.join(d, "pom.xml"), pom)
        clients.sh(["mvn", "-q", "-B", "-f", os.path.join(d, "pom.xml"),
                    "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies",
                    "-DincludeScope=runtime", f"-DoutputDirectory={lib}"], log)
        clients.put(os.path.join(d, "installed"), version)
    if not clients.fresh(os.path.join(d, "compiled"), version, source):
        clients.sh(["javac", "-nowarn", "-cp", os.path.join(lib, "*"), "-d", classes, source], log)
        clients.put(os.path.join(d, "compiled"), version)
    return classes + ":" + os.path.join(lib, "*")


def record(folder, got):
    """got: {name: [lines]}"""
    os.makedirs(folder, exist_ok=True)
    for name, lines in got.items():
        clients.put(os.path.join(folder, name + ".txt"), "\n".join(lines) + "\n")
    print(f"{len(got)} recorded")


def read_known(path, key):
    """{name: reason}"""
    out = {}
    with open(path, encoding="utf-8") as f:
        for line in f:
            w = line.split("#")[0].split(None, 2)
            if w and w[0] in (key, "all"):
                if len(w) < 3:
                    sys.exit(f"{path}: no reason: {line.strip()}")
                out[w[1]] = w[2].strip()
    return out


def compare(got, folder, known, wanted=(), same=lambda text: text.split("\n")[:-1]):
    """How many differ that should not; prints a row for each. same: the lines of a text, with what says the same
    written the same."""
    counts = {"same": 0, "known": 0, "FAIL": 0}
    for name in sorted(got):
        if wanted and name not in wanted:
            continue
        try:
            with open(os.path.join(folder, name + ".txt"), encoding="utf-8") as f:
                want = f.read()
        except FileNotFoundError:
            want = "(nothing was recorded)\n"
        diff = list(difflib.unified_diff(same(want), same("\n".join(got[name]) + "\n"), "reference", "here",
                                         lineterm="", n=1))
        row, text = "same" if not diff else "FAIL", ""
        if name in known:
            row, text = ("known", known[name]) if diff else ("FAIL", "is the same: take it out of known-differences")
        counts[row] += 1
        print(f"{name:<36} {row:<5} {text}".rstrip())
        if row == "FAIL":
            print("\n".join("    " + line for line in diff))
    print(f"\n{counts['same']} the same, {counts['known']} with known differences, {counts['FAIL']} failed")
    return counts["FAIL"]
