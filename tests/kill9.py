#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""kill -9 of the broker under load, again and again: nothing promised is lost.

Producers (single messages and batches) and consumers (cumulative, individual
and batch index acknowledgements, each with a receipt) are at work when the
broker gets SIGKILL at a random moment; some of its starts are shot, too. After
each restart on the same data directory, the log and the subscriptions are read
and compared with the receipts: tests/kill9lib/books.py says with which words.
In the end the whole log is read once more, SIGTERM has to end the broker with
status 0, and `inspect` has to find its directory in order.

    tests/kill9.py [--broker-bin build/magnetar] [--rounds 30] [--seed N]
    tests/kill9.py --url pulsar://HOST:PORT     any broker: connections are cut instead of the broker killed
    tests/kill9.py --selftest                   only: does the checker find planted faults?

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

from kill9lib import books, load, selftest, wire  # noqa: E402

TOPICS = 3
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
        self.host, self.port, self.ready_ms = "127.0.0.1", 0, None

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
                m = re.match(r"listening pulsar (\S+):(\d+)\s*$", line)
                if m:
                    self.host, self.port = m.group(1), int(m.group(2))
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
        self.host, self.port = m.group(1), int(m.group(2))

    async def start(self):
        pass

    async def finish(self, books_):
        pass

    async def close(self, keep):
        pass


class Plant:
    """Between the driver and the books: one falsified report, to see that the run can fail."""

    def __init__(self, what):
        self.what, self.held = what, None

    def forge(self, consumer):
        if self.what == "undone" and consumer.sub.n_confirmed > 20:
            self.what = None
            return True
        return False

    def change(self, topic):
        def f(pos, messages):
            if self.held:
                (p, m), self.held = self.held, None
                return [(p, messages), (pos, m)]
            if len(topic.order) > 50 and messages[0] in topic.receipts:
                if self.what == "lost":
                    self.what = None
                    return []
                if self.what == "double":
                    self.what = None
                    return [(pos, topic.entries[topic.order[-1]])]
                if self.what == "order":
                    self.what, self.held = None, (pos, messages)
                    return []
            return [(pos, messages)]
        return f


class Run:
    def __init__(self, args, broker):
        self.args, self.broker = args, broker
        self.random = random.Random(args.seed)
        self.books = books.Books()
        self.plant = Plant(args.plant)
        self.conns = []
        self.producers, self.consumers, self.fences, self.keeps, self.readers = [], [], {}, [], {}
        tag = f"kill9-{time.time_ns() // 1000:x}"
        for i in range(TOPICS):
            self._topic(self.books.topic(f"persistent://public/default/{tag}-{i}"), i)

    def _topic(self, t, i):
        def rng():
            return random.Random(self.random.random())

        # one topic of single messages, one of batches, one of both
        for name, batch_max in (("single", 0), ("batches", 20)):
            if (i, batch_max) not in ((0, 20), (1, 0)):
                for k in range(2):
                    self.producers.append(load.Producer(t, f"{name}-{k}", rng(), batch_max, 4 if batch_max else 16))
        self.fences[t] = load.Producer(t, "fence", rng())
        for name, kind in (("cum", "cumulative"), ("ind", "individual"), ("bix", "batch index")):
            self.consumers.append(load.Consumer(t, name, kind, rng(), self.plant.forge))
        self.keeps.append(load.Consumer(t, "keep", "keep", rng()))
        self.readers[t] = load.Reader(t, self.plant.change(t))

    async def connect(self):
        self.conns = [await wire.Conn.open(self.broker.host, self.broker.port) for _ in range(3)]
        for t in self.fences:
            await self.conns[0].ask("LOOKUP", "lookupTopic", topic=t.name)

    async def audit(self, first, last):
        """Connects, and compares what is there with what was promised."""
        await self.connect()
        for_producers, for_consumers, for_readers = self.conns
        for p in [*self.producers, *self.fences.values()]:
            await p.attach(for_producers)
        if first:
            # a subscription that nobody acknowledges on keeps the log from being trimmed
            for k in self.keeps:
                await k.attach(for_consumers)
                await k.detach()
        for c in self.consumers:
            await c.attach(for_consumers)
        # what is before the fence is what there was to recover
        for f in self.fences.values():
            f.resend()
            f.send_next()
            await f.settled(30)
        for t, f in self.fences.items():
            if not await self.readers[t].read(for_readers, t.end(), f.last_place, 60):
                self.books.fault("stuck", f"{t.name}: the log was not read to its end in 60 s")
            t.end_of_log()
        for c in self.consumers:
            c.flow(1000)
        for c in self.consumers:
            fence = self.fences[c.topic].last_place
            if not await c.reached(fence, 30):
                self.books.fault("stuck", f"{c.sub.name}: its consumer got no further than {c.end} in 30 s")
            c.topic.compare(c.name, fence)
        if last:
            for t, f in self.fences.items():
                t.read_from_start()
                if not await self.readers[t].read_subscription(for_readers, "keep", f.last_place, 120):
                    self.books.fault("stuck", f"{t.name}: the whole log was not read in 120 s")
                t.end_of_log()

    async def load(self):
        """Works until the blow; how long that was."""
        tasks = [asyncio.create_task(x.run()) for x in [*self.producers, *self.consumers]]
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
        for c in self.conns:
            # that a connection is gone is what the blow is for
            if c.error and not isinstance(c.error, ConnectionError):
                self.books.fault("refused", f"{type(c.error).__name__}: {c.error}")
        if not self.broker.can_kill:
            await asyncio.sleep(0.5)    # it may still work on what it got before
        while self.broker.can_kill and self.random.random() < 0.2:
            await self.broker.shoot_start(self.random.uniform(0, 0.03))

    def report(self, i, text):
        t = self.books.totals()
        print(f"round {i:3}: {t['acknowledged']} of {t['sent']} messages acknowledged, {t['doubled']} doubled, "
              f"{t['acks confirmed']} acks confirmed; {text}", flush=True)

    async def rounds(self):
        """Returns (passed, failed): one for each audit after a blow, one for the end."""
        passed = 0
        after_s = None
        for i in range(self.args.rounds + 1):
            await self.broker.start()
            last = i == self.args.rounds
            t0 = time.monotonic()
            try:
                await asyncio.wait_for(self.audit(i == 0, last), ROUND_LIMIT_S)
            except (ConnectionError, wire.ServerError, wire.Refused, asyncio.TimeoutError) as e:
                errors = [c.error for c in self.conns if c.error]
                self.books.fault("refused", f"audit: {type(e).__name__}: {e} {errors or ''}")
            ready = "" if self.broker.ready_ms is None else f"ready in {self.broker.ready_ms} ms, "
            if i:
                self.report(i, f"blow after {after_s:.2f} s, {ready}audit {time.monotonic() - t0:.2f} s")
            if self.books.faults:
                return passed, 1
            passed += i > 0
            if not last:
                after_s = await self.load()
        for c in self.conns:
            c.cut()
        await self.broker.finish(self.books)
        t = self.books.totals()
        if not (t["acknowledged"] and t["acks confirmed"]):
            self.books.fault("idle", "nothing was acknowledged, so nothing was tested")
        return passed + (not self.books.faults), int(bool(self.books.faults))


async def main_async(args):
    broker = ForeignBroker(args.url) if args.url else OwnBroker(args.broker_bin, args.option)
    run = Run(args, broker)
    failed = 1
    try:
        try:
            passed, failed = await run.rounds()
        except Failed as e:
            run.books.fault("down", str(e))
            passed = 0
    finally:
        await broker.close(keep=failed and not args.plant)
    b = run.books
    for kind, text in b.faults[:20]:
        print(f"FAIL {kind}: {text}")
    if len(b.faults) > 20:
        print(f"... and {len(b.faults) - 20} more")
    print(f"seed {args.seed}: {b.count('lost')} lost, {b.count('undone')} acks undone, {b.count('order')} out of order, "
          f"{b.count('double')} doubled though acknowledged, {b.count('missing')} not delivered again")
    if args.plant:
        found = b.count(args.plant) > 0
        passed, failed = int(found), int(not found)
        print(f"the planted fault ({args.plant}) was {'found' if found else 'NOT found'}")
    return passed, failed


def main():
    ap = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    ap.add_argument("--broker-bin", default=os.path.join(TOP, "build", "magnetar"))
    ap.add_argument("--option", action="append", default=[], help="a KEY=VALUE for the broker")
    ap.add_argument("--url")
    ap.add_argument("--rounds", type=int, default=30)
    ap.add_argument("--seed", type=int, default=random.SystemRandom().randrange(1 << 32))
    ap.add_argument("--max-load", type=float, default=1.2, help="seconds; the blow comes at a random moment before")
    ap.add_argument("--limit", type=int, default=3600, help="seconds for the whole run")
    ap.add_argument("--plant", choices=("lost", "undone", "order", "double"),
                    help="falsify one report on the way to the checker; passes if that is found")
    ap.add_argument("--selftest", action="store_true")
    args = ap.parse_args()
    if args.selftest:
        passed, failed = selftest.run(print)
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
