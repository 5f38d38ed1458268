# SPDX-License-Identifier: Apache-2.0
"""The broker or the topic goes away in mid-stream; and a thousand topics at once."""

import os
import re
import threading

import pulsar

from ctx import Arrivals, Flow, Taker, bodies, check, datas, equal, nothing, receive_n, scenario, send_n


def in_mid_stream(ctx, disturb, times, batching):
    """Messages flow while disturb() runs; then: nothing lost, first arrivals in order."""
    t = ctx.topic(f"batching-{batching}")
    arrivals = Arrivals()
    ctx.subscribe(t, "later").close()
    taker = Taker(ctx.subscribe(t), arrivals, "c")
    flow = Flow(ctx.producer(t, send_timeout_millis=90000, batching_enabled=batching,
                             batching_max_publish_delay_ms=5, block_if_queue_full=True), rate=300)
    flow.start()
    arrivals.wait(200)
    for _ in range(times):
        disturb(t)
        n = len(arrivals.seen)
        arrivals.wait(n + 200, 60)
    sent = flow.finish()
    equal(len(flow.acked), sent, "messages with a receipt")
    arrivals.wait(sent, 30)
    taker.leave()
    equal(arrivals.first, list(range(sent)), "every message, first arrivals in order")
    later = Arrivals()
    taker = Taker(ctx.subscribe(t, "later"), later, "later")
    later.wait(sent)
    taker.leave()
    equal(later.first, list(range(sent)), "the same for another subscription, afterwards")


def restart(ctx, sig):
    for batching in (False, True):
        in_mid_stream(ctx, lambda _t: ctx.ask("@restart " + sig), 1, batching)


@scenario("restart-term")
def restart_term(ctx):
    restart(ctx, "TERM")


@scenario("restart-kill")
def restart_kill(ctx):
    restart(ctx, "KILL")


@scenario("unload")
def unload(ctx):
    for batching in (False, True):
        in_mid_stream(ctx, lambda t: ctx.admin("PUT", ctx.path(t) + "/unload"), 2, batching)


def connections_to(port):
    """How many TCP connections this process has to that port."""
    mine = set()
    for fd in os.listdir("/proc/self/fd"):
        try:
            m = re.match(r"socket:\[(\d+)\]", os.readlink("/proc/self/fd/" + fd))
        except OSError:
            continue
        if m:
            mine.add(m.group(1))
    n = 0
    for name in ("/proc/net/tcp", "/proc/net/tcp6"):
        with open(name, encoding="ascii") as f:
            for line in list(f)[1:]:
                w = line.split()
                n += w[3] == "01" and w[9] in mine and int(w[2].split(":")[1], 16) == port
    return n


@scenario("topics-1000")
def topics_1000(ctx):
    n, n_threads = 1000, 16
    client = ctx.client
    before = connections_to(int(ctx.url.rsplit(":", 1)[1]))
    topics = [ctx.topic(f"t{i}") for i in range(n)]
    ends, errors = [None] * n, []

    def part(k):
        try:
            for i in range(k, n, n_threads):
                ends[i] = (client.subscribe(topics[i], "sub", initial_position=pulsar.InitialPosition.Earliest,
                                            receiver_queue_size=10),
                           client.create_producer(topics[i], batching_enabled=False))
        except Exception as e:  # pylint: disable=broad-except
            errors.append(e)

    threads = [threading.Thread(target=part, args=(k,), daemon=True) for k in range(n_threads)]
    for th in threads:
        th.start()
    for th in threads:
        th.join()
    check(not errors, f"creating: {errors[:3]!r}")
    for i, (_, p) in enumerate(ends):
        for k in range(3):
            p.send_async(b"m-%d" % (3 * i + k), lambda *_: None)
    for i, (c, _) in enumerate(ends):
        equal(datas(receive_n(c, 3)), bodies(3 * i, 3), f"topic {i}")
    port = int(ctx.url.rsplit(":", 1)[1])
    if port in (6650,) or before == 0:
        # one for the lookups by the service URL's name, one by the name that the broker gave, if these differ
        check(connections_to(port) <= 2, f"{connections_to(port)} connections")
    for c, _ in ends[:10]:
        nothing(c, 20)


@scenario("non-persistent")
def non_persistent(ctx):
    t = ctx.topic(domain="non-persistent")
    a, b = ctx.subscribe(t, "a"), ctx.subscribe(t, "b", pulsar.ConsumerType.Shared)
    p = ctx.producer(t)
    send_n(p, 0, 200)
    for c in (a, b):
        equal(datas(receive_n(c, 200)), bodies(0, 200), "in order")
        nothing(c, 200)
    b.close()
    send_n(p, 200, 10)
    b = ctx.subscribe(t, "b", pulsar.ConsumerType.Shared)
    nothing(b)
    equal(datas(receive_n(a, 10)), bodies(200, 10), "the other one goes on")
    send_n(p, 210, 10)
    equal(datas(receive_n(b, 10)), bodies(210, 10), "from now on")
