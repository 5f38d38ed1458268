# SPDX-License-Identifier: Apache-2.0
"""Installs each client from its registry and says how to start its suite."""

import os
import shutil
import subprocess
import sys

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class Unavailable(Exception):
    """A toolchain that the client needs is not on this machine."""


def read_versions():
    """{client: {package: version}} in the file's order."""
    out = {}
    with open(os.path.join(HERE, "versions"), encoding="utf-8") as f:
        for line in f:
            w = line.split("#")[0].split()
            if w:
                client, package, version = w
                out.setdefault(client, {})[package] = version
    return out


def sh(cmd, log, **kw):
    """Runs a command of the installation; its output goes to the log."""
    with open(log, "ab") as f:
        f.write(("+ " + " ".join(cmd) + "\n").encode())
        f.flush()
        r = subprocess.run(cmd, stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT, check=False,
                           timeout=900, **kw)
    if r.returncode != 0:
        raise RuntimeError(f"{cmd[0]} failed with {r.returncode}, see {log}")


def need(*tools):
    for t in tools:
        if shutil.which(t) is None:
            raise Unavailable(f"no {t} on this machine")


def keys(build, log):
    """RSA key pairs for the encryption scenario, what TLS and the profiles need; made once per build directory."""
    need("openssl")
    d = os.path.join(build, "keys")
    os.makedirs(d, exist_ok=True)
    for n in ("one", "two"):
        priv, pub = os.path.join(d, n + ".private.pem"), os.path.join(d, n + ".public.pem")
        if not os.path.exists(pub):
            # the older of the two PEM forms: it is the one that all clients read
            sh(["openssl", "genrsa", "-traditional", "-out", priv, "2048"], log)
            sh(["openssl", "rsa", "-in", priv, "-pubout", "-out", pub], log)
    for n in ("tls", "other"):
        if not os.path.exists(os.path.join(d, n + ".crt")):
            sh(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "3650", "-subj", "/CN=localhost",
                "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1", "-keyout", os.path.join(d, n + ".key"),
                "-out", os.path.join(d, n + ".crt")], log)
    from harness import credentials    # which needs what is above
    credentials.make(d, log)
    return d


def sources(folder, suffix):
    d = os.path.join(HERE, folder)
    return sorted(os.path.join(d, n) for n in os.listdir(d) if n.endswith(suffix))


def newest(paths):
    return max(os.stat(p).st_mtime for p in paths)


def fresh(stamp, text, *paths):
    """Is the stamp file there, with that text, and newer than the paths?"""
    try:
        with open(stamp, encoding="utf-8") as f:
            return f.read() == text and (not paths or os.stat(stamp).st_mtime > newest(paths))
    except OSError:
        return False


def put(path, text):
    with open(path, "w", encoding="utf-8") as f:
        f.write(text)


class Pulsar:
    @staticmethod
    def args(broker, keys, work):
        return [broker.url, broker.http, keys, work]


class Python(Pulsar):
    def __init__(self, name, packages, build):
        self.name, self.packages = name, packages
        self.dir = os.path.join(build, name)

    def prepare(self, log):
        want = "".join(f"{p}=={v}\n" for p, v in self.packages.items())
        stamp = os.path.join(self.dir, "installed")
        if not fresh(stamp, want):
            shutil.rmtree(self.dir, ignore_errors=True)
            os.makedirs(self.dir)
            sh([sys.executable, "-m", "pip", "install", "--no-deps", "--only-binary", ":all:", "--target",
                os.path.join(self.dir, "lib"), *want.split()], log)
            put(stamp, want)

    def env(self):
        return dict(os.environ, PYTHONPATH=os.path.join(self.dir, "lib"), PYTHONDONTWRITEBYTECODE="1")

    def suite(self):
        return [sys.executable, os.path.join(HERE, "python", "suite.py")]

    def example(self):
        return [sys.executable, os.path.join(HERE, "examples", "example.py")]


class Java(Pulsar):
    """One source for all versions, compiled against each client's jars."""

    def __init__(self, name, packages, build):
        self.name = name
        (self.package, self.version), = packages.items()
        self.dir = os.path.join(build, name)
        self.lib, self.classes = os.path.join(self.dir, "lib"), os.path.join(self.dir, "classes")

    def prepare(self, log):
        need("java", "javac", "mvn")
        want = f"{self.package} {self.version}\n"
        stamp = os.path.join(self.dir, "installed")
        if not fresh(stamp, want):
            shutil.rmtree(self.dir, ignore_errors=True)
            os.makedirs(self.dir)
            sh(["mvn", "-q", "-B", "-f", os.path.join(HERE, "java", "pom.xml"), f"-Dclient.version={self.version}",
                "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies", "-DincludeScope=runtime",
                f"-DoutputDirectory={self.lib}"], log)
            put(stamp, want)
        stamp = os.path.join(self.dir, "compiled")
        src = sources("java", ".java") + sources("examples", ".java")
        if not fresh(stamp, want, *src):
            shutil.rmtree(self.classes, ignore_errors=True)
            os.makedirs(self.classes)
            sh(["javac", "-encoding", "UTF-8", "-nowarn", "-cp", os.path.join(self.lib, "*"), "-d", self.classes,
                *src], log)
            put(stamp, want)

    def env(self):
        return dict(os.environ)

    def _java(self, main):
        return ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8",
                "-cp", self.classes + ":" + os.path.join(self.lib, "*"), main]

    def suite(self):
        return self._java("Suite")

    def example(self):
        return self._java("Example")


class Go(Pulsar):
    def __init__(self, name, packages, build):
        self.name, self.packages = name, packages
        self.dir = os.path.join(build, name)

    def prepare(self, log):
        need("go")
        want = "".join(f"{p} {v}\n" for p, v in self.packages.items())
        stamp = os.path.join(self.dir, "built")
        src, example = sources("go", ".go"), sources("examples", ".go")
        if fresh(stamp, want, *src, *example, os.path.join(HERE, "go", "go.sum")):
            return
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(os.path.join(self.dir, "example"))
        for f in src:
            shutil.copy(f, self.dir)
        for f in example:
            shutil.copy(f, os.path.join(self.dir, "example"))
        shutil.copy(os.path.join(HERE, "go", "go.sum"), self.dir)
        put(os.path.join(self.dir, "go.mod"),
            "module interop\n\ngo 1.24\n\n" + "".join(f"require {p} {v}\n" for p, v in self.packages.items()))
        env = dict(os.environ, GOFLAGS="-mod=mod -buildvcs=false", GOTOOLCHAIN="local")
        sh(["go", "build", "-o", "suite", "."], log, cwd=self.dir, env=env)
        sh(["go", "build", "-o", "example/example", "./example"], log, cwd=self.dir, env=env)
        put(stamp, want)

    def env(self):
        return dict(os.environ)

    def suite(self):
        return [os.path.join(self.dir, "suite")]

    def example(self):
        return [os.path.join(self.dir, "example", "example")]


def make(name, packages, build):
    if name == "cross" or name.startswith("rmq-"):
        from harness import rocketmq    # which needs what is above
        return rocketmq.make(name, packages, build)
    if name.startswith("tools-"):
        from harness import tools       # likewise
        return tools.make(name, packages, build)
    kind = {"python": Python, "java": Java, "go": Go}.get(name.split("-")[0])
    if kind is None:
        raise ValueError(f"unknown client {name}")
    return kind(name, packages, build)
