# SPDX-License-Identifier: Apache-2.0
"""The broker under test: one that we start ourselves, or one at an address."""

import contextlib
import os
import queue
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time

from harness import profiles

START_LIMIT_S = 60
STOP_LIMIT_S = 20


class BrokerError(Exception):
    """The broker did not start, stop or stay up."""


def port_and_two_below():
    """A free port for RocketMQ's broker whose second one below is free too: clients before 4.5 go there."""
    for _ in range(100):
        with socket.socket() as a, socket.socket() as b:
            a.bind(("127.0.0.1", 0))
            port = a.getsockname()[1]
            try:
                b.bind(("127.0.0.1", port - 2))
            except OSError:
                continue
            return port
    raise BrokerError("no two free ports in 100 tries")


def put_accounts(path, name):
    """Whoever reads it reads all of it."""
    with open(path + ".new", "w", encoding="ascii") as f:
        f.write(profiles.ACCOUNTS[name])
    os.replace(path + ".new", path)


class OwnBroker:
    """A broker binary in a data directory of its own, on free ports that it keeps across restarts."""

    def __init__(self, binary, log_path, options=(), keys=None, profile=None):
        self.binary = os.path.abspath(binary)
        self.log_path = log_path
        self.keys = keys and os.path.abspath(keys)   # folder of tls.crt and tls.key; None: no port for TLS
        self.dir = tempfile.mkdtemp(prefix="interop-broker-")
        self.accounts = os.path.join(self.dir, "plain_acl.yml")
        put_accounts(self.accounts, "first")
        self.options = [*options, *profiles.options(profile, keys, self.accounts)]
        self.ports = dict.fromkeys(("pulsar", "pulsar-tls", "http", "namesrv"), 0)
        self.ports["rocketmq"] = port_and_two_below()
        self.proc = None
        self.start()
        if profile and profiles.PROFILES[profile][1]:
            profiles.PROFILES[profile][1](self)

    @property
    def url(self):
        return f"pulsar://127.0.0.1:{self.ports['pulsar']}"

    @property
    def http(self):
        return f"http://127.0.0.1:{self.ports['http']}"

    @property
    def namesrv(self):
        port = self.ports["namesrv"] or self.ports["rocketmq"]
        if not port:
            raise BrokerError("the broker doesn't listen for RocketMQ")
        return f"127.0.0.1:{port}"

    def start(self):
        cmd = [self.binary, "-D", os.path.join(self.dir, "data"),
               "-o", f"brokerServicePort={self.ports['pulsar']}", "-o", f"webServicePort={self.ports['http']}",
               "-o", f"namesrvPort={self.ports['namesrv']}", "-o", f"listenPort={self.ports['rocketmq']}",
               "-o", f"fastListenPort={self.ports['rocketmq'] - 2}",
               # a producer that doesn't know is asked twice within a scenario
               "-o", "transactionCheckInterval=3000"]
        if self.keys:
            cmd += ["-o", f"brokerServicePortTls={self.ports['pulsar-tls']}",
                    "-o", f"tlsCertificateFilePath={self.keys}/tls.crt", "-o", f"tlsKeyFilePath={self.keys}/tls.key"]
        for o in self.options:
            cmd += ["-o", o]
        with open(self.log_path, "ab") as log:
            self.proc = subprocess.Popen(cmd, cwd=self.dir, stdin=subprocess.DEVNULL,
                                         stdout=subprocess.PIPE, stderr=log)
        lines = queue.Queue()
        threading.Thread(target=self._read, args=(self.proc, lines), daemon=True).start()
        end = time.monotonic() + START_LIMIT_S
        while True:
            try:
                line = lines.get(timeout=max(0.01, end - time.monotonic()))
            except queue.Empty:
                self.stop("KILL")
                raise BrokerError(f"broker not ready in {START_LIMIT_S} s") from None
            if line is None:
                raise BrokerError(f"broker ended with status {self.proc.wait()} before it was ready")
            m = re.match(r"listening (\S+) \S+:(\d+)\s*$", line)
            if m:
                self.ports[m.group(1)] = int(m.group(2))
            elif line.startswith("ready in "):
                return

    @staticmethod
    def _read(proc, lines):
        # drained for the broker's whole life, so that it never blocks on a full pipe
        for raw in proc.stdout:
            lines.put(raw.decode(errors="replace").rstrip("\n"))
        lines.put(None)

    def stop(self, sig):
        """SIGTERM or SIGKILL; returns the exit status."""
        if self.proc.poll() is None:
            self.proc.send_signal(getattr(signal, "SIG" + sig))
        try:
            return self.proc.wait(STOP_LIMIT_S)
        except subprocess.TimeoutExpired:
            self.proc.kill()
            self.proc.wait()
            raise BrokerError(f"broker still there {STOP_LIMIT_S} s after SIG{sig}") from None

    def restart(self, sig):
        rc = self.stop(sig)
        self.start()
        if sig == "TERM" and rc != 0:
            raise BrokerError(f"SIGTERM ended the broker with status {rc}, not 0")

    def change_accounts(self, name):
        put_accounts(self.accounts, name)
        self.proc.send_signal(signal.SIGHUP)

    def check(self):
        """Raises (and brings the broker back) if it went down by itself."""
        rc = self.proc.poll()
        if rc is not None:
            self.start()
            raise BrokerError(f"the broker ended by itself with status {rc}")

    def close(self):
        try:
            if self.proc is not None:
                self.stop("TERM")
        finally:
            shutil.rmtree(self.dir, ignore_errors=True)


class ForeignBroker:
    """A broker at an address. It is restarted by a command that gets TERM or KILL as its argument, if one is given; its
    accounts of ACL 1.0 are this file, at which it looks itself."""

    def __init__(self, url, http, namesrv=None, restart_cmd=None, accounts=None):
        self.url, self.http, self.namesrv = url, http, namesrv
        self.restart_cmd, self.accounts = restart_cmd, accounts

    def change_accounts(self, name):
        if not self.accounts:
            raise BrokerError("no --accounts for this broker")
        put_accounts(self.accounts, name)

    def restart(self, sig):
        if not self.restart_cmd:
            raise BrokerError("no --restart-cmd for this broker")
        r = subprocess.run([*self.restart_cmd.split(), sig], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                           stderr=subprocess.STDOUT, timeout=90, check=False)
        if r.returncode != 0:
            raise BrokerError("restart command: " + r.stdout.decode(errors="replace")[-300:])

    def check(self):
        pass

    def close(self):
        pass


class Fleet:
    """The brokers of a run, one for each profile that a scenario asked for; make(profile) starts one."""

    def __init__(self, make):
        self.make, self.all = make, {}

    def get(self, profile):
        if profile not in self.all:
            self.all[profile] = self.make(profile)
        return self.all[profile]

    def close(self):
        with contextlib.ExitStack() as stack:
            for b in self.all.values():
                stack.callback(b.close)
