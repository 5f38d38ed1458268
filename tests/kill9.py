#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the broker under load, again and again: nothing promised is lost.

Clients are at work when the broker gets SIGKILL at a random moment; some of its
starts are shot, too. After each restart on the same data directory, what is there
is read and compared with what was answered. In the end all of it is read once
more, SIGTERM has to end the broker with status 0, and `inspect` has to find its
directory in order.

--load pulsar: single messages and batches, cumulative, individual and batch index
acknowledgements, each with a receipt; tests/kill9lib/books.py says what is
promised, and with which words it is said that a promise was broken.
--load rocketmq: single messages and batches, delayed ones and their recall,
transactions with check-back, messages of Pulsar on the same queues that are to be
delivered later; groups that pull and commit and that pop, and a Shared
subscription; tests/kill9lib/rmqbooks.py.
--load both (the default): all of it at once.

    tests/kill9.py [--broker-bin build/magnetar] [--load LOAD] [--rounds 30] [--seed N]
    tests/kill9.py --url pulsar://HOST:PORT     any broker: connections are cut instead of the broker killed
    tests/kill9.py --selftest                   only: do the checkers find planted faults?

Needs protoc and python3-protobuf of Debian 12, but for --selftest. The last
line is `N passed, N failed`; the exit status is 1 if anything failed.
"""

import argparse
import asyncio
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import time

sys.dont_write_bytecode = True
TOP = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(TOP, "tests"))

from kill9lib import pulsar, rmqselftest, rocketmq, selftest, wire  # noqa: E402

START_LIMIT_S = 60
ROUND_LIMIT_S = 240


class Failed(Exception):
    """The run can't go on."""


class OwnBroker:
    """The broker under test, on a data directory that outlives it."""

    can_kill = True

    def __init__(self, binary, options):
        self.binary = os.path.abspath(binary)
        self.options = options
        self.dir = tempfile.mkdtemp(prefix="kill9-")
        self.data, self.log = os.path.join(self.dir, "data"), os.path.join(self.dir, "broker.log")
        self.proc = self.drain = None
        self.host, self.ports, self.ready_ms = "127.0.0.1", {}, None

    async def _exec(self):
        cmd = [self.binary, "-D", self.data, "-o", "brokerServicePort=0", "-o", "namesrvPort=0", "-o", "listenPort=0", "-o", "fastListenPort=0", "-o", "webServicePort=0"]
        for o in self.options:
            cmd += ["-o", o]
        with open(self.log, "ab") as log:
            self.proc = await asyncio.create_subprocess_exec(
                *cmd, cwd=self.dir, stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=log)

    async def start(self):
        await self._exec()

        async def listen():
            async for raw in self.proc.stdout:
                line = raw.decode(errors="replace")
                m = re.match(r"listening (\w+) (\S+):(\d+)\s*$", line)
                if m:
                    self.host, self.ports[m.group(1)] = m.group(2), int(m.group(3))
                m = re.match(r"ready in (\d+) ms", line)
                if m:
                    self.ready_ms = int(m.group(1))
                    return
            raise Failed(f"the broker ended with status {await self.proc.wait()} before it was ready, see {self.log}")

        try:
            await asyncio.wait_for(listen(), START_LIMIT_S)
        except asyncio.TimeoutError:
            raise Failed(f"the broker was not ready after {START_LIMIT_S} s, see {self.log}") from None
        self.drain = asyncio.create_task(self.proc.stdout.read())

    async def shoot_start(self, after_s):
        """A start that doesn't live long."""
        await self._exec()
        try:
            await asyncio.wait_for(self.proc.wait(), after_s)
            raise Failed(f"the broker ended with status {self.proc.returncode} while it started, see {self.log}")
        except asyncio.TimeoutError:
            await self.kill()

    async def kill(self):
        if self.proc.returncode is not None:
            raise Failed(f"the broker ended by itself with status {self.proc.returncode}, see {self.log}")
        self.proc.send_signal(signal.SIGKILL)
        await self.proc.wait()

    async def finish(self, books_):
        """SIGTERM, and what is left on the disk."""
        self.proc.send_signal(signal.SIGTERM)
        try:
            status = await asyncio.wait_for(self.proc.wait(), 10)
            if status != 0:
                books_.fault("stop", f"SIGTERM ended the broker with status {status}")
        except asyncio.TimeoutError:
            books_.fault("stop", "the broker is still there 10 s after SIGTERM")
            await self.kill()
        with open(self.log, "ab") as log:
            p = await asyncio.create_subprocess_exec(self.binary, "inspect", self.data, stdout=log, stderr=log)
            if await p.wait() != 0:
                books_.fault("inspect", f"inspect ended with status {p.returncode}, see {self.log}")

    async def close(self, keep):
        if self.proc is not None and self.proc.returncode is None:
            await self.kill()
        if keep:
            print(f"kept: {self.dir}")
        else:
            shutil.rmtree(self.dir, ignore_errors=True)


class ForeignBroker:
    """A broker at an address; where ours is killed, connections to it are cut."""

    can_kill = False
    ready_ms = None

    def __init__(self, url):
        m = re.match(r"pulsar://([^:/]+):(\d+)/?$", url)
        if not m:
            raise SystemExit("kill9: --url pulsar://HOST:PORT")
        self.host, self.ports = m.group(1), {"pulsar": int(m.group(2))}

    async def start(self):
        pass

    async def finish(self, books_):
        pass

    async def close(self, keep):
        pass


class Run:
    def __init__(self, args, broker, loads):
        self.args, self.broker, self.loads = args, broker, loads
        self.random = random.Random(args.seed)
        self.ready_ms = []

    @property
    def books(self):
        """Where faults go that no load is to blame for."""
        return self.loads[0].books

    @property
    def conns(self):
        return [c for l in self.loads for c in l.conns]

    def faults(self):
        return [f for l in self.loads for f in l.books.faults]

    async def load(self):
        """Works until the blow; how long that was."""
        tasks = [asyncio.create_task(x) for l in self.loads for x in l.runs()]
        after_s = self.random.uniform(0.02, self.args.max_load)
        try:
            done, _ = await asyncio.wait([*tasks, *(c.closed for c in self.conns)], timeout=after_s,
                                         return_when=asyncio.FIRST_COMPLETED)
            for d in done:
                errors = [e for e in [d.exception(), *(c.error for c in self.conns)] if e]
                self.books.fault("refused", f"a connection broke before the blow: {errors}")
            await self.blow()
        finally:
            for t in tasks:
                t.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        return after_s

    async def blow(self):
        if self.broker.can_kill:
            await self.broker.kill()
            # what the broker had said before counts
            await asyncio.wait([c.closed for c in self.conns], timeout=10)
        for c in self.conns:
            c.cut()
        await asyncio.wait([c.closed for c in self.conns], timeout=10)
        for l in self.loads:
            l.blow(time.time_ns() // 1_000_000)
        for c in self.conns:
            # that a connection is gone is what the blow is for
            if c.error and not isinstance(c.error, ConnectionError):
                self.books.fault("refused", f"{type(c.error).__name__}: {c.error}")
        if not self.broker.can_kill:
            await asyncio.sleep(0.5)    # it may still work on what it got before
        while self.broker.can_kill and self.random.random() < 0.2:
            await self.broker.shoot_start(self.random.uniform(0, 0.03))
            for l in self.loads:
                l.blow(time.time_ns() // 1_000_000)

    async def audit(self, first, last):
        """Every load's, at the same time."""
        audits = [asyncio.create_task(l.audit(self.broker, first, last)) for l in self.loads]
        done, _ = await asyncio.wait(audits, timeout=ROUND_LIMIT_S)
        for l, a in zip(self.loads, audits):
            a.cancel()
            e = TimeoutError(f"not done in {ROUND_LIMIT_S} s") if a not in done else a.exception()
            if isinstance(e, (ConnectionError, TimeoutError, asyncio.TimeoutError, *l.errors)):
                errors = [c.error for c in l.conns if c.error]
                l.books.fault("refused", f"audit: {type(e).__name__}: {e} {errors or ''}")
            elif e is not None:
                raise e

    def report(self, i, text):
        print(f"round {i:3}: {'; '.join(l.report() for l in self.loads)}; {text}", flush=True)

    async def rounds(self):
        """Returns (passed, failed): one for each audit after a blow, one for the end."""
        passed = 0
        after_s = None
        for i in range(self.args.rounds + 1):
            await self.broker.start()
            last = i == self.args.rounds
            t0 = time.monotonic()
            await self.audit(i == 0, last)
            if self.broker.ready_ms is not None and i:
                self.ready_ms.append(self.broker.ready_ms)
            ready = "" if self.broker.ready_ms is None else f"ready in {self.broker.ready_ms} ms, "
            if i:
                self.report(i, f"blow after {after_s:.2f} s, {ready}audit {time.monotonic() - t0:.2f} s")
            if self.faults():
                return passed, 1
            passed += i > 0
            if not last:
                after_s = await self.load()
        for c in self.conns:
            c.cut()
        await self.broker.finish(self.books)
        for l in self.loads:
            if l.idle():
                l.books.fault("idle", f"{l.name}: nothing was acknowledged, so nothing was tested")
        return passed + (not self.faults()), int(bool(self.faults()))


def loads_of(args):
    kinds = {"pulsar": [pulsar.Load], "rocketmq": [rocketmq.Load], "both": [pulsar.Load, rocketmq.Load]}[args.load]
    rng = random.Random(args.seed ^ 1)
    # a fault is planted in the last one's books that have it
    planted = [k for k in kinds if args.plant in k.plants][-1:]
    if args.plant and not planted:
        raise SystemExit(f"kill9: --plant {args.plant} is not for --load {args.load}")
    return [k(random.Random(rng.random()), args.plant if k in planted else None) for k in kinds]


async def main_async(args):
    loads = loads_of(args)
    options = [o for l in loads for o in l.options]
    broker = ForeignBroker(args.url) if args.url else OwnBroker(args.broker_bin, [*options, *args.option])
    run = Run(args, broker, loads)
    failed = 1
    try:
        try:
            passed, failed = await run.rounds()
        except Failed as e:
            run.books.fault("down", str(e))
            passed = 0
    finally:
        await broker.close(keep=failed and not args.plant)
    faults = run.faults()
    for kind, text in faults[:20]:
        print(f"FAIL {kind}: {text}")
    if len(faults) > 20:
        print(f"... and {len(faults) - 20} more")
    if run.ready_ms:
        ms = sorted(run.ready_ms)
        print(f"restarts: ready in {ms[len(ms) // 2]} ms (median), {ms[-1]} ms (longest)")
    for l in loads:
        print(f"{l.name}: " + ", ".join(f"{n} {what}" for what, n in l.books.totals().items()))
    print(f"seed {args.seed}: " + "; ".join(f"{l.name}: {l.summary()}" for l in loads))
    if args.plant:
        found = any(kind == args.plant for kind, _ in faults)
        passed, failed = int(found), int(not found)
        print(f"the planted fault ({args.plant}) was {'found' if found else 'NOT found'}")
    return passed, failed


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--broker-bin", default=os.path.join(TOP, "build", "magnetar"))
    ap.add_argument("--option", action="append", default=[], help="a KEY=VALUE for the broker")
    ap.add_argument("--load", choices=("pulsar", "rocketmq", "both"), default="both")
    ap.add_argument("--url")
    ap.add_argument("--rounds", type=int, default=30)
    ap.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    ap.add_argument("--max-load", type=float, default=1.2, help="seconds; the blow comes at a random moment before")
    ap.add_argument("--limit", type=int, default=3600, help="seconds for the whole run")
    ap.add_argument("--plant", choices=sorted({*pulsar.Load.plants, *rocketmq.Load.plants}),
                    help="falsify one report on the way to the checker; passes if that is found")
    ap.add_argument("--selftest", action="store_true")
    args = ap.parse_args()
    if args.url:
        args.load = "pulsar"
    if args.selftest:
        passed, failed = (sum(x) for x in zip(selftest.run(print), rmqselftest.run(print)))
    else:
        with tempfile.TemporaryDirectory(prefix="kill9-pb-") as tmp:
            wire.generate(TOP, tmp)
            try:
                passed, failed = asyncio.run(asyncio.wait_for(main_async(args), args.limit))
            except asyncio.TimeoutError:
                print(f"FAIL: not done after {args.limit} s")
                passed, failed = 0, 1
    print(f"{passed} passed, {failed} failed")
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
