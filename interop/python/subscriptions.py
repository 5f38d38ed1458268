# SPDX-License-Identifier: Apache-2.0
"""The subscription types, each with three consumers that join and leave while messages flow."""

import time

import pulsar

from ctx import Arrivals, Flow, Taker, check, equal, fails, scenario

KIND = pulsar.ConsumerType


def all_there(arrivals, sent, limit_s=30):
    arrivals.wait(sent, limit_s)
    equal(sorted(arrivals.seen), list(range(sent)), "every message arrived")


@scenario("exclusive")
def exclusive(ctx):
    t = ctx.topic()
    arrivals = Arrivals()
    consumer = ctx.subscribe(t)
    flow = Flow(ctx.producer(t))
    flow.start()
    for who in ("one", "two", "three"):
        taker = Taker(consumer, arrivals, who)
        for kind in (KIND.Exclusive, KIND.Shared):
            fails((pulsar.ConsumerBusy, pulsar.PulsarException), ctx.subscribe, t, kind=kind, client=ctx.new_client())
        arrivals.wait_for(who, 100)
        if who != "three":
            taker.leave()
            consumer = ctx.subscribe(t)
    all_there(arrivals, flow.finish())
    taker.leave()
    equal([a[0] for a in arrivals.list], list(range(flow.sent)), "in order, none twice")


@scenario("failover")
def failover(ctx):
    t = ctx.topic()
    arrivals = Arrivals()

    def join(who):
        return Taker(ctx.subscribe(t, kind=KIND.Failover, consumer_name=who, client=ctx.new_client()), arrivals, who)

    takers = {w: join(w) for w in ("a", "b", "c")}
    flow = Flow(ctx.producer(t), rate=300)
    flow.start()
    arrivals.wait(200)

    def active():
        with arrivals.lock:
            return arrivals.list[-1][2]

    first = active()
    takers.pop(first).leave()
    left_at = len(arrivals.seen)
    arrivals.wait(left_at + 200)
    second = active()
    check(second != first, "another one took over")
    equal({a[2] for a in arrivals.list[-100:]}, {second}, "one at a time is active")
    takers[first] = join(first)
    time.sleep(1.5)             # the choice of the active one is delayed by up to a second
    arrivals.wait(len(arrivals.seen) + 100)
    equal(len({a[2] for a in arrivals.list[-50:]}), 1, "consumers that get messages")
    while len(takers) > 1:
        takers.pop(active()).leave()
        arrivals.wait(len(arrivals.seen) + 50)
    sent = flow.finish()
    all_there(arrivals, sent)
    for taker in takers.values():
        taker.leave()
    equal(arrivals.first, list(range(sent)), "order of first arrivals")


@scenario("shared")
def shared(ctx):
    t = ctx.topic()
    arrivals = Arrivals()

    def join(who):
        return Taker(ctx.subscribe(t, kind=KIND.Shared, consumer_name=who, receiver_queue_size=20,
                                   client=ctx.new_client()), arrivals, who)

    a = join("a")
    flow = Flow(ctx.producer(t))
    flow.start()
    arrivals.wait_for("a", 50)
    b, c = join("b"), join("c")
    for who in "abc":
        arrivals.wait_for(who, arrivals.count(who) + 50)
    a.leave()
    for who in "bc":
        arrivals.wait_for(who, arrivals.count(who) + 50)
    b.leave()
    a = join("a2")
    arrivals.wait_for("a2", 50)
    c.leave()
    arrivals.wait_for("a2", 100)
    all_there(arrivals, flow.finish())
    a.leave()
    equal(arrivals.doubles(), 0, "messages that came twice")


@scenario("key-shared")
def key_shared(ctx):
    t = ctx.topic()
    arrivals = Arrivals()
    n_keys = 30

    def join(who):
        return Taker(ctx.subscribe(t, kind=KIND.KeyShared, consumer_name=who, client=ctx.new_client()),
                     arrivals, who)

    a = join("a")
    flow = Flow(ctx.producer(t), keys=n_keys)
    flow.start()
    arrivals.wait_for("a", 100)
    b, c = join("b"), join("c")
    for who in "abc":
        arrivals.wait_for(who, arrivals.count(who) + 50)
    # settled: each key has one owner
    mark = len(arrivals.list)
    arrivals.wait(len(arrivals.seen) + 10 * n_keys)
    with arrivals.lock:
        owners = {}
        for _, key, who in arrivals.list[mark:]:
            owners.setdefault(key, set()).add(who)
    equal(len(owners), n_keys, "keys seen")
    check(all(len(o) == 1 for o in owners.values()), f"one owner per key: {owners}")
    equal(len(set.union(*owners.values())), 3, "owners")
    b.leave()
    for who in "ac":
        arrivals.wait_for(who, arrivals.count(who) + 50)
    b = join("b2")
    arrivals.wait_for("b2", 50)
    a.leave()
    arrivals.wait_for("c", arrivals.count("c") + 50)
    c.leave()
    all_there(arrivals, flow.finish())
    b.leave()
    equal(arrivals.doubles(), 0, "messages that came twice")
    per_key = {}
    for n, key, _ in arrivals.list:
        equal(key, f"k{n % n_keys}", "the message's key")
        per_key.setdefault(key, []).append(n)
    for key, numbers in per_key.items():
        equal(numbers, sorted(numbers), f"order of {key}")
