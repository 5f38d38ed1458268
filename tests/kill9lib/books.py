# SPDX-License-Identifier: Apache-2.0
"""What clients were promised, compared with what the broker shows afterwards.

It knows no socket and no clock: it is told of every transmission, receipt,
acknowledgement and delivery, and of every entry of the log when it is read
again, and writes down each contradiction as (kind, text):

lost     a message whose receipt had come is not at the id of its receipt,
         or an entry that the log once showed is not there any more
order    first arrivals of a producer are not in the order in which it sent,
         receipts or entries come out of order
double   a message is stored more often than it was sent (who gets a receipt
         doesn't send again, so: a message is doubled that was acknowledged)
alien    something is stored or delivered that nobody sent, or not there
undone   a message is delivered whose acknowledgement had got its receipt
missing  a message that nobody acknowledged is not delivered again
again    one consumer got a message twice though it asked for nothing

A place is (ledger, entry, index in the batch): places sort like the log.
"""

import bisect


class Sub:
    """Acknowledgements of one subscription.

    An acknowledgement is `sent` when it left the client and `confirmed` when
    its receipt came. After a crash those in between may hold or not; what is
    delivered again counts as unacknowledged again.
    """

    def __init__(self, books, name, cumulative):
        self.books, self.name, self.cumulative = books, name, cumulative
        self.open = []                  # places of the log that are not confirmed, sorted, up to self.known
        self.known = (-1, -1, -1)
        self.confirmed = set()          # individual acks ...
        self.sent = set()
        self.mark = self.mark_sent = (-1, -1, -1)       # ... or the cumulative one: up to and with this place
        self.got = set()                # of this connection
        self.n_confirmed = 0

    def is_confirmed(self, place):
        return place <= self.mark if self.cumulative else place in self.confirmed

    def maybe(self, place):
        return place <= self.mark_sent if self.cumulative else place in self.sent

    def ack_sent(self, places):
        if self.cumulative:
            self.mark_sent = max(self.mark_sent, *places)
        else:
            self.sent.update(places)

    def ack_receipt(self, places):
        self.n_confirmed += len(places)
        if self.cumulative:
            self.mark = max(self.mark, *places)
        else:
            self.confirmed.update(places)

    def new_connection(self):
        self.got = set()

    def delivered(self, places):
        for p in places:
            if p in self.got:
                self.books.fault("again", f"{self.name}: {p} twice on one connection")
            elif self.is_confirmed(p):
                self.books.fault("undone", f"{self.name}: {p} comes again after the receipt of its ack")
            self.got.add(p)

    def learn(self, places):
        """Places that the log has gained, in its order."""
        self.open += places

    def compare(self, end):
        """All up to `end` had time to arrive on this connection: is everything there?"""
        if self.cumulative:
            del self.open[:bisect.bisect_right(self.open, self.mark)]
        else:
            self.open = [p for p in self.open if p not in self.confirmed]
        first = None
        for p in self.open:
            if p > end:
                break
            if p in self.got:
                first = first or p
                self.sent.discard(p)
            elif not self.maybe(p) or self.cumulative and first:
                self.books.fault("missing", f"{self.name}: {p} is not acknowledged, but isn't delivered")
        if self.cumulative and first:
            # nothing before the first one came: so far the sent one held
            i = bisect.bisect_left(self.open, first)
            self.mark_sent = max(self.mark, self.open[i - 1] if i else self.mark)


class Topic:
    """One topic's messages and its log. A message is (producer, number); numbers count from 1."""

    def __init__(self, books, name):
        self.books, self.name = books, name
        self.subs = {}
        self.n_sent = {}                # message: how often it was sent
        self.receipts = {}              # message: place
        self.last_receipt = {}          # producer: place
        self.unchecked = []             # messages whose receipt wasn't looked up in the log yet
        self.entries = {}               # (ledger, entry): messages, as the log showed them
        self.order = []                 # the keys of entries, as they came
        self.copies = {}
        self.last_first = {}            # producer: the highest number that arrived
        self.gaps = set()               # numbers below that which did not
        self.unseen = {}                # deliveries of entries that the log hasn't shown yet
        self.full = None                # position in order while the whole log is read again

    def sub(self, name, cumulative=False):
        if name not in self.subs:
            self.subs[name] = Sub(self.books, f"{self.name}/{name}", cumulative)
        return self.subs[name]

    def fault(self, kind, text):
        self.books.fault(kind, f"{self.name}: {text}")

    # --- producers

    def sent(self, messages):
        for m in messages:
            self.n_sent[m] = self.n_sent.get(m, 0) + 1

    def receipt(self, messages, pos):
        for i, m in enumerate(messages):
            place = (*pos, i)
            if m in self.receipts:
                self.fault("order", f"a second receipt for {m}")
            if place <= self.last_receipt.get(m[0], (-1, -1, -1)):
                self.fault("order", f"receipt of {m}: {place} is not above {self.last_receipt[m[0]]}")
            self.last_receipt[m[0]] = place
            self.receipts[m] = place
            self.unchecked.append(m)

    # --- the log

    def end(self):
        return self.order[-1] if self.order else (-1, -1)

    def read_from_start(self):
        """What follows is the whole log once more."""
        self.full = 0

    def entry(self, pos, messages):
        if self.full is not None:
            self._again(pos, messages)
            return
        if pos <= self.end():
            self.fault("order", f"entry {pos} comes after {self.end()}")
            return
        self.entries[pos] = messages
        self.order.append(pos)
        if self.unseen.pop(pos, messages) != messages:
            self.fault("alien", f"{pos} was delivered with other content than the log has")
        places = [(*pos, i) for i in range(len(messages))]
        for s in self.subs.values():
            s.learn(places)
        for m in messages:
            self._arrived(m, pos)

    def _arrived(self, m, pos):
        producer, n = m
        if m not in self.n_sent:
            self.fault("alien", f"{pos} holds {m}, which nobody sent")
            return
        self.copies[m] = self.copies.get(m, 0) + 1
        if self.copies[m] > self.n_sent[m]:
            self.fault("double", f"{m} was sent {self.n_sent[m]} times and stored {self.copies[m]} times")
        last = self.last_first.get(producer, 0)
        if n > last:
            self.gaps.update((producer, k) for k in range(last + 1, n))
            self.last_first[producer] = n
        elif m in self.gaps:
            self.gaps.remove(m)
            self.fault("order", f"{m} arrives first at {pos}, behind a later one")

    def _again(self, pos, messages):
        while self.full < len(self.order) and self.order[self.full] < pos:
            self.fault("lost", f"entry {self.order[self.full]} was there and is gone")
            self.full += 1
        if self.full == len(self.order) or self.order[self.full] != pos:
            self.fault("alien", f"entry {pos} wasn't there before")
            return
        if self.entries[pos] != messages:
            self.fault("alien", f"entry {pos} has other content than before")
        self.full += 1

    def end_of_log(self):
        """The reader has seen everything that was there."""
        if self.full is not None:
            for pos in self.order[self.full:]:
                self.fault("lost", f"entry {pos} was there and is gone")
            self.full = None
            return
        for m in self.unchecked:
            ledger, entry, index = self.receipts[m]
            got = self.entries.get((ledger, entry))
            if got is None or index >= len(got) or got[index] != m:
                self.fault("lost", f"{m} got the receipt {self.receipts[m]}, which holds "
                           f"{'nothing' if got is None else got[index:index + 1] or 'less'}")
        self.unchecked = []
        for m in sorted(self.gaps):
            if m not in self.receipts:
                self.fault("order", f"{m} isn't stored, but a later one is")
        self.gaps = set()
        for pos, content in self.unseen.items():
            self.fault("alien", f"{pos} {content} was delivered, the log doesn't have it")
        self.unseen = {}

    # --- consumers

    def delivered(self, sub, pos, messages, indexes):
        """A consumer got an entry, of a batch the messages with these indexes."""
        known = self.entries.get(pos)
        if known is None:
            if self.unseen.setdefault(pos, messages) != messages:
                self.fault("alien", f"{pos} was delivered with two contents")
        elif known != messages:
            self.fault("alien", f"{pos} was delivered with other content than the log has")
        self.subs[sub].delivered([(*pos, i) for i in indexes])

    def compare(self, sub, end=None):
        self.subs[sub].compare((*(end or self.end()), 1 << 30))


class Books:
    def __init__(self):
        self.topics = {}
        self.faults = []

    def topic(self, name):
        if name not in self.topics:
            self.topics[name] = Topic(self, name)
        return self.topics[name]

    def fault(self, kind, text):
        self.faults.append((kind, text))

    def count(self, kind):
        return sum(k == kind for k, _ in self.faults)

    def totals(self):
        ts = self.topics.values()
        return {
            "sent": sum(len(t.n_sent) for t in ts),
            "acknowledged": sum(len(t.receipts) for t in ts),
            "stored": sum(len(t.copies) for t in ts),
            "doubled": sum(n > 1 for t in ts for n in t.copies.values()),
            "acks confirmed": sum(s.n_confirmed for t in ts for s in t.subs.values()),
        }
