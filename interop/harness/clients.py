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
    """An RSA key pair for the encryption scenario, made once per build directory."""
    need("openssl")
    d = os.path.join(build, "keys")
    os.makedirs(d, exist_ok=True)
    for n in ("one", "two"):
        priv, pub = os.path.join(d, n + ".private.pem"), os.path.join(d, n + ".public.pem")
        if not os.path.exists(pub):
            # the older of the two PEM forms: it is the one that all clients read
            sh(["openssl", "genrsa", "-traditional", "-out", priv, "2048"], log)
            sh(["openssl", "rsa", "-in", priv, "-pubout", "-out", pub], log)
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


class Python:
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


def make(name, packages, build):
    if name == "python":
        return Python(name, packages, build)
    raise ValueError(f"unknown client {name}")
