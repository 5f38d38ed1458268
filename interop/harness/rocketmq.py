# SPDX-License-Identifier: Apache-2.0
"""The clients of RocketMQ's protocol: what is installed, how a suite starts."""

import os
import shutil
import sys

from harness.clients import HERE, fresh, need, put, sh, sources

DIR = os.path.join(HERE, "rocketmq")
# what a JVM of 17 has to open for the oldest clients
OPENS = ["--add-opens=java.base/java.nio=ALL-UNNAMED", "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
         "--add-opens=java.base/java.lang=ALL-UNNAMED"]


class Client:
    """A client in a directory of its own below the build directory."""

    def __init__(self, name, packages, build):
        self.name, self.packages = name, packages
        self.dir = os.path.join(build, name)
        self.home = os.path.join(build, "work", name)   # logs and offset files of clients go there

    def env(self):
        os.makedirs(self.home, exist_ok=True)
        return dict(os.environ, HOME=self.home)

    def args(self, broker, _keys, work):
        return [broker.namesrv, work]

    def stamped(self, what, *paths):
        """The text and file that say what was made, or None if it is there."""
        want = "".join(f"{p} {v}\n" for p, v in self.packages.items())
        stamp = os.path.join(self.dir, what)
        return None if fresh(stamp, want, *paths) else (stamp, want)

    def clean(self):
        shutil.rmtree(self.dir, ignore_errors=True)
        os.makedirs(self.dir)


def pom(packages):
    """A Maven project whose class path these are."""
    deps = ""
    for p, v in packages.items():
        group, artifact = p.split(":")
        deps += (f"<dependency><groupId>{group}</groupId><artifactId>{artifact}</artifactId>"
                 f"<version>{v}</version></dependency>\n")
    return ('<project xmlns="http://maven.apache.org/POM/4.0.0"><modelVersion>4.0.0</modelVersion>'
            "<groupId>magnetar.interop</groupId><artifactId>classpath</artifactId><version>1</version>"
            f"<packaging>pom</packaging><dependencies>\n{deps}</dependencies></project>\n")


class Java(Client):
    """One source, and folders for what only newer versions have, compiled against each client's jars."""

    def __init__(self, name, packages, build):
        super().__init__(name, packages, build)
        self.lib, self.classes = os.path.join(self.dir, "lib"), os.path.join(self.dir, "classes")

    def folders(self):
        version = next(v for p, v in self.packages.items() if p.endswith(":rocketmq-client"))
        at = tuple(int(w) for w in version.split(".")[:2])
        since = (("java", (4, 0)), ("java4.9", (4, 9)), ("java5", (5, 0)), ("java5.3", (5, 3)))
        signs = at >= (5, 3) or any(p.endswith(":rocketmq-acl") for p in self.packages)
        return ["rocketmq/" + f for f, v in since if at >= v] + ["rocketmq/java-acl"] * signs

    def prepare(self, log):
        need("java", "javac", "mvn")
        todo = self.stamped("installed")
        if todo:
            self.clean()
            put(os.path.join(self.dir, "pom.xml"), pom(self.packages))
            sh(["mvn", "-q", "-B", "-f", os.path.join(self.dir, "pom.xml"),
                "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies", "-DincludeScope=runtime",
                f"-DoutputDirectory={self.lib}"], log)
            put(*todo)
        src = [f for d in self.folders() for f in sources(d, ".java")]
        todo = self.stamped("compiled", *src)
        if todo:
            shutil.rmtree(self.classes, ignore_errors=True)
            os.makedirs(self.classes)
            sh(["javac", "-encoding", "UTF-8", "-nowarn", "-cp", os.path.join(self.lib, "*"), "-d", self.classes,
                *src], log)
            put(*todo)

    def suite(self):
        os.makedirs(self.home, exist_ok=True)
        return ["java", "-Xmx512m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Dfile.encoding=UTF-8", *OPENS,
                f"-Duser.home={self.home}", "-Drocketmq.client.rebalance.waitInterval=3000",
                f"-Drocketmq.client.localOffsetStoreDir={self.home}/offsets",
                "-cp", self.classes + ":" + os.path.join(self.lib, "*"), "Suite"]


class Ons(Java):
    """Aliyun's client: an API of its own over the same protocol."""

    def folders(self):
        return ["rocketmq/ons"]


class Cross(Java):
    """Clients of both protocols in one process."""

    def folders(self):
        return ["cross"]

    def args(self, broker, _keys, work):
        return [broker.url, broker.namesrv, work]


class Go(Client):
    def prepare(self, log):
        need("go")
        src = sources("rocketmq/go", ".go")
        todo = self.stamped("built", *src)
        if not todo:
            return
        self.clean()
        for f in src:
            shutil.copy(f, self.dir)
        put(os.path.join(self.dir, "go.mod"),
            "module interop\n\ngo 1.24\n\n" + "".join(f"require {p} {v}\n" for p, v in self.packages.items()))
        sh(["go", "build", "-o", "suite", "."], log, cwd=self.dir,
           env=dict(os.environ, GOFLAGS="-mod=mod -buildvcs=false", GOTOOLCHAIN="local"))
        put(*todo)

    def suite(self):
        return [os.path.join(self.dir, "suite")]


class Python(Client):
    def prepare(self, log):
        todo = self.stamped("installed")
        if todo:
            self.clean()
            sh([sys.executable, "-m", "pip", "install", "--no-deps", "--only-binary", ":all:", "--target",
                os.path.join(self.dir, "lib"), *(f"{p}=={v}" for p, v in self.packages.items())], log)
            put(*todo)

    def env(self):
        return dict(super().env(), PYTHONPATH=os.path.join(self.dir, "lib"), PYTHONDONTWRITEBYTECODE="1")

    def suite(self):
        return [sys.executable, os.path.join(DIR, "python", "suite.py")]


class Node(Client):
    def prepare(self, log):
        need("node", "npm")
        todo = self.stamped("installed")
        if todo:
            self.clean()
            put(os.path.join(self.dir, "package.json"), '{"private": true}\n')
            sh(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", "--save-exact",
                *(f"{p}@{v}" for p, v in self.packages.items())], log, cwd=self.dir)
            put(*todo)

    def env(self):
        return dict(super().env(), NODE_PATH=os.path.join(self.dir, "node_modules"))

    def suite(self):
        return ["node", os.path.join(DIR, "node", "suite.js")]


def make(name, packages, build):
    kind = {"java": Java, "ons": Ons, "go": Go, "python": Python, "node": Node,
            "cross": Cross}.get(name.removeprefix("rmq-").split("-")[0])
    if kind is None:
        raise ValueError(f"unknown client {name}")
    return kind(name, packages, build)
