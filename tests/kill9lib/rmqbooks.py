# SPDX-License-Identifier: Apache-2.0
"""What RocketMQ's clients were promised, compared with what the broker shows afterwards.

Like books.py it knows no socket and no clock: it is told of every transmission,
answer, delivery and blow, and of every record of a queue that is read, with the
times that they carry. Each contradiction is written down as (kind, text):

lost     a message whose receipt had come is not at the queue offset of its receipt, is not
         there although it is due or committed, or what a queue once showed is not there any more
hole     offsets of a queue are not dense
double   a message is stored more often than it was asked for
alien    something is stored or delivered that nobody sent, or sent elsewhere
early    a message shows before it is due
half     a half message shows that nobody committed
undone   what had its answer holds no more: a commit, an ack, an end of a transaction, a recall
ahead    a group is where nobody committed
missing  a message that nobody acknowledged and nobody has is not delivered again
again    a message is given twice at a time
unasked  nobody is asked what became of a transaction

A message is (producer, number). Times are wall clock, ms; all of one machine.
"""

import collections

PLAIN, DEFERRED, STAGED, HALF = "plain", "deferred", "staged", "half"


class Message:
    """What was asked for one, and what of it is seen."""

    __slots__ = ("queue", "kind", "due", "born", "sent", "receipt", "commits", "committed", "ends", "ended", "recall",
                 "copies")

    def __init__(self, queue, kind, due, born):
        self.queue, self.kind, self.due, self.born = queue, kind, due, born
        self.sent = self.commits = self.ends = self.copies = 0
        self.receipt = False
        self.ended = None               # the blows before the answer
        self.recall = None              # "sent", "done"
        self.committed = None           # time of the first commit

    def must_show(self):
        """Of what is staged: nobody has asked for it back."""
        return self.kind == STAGED and self.receipt and not self.recall and not self.copies


class Queue:
    """One queue's messages, by offset."""

    def __init__(self, books, name):
        self.books, self.name = books, name
        self.log = []
        self.unchecked = []             # (message, offset or None) that the log has to have
        self.checking = []
        self.unseen = {}                # deliveries of offsets that the log hasn't shown yet
        self.at = 0

    def fault(self, kind, text):
        self.books.fault(kind, f"{self.name}: {text}")

    def start(self, offset):
        """The queue is read from there on; what is promised by now has to be there."""
        self.at = offset
        self.checking, self.unchecked = self.unchecked, []

    def record(self, offset, key, stored_ms, now_ms):
        if offset != self.at:
            self.fault("hole", f"offset {offset} comes where {self.at} was asked for")
        self.at = offset + 1
        if offset < len(self.log):
            if self.log[offset] != key:
                self.fault("lost", f"offset {offset} had {self.log[offset]}, now {key}")
            return
        while len(self.log) < offset:
            self.log.append(None)
        self.log.append(key)
        if self.unseen.pop(offset, key) != key:
            self.fault("alien", f"{offset} was delivered with other content than the log has")
        self.books.stored(self, offset, key, stored_ms, now_ms)

    def end(self):
        """It was read to its end."""
        if self.at < len(self.log):
            self.fault("lost", f"offsets {self.at} to {len(self.log) - 1} were there and are gone")
        for key, offset in self.checking:
            if offset is None:
                if not self.books.messages[key].copies:
                    self.fault("lost", f"{key} is promised and not there")
            elif offset >= len(self.log) or self.log[offset] != key:
                got = self.log[offset] if offset < len(self.log) else "nothing"
                self.fault("lost", f"{key} got offset {offset}, which holds {got}")
        self.checking = []
        for offset, key in self.unseen.items():
            self.fault("alien", f"{key} was delivered as {offset}, the log doesn't have it")
        self.unseen = {}

    def delivered(self, offset, key):
        """To somebody who consumes."""
        if offset < len(self.log):
            if self.log[offset] != key:
                self.fault("alien", f"{offset} was delivered as {key}, it is {self.log[offset]}")
        elif self.unseen.setdefault(offset, key) != key:
            self.fault("alien", f"{offset} was delivered with two contents")

    def pulled(self, offset, keys):
        """What a pull at an offset gave: (offset, message)."""
        for at, key in keys:
            if at != offset:
                self.fault("hole", f"a pull gave {at} where {offset} comes next")
            offset = at + 1
            self.delivered(at, key)


class Progress:
    """A group's offset in a queue. From a commit that was answered on, each later one may hold."""

    def __init__(self, queue, group):
        self.queue, self.group = queue, group
        self.asked, self.sure = [None], 0
        self.n_confirmed = 0

    def ask(self, offset):
        """The number of this commit."""
        self.asked.append(offset)
        return len(self.asked) - 1

    def answered(self, number):
        self.sure = max(self.sure, number)
        self.n_confirmed += 1

    def found(self, offset):
        """It is asked for after a blow; None: there is none."""
        may = self.asked[self.sure:]
        if offset not in may:
            known = [x for x in may if x is not None]
            ahead = offset is not None and (not known or offset > max(known))
            self.queue.fault("ahead" if ahead else "undone",
                             f"{self.group} is at {offset}, committed {self.asked[self.sure]}, then {may[1:5]}")
        self.asked, self.sure = [offset], 0


class Lease:
    __slots__ = ("pop_ms", "until", "latest", "blows", "sure")

    def __init__(self, pop_ms, until, blows, sure):
        self.pop_ms, self.until, self.latest, self.blows, self.sure = pop_ms, until, until, blows, sure


class Pops:
    """What a group's POP consumers have of a queue.

    A lease holds for its time, also over a blow if its answer promised that (a
    changed time; a pop doesn't wait for the disk). Who is told that there is
    nothing may conclude that everything is acknowledged or leased.
    """

    def __init__(self, queue, group):
        self.queue, self.books, self.group = queue, queue.books, group
        self.acked, self.maybe, self.leases = set(), set(), {}
        self.open, self.known = set(), 0
        self.asking = {}                # what is asked and not answered: the longest lease that may come of it
        self.fog = 0                    # until then leases may be that nobody heard of
        self.n_confirmed = self.n_popped = self.n_nothing = self.late_ms = 0

    def fault(self, kind, text):
        self.queue.fault(kind, f"{self.group}: {text}")

    def ask(self, token, invisible_ms):
        self.asking[token] = invisible_ms

    def answered(self, token):
        self.asking.pop(token, None)

    def blow(self, now_ms):
        for ms in self.asking.values():
            self.fog = max(self.fog, now_ms + ms)
        self.asking = {}

    def popped(self, offset, key, pop_ms, invisible_ms):
        self.n_popped += 1
        self.queue.delivered(offset, key)
        self.books.shown(self.queue, key, pop_ms)
        new = Lease(pop_ms, pop_ms + invisible_ms, self.books.blows_n, False)
        if offset in self.acked:
            self.fault("undone", f"{offset} comes again after the answer to its ack")
        old = self.leases.get(offset)
        if old is not None:
            # answers on two connections come in any order
            first, second = (old, new) if old.pop_ms <= pop_ms else (new, old)
            if second.pop_ms < first.until and (first.sure or first.blows == second.blows):
                self.fault("again", f"{offset} is leased from {first.pop_ms} to {first.until}, "
                           f"{'for sure ' if first.sure else ''}and given at {second.pop_ms}")
            if first is new:
                return
        self.maybe.discard(offset)
        self.leases[offset] = new

    def ack_sent(self, offset):
        self.maybe.add(offset)

    def ack_answered(self, offset, ok):
        if ok:
            self.n_confirmed += 1
            self.acked.add(offset)
            self.open.discard(offset)
        self.maybe.discard(offset)

    def _mates(self, offset, key):
        """Leases of a batch of Pulsar's: one entry, so what becomes of one message may be said of all."""
        keys = self.books.batches.get(key, [key])
        first = offset - keys.index(key)
        return [self.leases[o] for o in range(first, first + len(keys)) if o in self.leases]

    def is_leased(self, offset, key, pop_ms, now_ms):
        """Whether the lease of that handle is there for sure, and only this message's."""
        lease = self.leases.get(offset)
        return lease is not None and key not in self.books.batches and lease.pop_ms == pop_ms and now_ms < lease.until

    def change_sent(self, token, offset, key, invisible_ms):
        self.ask(token, invisible_ms)
        for lease in self._mates(offset, key):
            lease.until = 0             # until the answer says

    def change_answered(self, token, offset, key, old_ms, pop_ms, invisible_ms, ok, now_ms):
        """old_ms: the time of the lease by its handle; pop_ms: that of the new one."""
        self.answered(token)
        mates = self._mates(offset, key)
        if not ok:
            return
        if len(mates) > 1:
            for lease in mates:
                # it is that of the whole entry, and keeps the time of its handle
                lease.latest = max(lease.latest, now_ms + invisible_ms)
        elif self.leases[offset].pop_ms == old_ms and invisible_ms:
            self.leases[offset] = Lease(pop_ms, pop_ms + invisible_ms, self.books.blows_n, True)
        elif self.leases[offset].pop_ms == old_ms:
            self.leases[offset].latest = now_ms         # given again from some moment before

    def learn(self):
        """What the log has gained is open."""
        self.open.update(range(self.known, len(self.queue.log)))
        self.open -= self.acked
        self.known = len(self.queue.log)

    def clear(self, now_ms):
        """What the dead had asked for is leased no more."""
        return self.fog < now_ms

    def nothing(self, started_ms):
        """Somebody asked then, nobody else did, and was told that there is nothing: what should have been given."""
        if not self.clear(started_ms):
            return []
        self.n_nothing += 1
        out = []
        for offset in sorted(self.open - self.maybe):
            key = self.queue.log[offset]
            lease = self.leases.get(offset)
            m = self.books.messages.get(key)
            free = max(lease.latest if lease else 0, self.fog, m.due if m else 0)
            if free < started_ms:
                self.late_ms = max(self.late_ms, started_ms - free)
                out.append(f"offset {offset} {key} is free since {free}, and not given at {started_ms}")
        return out

    def left(self):
        return self.open - self.maybe


class Shared:
    """A Pulsar subscription of a queue. A place is (ledger, entry, index in the batch)."""

    def __init__(self, queue, name):
        self.queue, self.books, self.name = queue, queue.books, name
        self.come = collections.Counter()       # at how many places a message came
        self.places = {}
        self.open = {}                          # places without the receipt of an ack
        self.confirmed, self.maybe, self.got = set(), set(), set()
        self.expect, self.known = [], 0         # (offset, message, number of the copy) that didn't come
        self.copies = collections.Counter()

    def fault(self, kind, text):
        self.queue.fault(kind, f"{self.name}: {text}")

    def new_connection(self):
        self.got = set()

    def delivered(self, place, key, now_ms):
        self.books.shown(self.queue, key, now_ms)
        if place in self.got:
            self.fault("again", f"{place} twice on one connection")
        elif place in self.confirmed:
            self.fault("undone", f"{place} comes again after the receipt of its ack")
        self.got.add(place)
        if place not in self.places:
            self.places[place] = self.open[place] = key
            self.come[key] += 1
        elif self.places[place] != key:
            self.fault("alien", f"{place} was {self.places[place]}, now {key}")
        self.maybe.discard(place)

    def ack_sent(self, places):
        self.maybe.update(places)

    def ack_receipt(self, places):
        self.maybe.difference_update(places)
        self.confirmed.update(places)
        for p in places:
            self.open.pop(p, None)

    def learn(self):
        for offset in range(self.known, len(self.queue.log)):
            key = self.queue.log[offset]
            self.copies[key] += 1
            self.expect.append((offset, key, self.copies[key]))
        self.known = len(self.queue.log)

    def lacking(self, now_ms):
        """What is stored, due and not acknowledged, and didn't come on this connection."""
        ms = self.books.messages
        self.expect = [x for x in self.expect if self.come[x[1]] < x[2]]
        return [f"offset {o} {k}" for o, k, _ in self.expect if k in ms and ms[k].due < now_ms] + \
            [f"{p} {k}" for p, k in self.open.items() if p not in self.maybe and p not in self.got]


class Books:
    def __init__(self):
        self.messages, self.queues = {}, {}
        self.progress, self.pops, self.shared = [], [], []
        self.faults, self.blows = [], []
        self.batches = {}               # message: all of its batch, where these are stored as one
        self.halves = set()             # with a receipt, without an end
        self.waiting = set()            # staged until they are due

    @property
    def blows_n(self):
        return len(self.blows)

    def queue(self, name):
        if name not in self.queues:
            self.queues[name] = Queue(self, name)
        return self.queues[name]

    def group(self, queue, pull, pop, shared):
        """The books of those who consume a queue."""
        for books, new in ((self.progress, Progress(queue, pull)), (self.pops, Pops(queue, pop)),
                           (self.shared, Shared(queue, shared))):
            books.append(new)
        return self.progress[-1], self.pops[-1], self.shared[-1]

    def fault(self, kind, text):
        self.faults.append((kind, text))

    def count(self, kind):
        return sum(k == kind for k, _ in self.faults)

    def blow(self, now_ms):
        """The broker is dead, and begins anew."""
        self.blows.append(now_ms)
        for p in self.pops:
            p.blow(now_ms)

    def learn(self):
        """The queues were read: who consumes has to get what they hold."""
        for x in [*self.pops, *self.shared]:
            x.learn()

    # --- producers

    def sent(self, key, queue, kind=PLAIN, due_ms=0, now_ms=0):
        """due_ms: it doesn't show before."""
        m = self.messages.get(key)
        if m is None:
            m = self.messages[key] = Message(queue, kind, due_ms, now_ms)
        m.sent += 1

    def batch(self, keys):
        for k in keys:
            self.batches[k] = keys

    def receipt(self, key, offset=None):
        m = self.messages[key]
        m.receipt = True
        if m.kind == HALF:
            if m.ended is None:         # it may have been asked about before
                self.halves.add(key)
        elif m.kind == STAGED:
            if m.must_show():
                self.waiting.add(key)
        else:
            m.queue.unchecked.append((key, offset))

    def end_sent(self, key, commit, now_ms):
        m = self.messages[key]
        m.ends += 1
        if commit and not m.commits:
            m.committed = now_ms
        m.commits += commit

    def end_answered(self, key, commit, ok):
        m = self.messages[key]
        if not ok:
            # another end of it may be under way, or have worked without an answer
            if m.ends == 1:
                self.fault("lost", f"{key}: a half message that nobody ended is not there any more")
            return
        if m.ended is None:
            m.ended = self.blows_n
            if commit:
                m.queue.unchecked.append((key, None))
        self.halves.discard(key)

    def asked(self, key):
        """The broker asks what became of it."""
        m = self.messages.get(key)
        if m is None or m.kind != HALF:
            self.fault("alien", f"asked for {key}, which nobody sent")
        elif m.ended is not None and m.ended < self.blows_n:
            self.fault("undone", f"asked for {key}, whose end was answered before the blow")

    def unasked(self, before_ms):
        """Half messages from before then that the broker still has to ask for: those that nobody said a word about,
        and those that somebody committed without an answer, unless they show."""
        ms = [(k, self.messages[k]) for k in self.halves]
        return [k for k, m in ms if m.born < before_ms and (not m.ends or m.commits and not m.copies)]

    def recall_sent(self, key):
        self.messages[key].recall = "sent"
        self.waiting.discard(key)

    def recall_answered(self, key):
        self.messages[key].recall = "done"

    def overdue(self, before_ms):
        """What had to be in its queue by then and isn't, as far as that was read."""
        return [k for k in self.waiting if self.messages[k].due < before_ms]

    # --- what is seen

    def shown(self, queue, key, now_ms):
        """It is visible to somebody."""
        m = self.messages.get(key)
        if m is None or m.queue is not queue:
            queue.fault("alien", f"{key} shows, " + ("which nobody sent" if m is None else f"sent to {m.queue.name}"))
            return None
        if now_ms < m.due:
            queue.fault("early", f"{m.kind} {key} shows {m.due - now_ms} ms before it is due")
        if m.kind == HALF and (not m.commits or now_ms < m.committed):
            queue.fault("half", f"{key} shows, which nobody had committed at {now_ms}")
        return m

    def stored(self, queue, offset, key, stored_ms, now_ms):
        """The log has it there; what is deferred is there before it is due."""
        m = self.messages.get(key)
        if m is None or m.kind != DEFERRED:
            m = self.shown(queue, key, min(stored_ms, now_ms))
        if m is None:
            return
        m.copies += 1
        # also of what is staged: a blow between the append and the end of the staging makes no other copy
        if m.copies > m.sent:
            queue.fault("double", f"{m.kind} {key} was sent {m.sent} times, {m.copies} are stored, one at {offset}")
        if m.recall == "done":
            queue.fault("undone", f"{key} is stored, whose recall was answered")
        self.waiting.discard(key)

    def totals(self):
        ms = self.messages.values()
        n = collections.Counter(m.kind for m in ms if m.receipt)
        return {
            "sent": len(self.messages),
            "acknowledged": sum(n.values()),
            **{k: n[k] for k in (PLAIN, DEFERRED, STAGED, HALF)},
            "stored": sum(len(q.log) for q in self.queues.values()),
            "ended": sum(m.ended is not None for m in ms),
            "recalled": sum(m.recall == "done" for m in ms),
            "doubled": sum(m.copies > 1 for m in ms),
            "commits": sum(p.n_confirmed for p in self.progress),
            "pops": sum(p.n_popped for p in self.pops),
            "pop acks": sum(p.n_confirmed for p in self.pops),
            "pops of nothing": sum(p.n_nothing for p in self.pops),
            "ms to come again at most": max((p.late_ms for p in self.pops), default=0),
            "shared acks": sum(len(s.confirmed) for s in self.shared),
        }
