# SPDX-License-Identifier: Apache-2.0
"""The tools of administrators: what they say is compared with what they said of the reference."""

import os
import subprocess
import sys

from harness.clients import HERE, sh


class Tool:
    """One whose run (mqadmin/run, pulsar-admin/run) is a scenario."""

    def __init__(self, name, packages, build):
        self.name, self.build = name, build
        (_, self.version), = packages.items()

    def command(self, broker):
        """broker None: what is the same for all."""
        raise NotImplementedError

    def prepare(self, log):
        sh([*self.command(None), "--install"], log)

    def run(self, broker, log_path, limit_s):
        """None if all was the same, or what wasn't."""
        try:
            r = subprocess.run(self.command(broker), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, timeout=limit_s, check=False)
        except subprocess.TimeoutExpired:
            return f"not done after {limit_s} s"
        with open(log_path, "ab") as log:
            log.write(r.stdout)
        if r.returncode == 0:
            return None
        lines = r.stdout.decode(errors="replace").split("\n")
        return "; ".join([x for x in lines if " FAIL " in x + " "] or lines[-3:])


class Mqadmin(Tool):
    def command(self, broker):
        return [sys.executable, os.path.join(HERE, "mqadmin", "run"), "--version", self.version, "--acl", "--build",
                self.build, "--addr", broker.namesrv if broker else ""]


class PulsarAdmin(Tool):
    def command(self, broker):
        return [sys.executable, os.path.join(HERE, "pulsar-admin", "run"), "--build", self.build, "--http",
                broker.http if broker else ""]


def make(name, packages, build):
    return (PulsarAdmin if name == "tools-pulsar-admin" else Mqadmin)(name, packages, build)
