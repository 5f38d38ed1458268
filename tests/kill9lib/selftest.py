# SPDX-License-Identifier: Apache-2.0
"""Can the checker fail? Histories with one broken promise each, and honest ones.

An honest broker in a few lines, whose faults are planted one by one; the
checker has to name each by its kind, and to find nothing in the honest runs.
"""

import random

from . import books

SUBS = {"cum": True, "ind": False, "bix": False}


class Model:
    """A topic of two producers and three subscriptions, with crashes; `plant` names what goes wrong."""

    def __init__(self, seed, plant=None):
        self.random = random.Random(seed)
        self.plant = plant
        self.books = books.Books()
        self.topic = self.books.topic("t")
        for name, cumulative in SUBS.items():
            self.topic.sub(name, cumulative)
        self.log = []                           # [(pos, messages)]
        self.next = {"one": 1, "many": 1}
        self.pending = {"one": [], "many": []}  # groups without a receipt
        self.acked = {name: set() for name in SUBS}
        self.read_to = (-1, -1)
        self.entry = 0

    def store(self, group):
        self.entry += 1
        self.log.append(((7, self.entry), group))
        return (7, self.entry)

    def publish(self, crash):
        for who, size in (("one", 1), ("many", 4)):
            for _ in range(6):
                n = self.next[who]
                self.next[who] = n + size
                group = [(who, k) for k in range(n, n + size)]
                self.topic.sent(group)
                self.pending[who].append(group)
            groups = self.pending[who]
            # a crash: the last two are without a receipt, one of them is stored
            for i, g in enumerate(list(groups)):
                if crash and i == len(groups) - 1:
                    break
                pos = self.store(g)
                if not (crash and i == len(groups) - 2):
                    self.topic.receipt(g, pos)
                    groups[i] = None
            self.pending[who] = [g for g in groups if g]

    def resend(self):
        for groups in self.pending.values():
            for g in groups:
                self.topic.sent(g)
                self.topic.receipt(g, self.store(g))
            groups.clear()

    def read(self, full=False):
        log = self.log
        if self.plant == "lost-later" and full:
            log = log[:5] + log[6:]
        if self.plant == "content-later" and full:
            log = [*log[:5], (log[5][0], [("one", 1)]), *log[6:]]
        if full:
            self.topic.read_from_start()
        for pos, messages in log:
            if full or pos > self.read_to:
                self.topic.entry(pos, list(messages))
        self.read_to = log[-1][0]
        self.topic.end_of_log()

    def consume(self, crash):
        for name, cumulative in SUBS.items():
            sub = self.topic.subs[name]
            sub.new_connection()
            skip = self.plant == "missing-" + name
            unacked = []
            for pos, messages in self.log:
                rest = [i for i in range(len(messages)) if (*pos, i) not in self.acked[name]]
                if rest and skip and self.acked[name] and len(unacked) > 3:
                    skip, self.plant = False, None
                    continue
                if rest:
                    self.topic.delivered(name, pos, list(messages), rest)
                    unacked += [(*pos, i) for i in rest]
                    if self.plant == "again":
                        self.plant = None
                        self.topic.delivered(name, pos, list(messages), rest)
            self.topic.compare(name)
            self.acknowledge(name, cumulative, unacked, crash)

    def acknowledge(self, name, cumulative, unacked, crash):
        sub = self.topic.subs[name]
        sure, unsure = len(unacked) // 2, len(unacked) // 4
        if not cumulative:
            self.random.shuffle(unacked)
        for places, confirmed in ((unacked[:sure], True), (unacked[sure:sure + unsure], False)):
            if not places:
                continue
            sub.ack_sent(places)
            holds = confirmed or not crash or self.random.random() < 0.5
            if holds:
                self.acked[name].update(self.up_to(max(places)) if cumulative else places)
            if confirmed or not crash:
                sub.ack_receipt(places)
        if self.plant == "undone-" + name and self.acked[name]:
            self.acked[name].remove(max(p for p in self.acked[name] if sub.is_confirmed(p)))
            self.plant = None

    def up_to(self, end):
        return {(*pos, i) for pos, messages in self.log for i in range(len(messages)) if (*pos, i) <= end}

    def spoil(self):
        """Faults of the log, planted before it is read."""
        new = [i for i, (pos, _) in enumerate(self.log) if pos > self.read_to]
        acked = [i for i in new if self.log[i][1][0] in self.topic.receipts]
        middle = acked[len(acked) // 2]
        pos, group = self.log[middle]
        if self.plant == "lost":
            self.log[middle] = (pos, [("ghost", 1)])
            self.topic.sent([("ghost", 1)])
        elif self.plant == "lost-tail":
            last = max(i for i in acked if len(self.log[i][1]) == 4)
            del self.log[last:]
        elif self.plant == "lost-part":
            batch = next(i for i in acked if len(self.log[i][1]) == 4)
            self.log[batch] = (self.log[batch][0], self.log[batch][1][:2])
        elif self.plant == "order":
            b = self.pending_entry("one")
            a = b - 1
            self.log[a], self.log[b] = (self.log[a][0], self.log[b][1]), (self.log[b][0], self.log[a][1])
        elif self.plant == "hole":
            # the last one without a receipt is stored, the one before is not
            i = self.pending_entry("many")
            self.log[i] = (self.log[i][0], self.pending["many"][1])
        elif self.plant == "double":
            self.store(list(group))
        elif self.plant == "alien":
            self.store([("one", 10_000)])
        else:
            return
        self.plant = None

    def pending_entry(self, who):
        g = self.pending[who][0]
        return max(i for i, (_, m) in enumerate(self.log) if m == g)

    def run(self, rounds=4):
        for i in range(rounds):
            self.publish(crash=True)
            if i == 1:
                self.spoil()
            self.read()
            self.consume(crash=True)
            self.resend()
        self.read()
        self.consume(crash=False)
        self.read(full=True)
        return self.books


def receipts_out_of_order():
    b = books.Books()
    t = b.topic("t")
    t.sent([("p", 1), ("p", 2)])
    t.receipt([("p", 1)], (1, 5))
    t.receipt([("p", 2)], (1, 4))
    return b


def entries_out_of_order():
    b = books.Books()
    t = b.topic("t")
    t.sent([("p", 1), ("p", 2)])
    t.entry((1, 5), [("p", 1)])
    t.entry((1, 4), [("p", 2)])
    t.end_of_log()
    return b


def late_first_arrival():
    b = books.Books()
    t = b.topic("t")
    t.sent([("p", 1), ("p", 2)])
    t.entry((1, 1), [("p", 2)])
    t.entry((1, 2), [("p", 1)])
    t.end_of_log()
    return b


def phantom_delivery():
    b = books.Books()
    t = b.topic("t")
    t.sub("ind")
    t.delivered("ind", (1, 1), [("p", 1)], [0])
    t.end_of_log()
    return b


def changed_delivery():
    b = books.Books()
    t = b.topic("t")
    t.sub("ind")
    t.sent([("p", 1), ("p", 2)])
    t.entry((1, 1), [("p", 1)])
    t.delivered("ind", (1, 1), [("p", 2)], [0])
    return b


#: plant: the kinds that have to be found, and no others
PLANTS = {
    "lost": {"lost"},
    "lost-tail": {"lost"},
    "lost-part": {"lost"},
    "lost-later": {"lost"},
    "content-later": {"alien"},
    "order": {"order", "lost"},         # the places of the receipts are exchanged, too
    "hole": {"order"},
    "double": {"double"},
    "alien": {"alien"},
    "undone-cum": {"undone"},
    "undone-ind": {"undone"},
    "undone-bix": {"undone"},
    "missing-cum": {"missing"},
    "missing-ind": {"missing"},
    "missing-bix": {"missing"},
    "again": {"again"},
}
CASES = {receipts_out_of_order: "order", entries_out_of_order: "order", late_first_arrival: "order",
         phantom_delivery: "alien", changed_delivery: "alien"}


def run(say):
    """Returns (passed, failed)."""
    results = []

    def result(name, got, want):
        results.append(got == want)
        say(f"{'ok  ' if got == want else 'FAIL'} {name}: found {sorted(got) or 'nothing'}"
            + ("" if got == want else f", want {sorted(want) or 'nothing'}"))

    for seed in range(20):
        m = Model(seed)
        b = m.run()
        t = b.totals()
        busy = t["doubled"] > 0 and t["acks confirmed"] > 50
        result(f"honest {seed}", {k for k, _ in b.faults} | (set() if busy else {"idle"}), set())
    for plant, want in PLANTS.items():
        for seed in range(3):
            result(f"{plant} {seed}", {k for k, _ in Model(seed, plant).run().faults}, want)
    for case, want in CASES.items():
        result(case.__name__, {k for k, _ in case().faults}, {want})
    return sum(results), len(results) - sum(results)
