# SPDX-License-Identifier: Apache-2.0
"""Can the checker of RocketMQ's promises fail? Histories with one broken promise each, and honest ones.

An honest broker of one queue in a few lines, with clients, a clock and crashes,
whose faults are planted one by one; the checker has to name each by its kind, and
to find nothing in the honest runs.
"""

import random

from . import rmqbooks
from .rmqbooks import DEFERRED, HALF, STAGED

SEEDS = 3
ROUNDS, PLANTED = 6, 3      # the round in which something goes wrong
INVISIBLE = 400


class Model:
    """A queue, who sends to it and who consumes; `plant` names what goes wrong."""

    def __init__(self, seed, plant=None):
        self.random = random.Random(seed)
        self.plant = plant
        self.books = rmqbooks.Books()
        self.queue = self.books.queue("t/0")
        self.progress, self.pops, self.shared = self.books.group(self.queue, "pull", "pop", "shared")
        self.now, self.round, self.number = 10_000, 0, 0
        # the broker
        self.log = []                   # (message, stored)
        self.staged, self.halves = {}, set()
        self.offset = None
        self.leases, self.acked, self.shared_acked = {}, set(), set()
        self.dropped = set()            # leases and deliveries that a fault forgets

    def fails(self, what):
        """Whether this is the moment for the planted fault; it comes once."""
        if self.plant == what and self.round == PLANTED:
            self.plant = None
            return True
        return False

    def key(self):
        self.number += 1
        return ("p", self.number)

    def store(self, key):
        self.log.append((key, self.now))
        if self.fails("double"):
            self.log.append((key, self.now))

    def due(self, key):
        m = self.books.messages.get(key)
        return m.due if m else 0

    # --- producers

    def plain(self):
        for i in range(8):
            key = self.key()
            deferred = i == 4 or self.random.random() < 0.3
            self.books.sent(key, self.queue, *((DEFERRED, self.now + 500) if deferred else ()))
            self.store(key)
            self.books.receipt(key, None if deferred else len(self.log) - 1)
        # without a receipt, and sent again
        key = self.key()
        self.books.sent(key, self.queue)
        if self.random.random() < 0.5:
            self.store(key)
        self.books.sent(key, self.queue)
        self.store(key)
        self.books.receipt(key, len(self.log) - 1)

    def delayed(self):
        for i in range(4):
            key = self.key()
            self.books.sent(key, self.queue, STAGED, self.now + 200 + 100 * i)
            self.books.receipt(key)
            if not self.fails("lost-staged"):
                self.staged[key] = self.due(key)
        self.books.recall_sent(key)
        if not self.fails("undone-recall"):
            del self.staged[key]
        self.books.recall_answered(key)

    def transactions(self):
        for i in range(6):
            key = self.key()
            self.books.sent(key, self.queue, HALF, 0, self.now)
            self.books.receipt(key)
            if self.fails("half"):
                self.store(key)
            self.now += 1
            if not self.fails("lost-half") and not (i >= 4 and self.fails("unasked")):
                self.halves.add(key)
            if i < 4:
                self.end(key, i in (2, 3))

    def end(self, key, unanswered):
        commit = key[1] % 2 == 0
        self.books.end_sent(key, commit, self.now)
        if unanswered and self.plant != "double-half" and self.random.random() < 0.5:   # the broker didn't get it
            return
        ok = key in self.halves
        if not self.fails("undone-end") and not (commit and unanswered and self.fails("double-half")):
            self.halves.discard(key)
        if ok and (commit and not self.fails("lost-commit") or not commit and self.fails("half-rollback")):
            self.store(key)
        if not unanswered:
            self.books.end_answered(key, commit, ok)

    def later(self):
        """Time passes, and what is due goes out."""
        self.now += 100
        for key, due in list(self.staged.items()):
            if due <= self.now or self.fails("early"):
                self.store(key)
                if not self.fails("double-staged"):
                    del self.staged[key]

    # --- consumers

    def commit(self):
        for _ in range(4):
            low = self.offset or 0
            offset = min(len(self.log), low + self.random.randint(0, 6))
            n = self.progress.ask(offset)
            self.offset = offset
            self.progress.answered(n)
        if self.random.random() < 0.5:
            self.progress.ask(low)      # of which nobody hears
            self.offset = low

    def free(self, offset):
        key, _ = self.log[offset]
        return offset not in self.acked and self.due(key) <= self.now and \
            self.leases.get(offset, 0) <= self.now and offset not in self.dropped

    def pop(self, n):
        token = object()
        self.pops.ask(token, INVISIBLE)
        self.pops.answered(token)
        got = [o for o in range(len(self.log)) if self.free(o)][:n]
        for o in got:
            self.lease(o)
        return got

    def lease(self, o):
        self.leases[o] = self.now + INVISIBLE
        self.pops.popped(o, self.log[o][0], self.now, INVISIBLE)

    def popping(self):
        got = self.pop(20)
        for o in got[::2]:
            self.pops.ack_sent(o)
            if self.fails("ack-refused"):
                self.pops.ack_answered(o, False)
                self.dropped.add(o)     # what isn't acknowledged is never given again
                continue
            self.acked.add(o)
            self.pops.ack_answered(o, True)
        out = got[1::2]
        if out and self.fails("again"):
            self.now += 1
            self.lease(out[0])
        if out:
            o, token = out[0], object()
            self.pops.change_sent(token, o, self.log[o][0], 2000)
            self.leases[o] = self.now + 2000
            self.pops.change_answered(token, o, self.log[o][0], self.now, self.now, 2000, True, self.now)
        not_due = [o for o, (k, _) in enumerate(self.log) if self.due(k) > self.now and o not in self.acked]
        if not_due and self.fails("early-pop"):
            self.lease(not_due[0])
        if self.acked and self.fails("undone-ack"):
            o = max(self.acked)
            self.acked.discard(o)
            self.leases.pop(o)
            self.pop(1000)

    def deliver(self, audit=False):
        """All of the Shared subscription's, on a new connection."""
        self.shared.new_connection()
        places = []
        for o, (key, _) in enumerate(self.log):
            if o in self.shared_acked and ((1, o, 0) not in self.shared.confirmed or not self.fails("undone-shared")):
                continue
            if self.due(key) > self.now and not self.fails("early-shared"):
                continue
            if audit and o > 20 and self.fails("missing-shared"):
                continue
            self.shared.delivered((1, o, 0), key, self.now)
            if self.fails("again-shared"):
                self.shared.delivered((1, o, 0), key, self.now)
            places.append((1, o, 0))
        part = [p for p in places if self.random.random() < 0.7]
        self.shared.ack_sent(part)
        self.shared_acked.update(o for _, o, _ in part)
        self.shared.ack_receipt(part[:-2])

    # --- crash and audit

    def crash(self):
        token = object()
        self.pops.ask(token, INVISIBLE)         # a pop of which nobody hears
        self.books.blow(self.now)
        for o in list(self.leases):
            # a lease may be lost, but not one whose answer waited for the disk
            if self.random.random() < 0.3 and not self.pops.leases[o].sure:
                del self.leases[o]
        self.now += 10
        sure = [o for o, x in self.pops.leases.items() if x.sure and x.until > self.now and o not in self.acked]
        if sure and self.fails("again-sure"):
            self.lease(sure[0])
        if self.offset is not None:
            if self.fails("undone-commit"):
                self.offset -= 1 + 30 * (self.offset > 30)
            elif self.fails("ahead"):
                self.offset += 100
        self.progress.found(self.offset)
        if self.fails("lost"):
            del self.log[len(self.queue.log) + 3:]
        if self.fails("lost-known"):
            del self.log[len(self.queue.log) - 2:]
        if self.fails("changed"):
            self.log[len(self.queue.log) - 1] = (("p", 1), self.now)
        if self.fails("alien"):
            self.log.append((("q", 1), self.now))

    def read(self, start):
        self.queue.start(start)
        for o in range(start, len(self.log)):
            if o > start + 7 and self.fails("hole"):
                continue
            key, stored = self.log[o]
            self.queue.record(o, key, stored, self.now)
        self.queue.end()

    def audit(self):
        self.read(max(0, len(self.queue.log) - 5))
        for k in sorted(self.halves):
            self.books.asked(k)
            self.end(k, False)
        for _ in range(10):
            self.later()
        self.read(len(self.queue.log))
        # what the driver waits for, in vain
        for k in self.books.overdue(self.now):
            self.books.fault("lost", f"{k} was due")
        for k in self.books.unasked(self.now):
            self.books.fault("unasked", f"{k}")
        self.books.learn()
        while self.pop(5):
            self.now += 1
        for text in self.pops.nothing(self.now):
            self.pops.fault("missing", text)
        self.deliver(True)
        for text in self.shared.lacking(self.now):
            self.shared.fault("missing", text)

    def run(self):
        for self.round in range(ROUNDS):
            for step in (self.plain, self.deliver, self.delayed, self.transactions, self.later, self.popping,
                         self.later, self.commit, self.crash, self.audit):
                step()
        self.read(0)
        return self.books


#: plant: the kinds that have to be found, and no others
PLANTS = {
    "lost": {"lost"},
    "lost-known": {"lost"},
    "lost-staged": {"lost"},
    "lost-commit": {"lost"},
    "lost-half": {"lost"},
    "changed": {"lost"},
    "hole": {"hole"},
    "double": {"double"},
    "double-staged": {"double"},
    "double-half": {"double"},
    "alien": {"alien"},
    "early": {"early"},
    "early-pop": {"early"},
    "early-shared": {"early"},
    "half": {"half"},
    "half-rollback": {"half"},
    "undone-recall": {"undone"},
    "undone-end": {"undone"},
    "undone-commit": {"undone"},
    "undone-ack": {"undone"},
    "undone-shared": {"undone"},
    "ahead": {"ahead"},
    "ack-refused": {"missing"},
    "missing-shared": {"missing"},
    "again": {"again"},
    "again-sure": {"again"},
    "again-shared": {"again"},
    "unasked": {"unasked"},
}
#: what else such a fault brings with it, at times
BESIDE = {"lost": {"missing", "alien", "hole", "unasked"}, "lost-known": {"hole", "missing", "alien", "unasked"},
          "changed": {"alien", "lost", "double"}, "hole": {"missing", "alien", "lost"}, "double": {"lost"},
          "undone-end": {"double", "lost"}, "alien": {"missing"},
          "half": {"double"}, "undone-ack": {"again"}, "lost-half": {"unasked"},
          "double-half": {"undone"}}


def run(say):
    """Returns (passed, failed)."""
    results = []

    def result(name, got, want, may=frozenset()):
        good = want <= got <= want | may
        results.append(good)
        say(f"{'ok  ' if good else 'FAIL'} rocketmq {name}: found {sorted(got) or 'nothing'}"
            + ("" if good else f", want {sorted(want) or 'nothing'}"))

    for seed in range(5 * SEEDS):
        b = Model(seed).run()
        t = b.totals()
        busy = all(t[k] > 10 for k in ("acknowledged", "staged", "half", "ended", "commits", "pop acks", "shared acks"))
        result(f"honest {seed}", {k for k, _ in b.faults} | (set() if busy else {"idle"}), set())
    for plant, want in PLANTS.items():
        for seed in range(SEEDS):
            m = Model(seed, plant)
            found = {k for k, _ in m.run().faults}
            result(f"{plant} {seed}", found if m.plant is None else {"not planted"}, want, BESIDE.get(plant, set()))
    return sum(results), len(results) - sum(results)
