// SPDX-License-Identifier: Apache-2.0
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;

import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.ConsumerEventListener;
import org.apache.pulsar.client.api.KeySharedPolicy;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.PulsarClientException;
import org.apache.pulsar.client.api.Range;
import org.apache.pulsar.client.api.SubscriptionType;

/** The subscription types, each with three consumers that join and leave while messages flow. */
final class Subscriptions {
	private Subscriptions() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("exclusive", Subscriptions::exclusive);
		all.put("failover", Subscriptions::failover);
		all.put("shared", Subscriptions::shared);
		all.put("key-shared", Subscriptions::keyShared);
	}

	private static void exclusive(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Arrivals arrivals = new Arrivals();
		Consumer<byte[]> c = ctx.consumer(t).subscribe();
		Flow flow = new Flow(ctx.producer(t).create(), 500, 0);
		Taker taker = null;
		for (String who : List.of("one", "two", "three")) {
			taker = new Taker(c, arrivals, who);
			for (SubscriptionType type : List.of(SubscriptionType.Exclusive, SubscriptionType.Shared)) {
				Ctx.fails(PulsarClientException.ConsumerBusyException.class, "a second consumer, " + type,
						() -> ctx.consumer(ctx.newClient(), t).subscriptionType(type).subscribe());
			}
			arrivals.awaitMore(who, 100);
			if (!who.equals("three")) {
				taker.leave();
				c = ctx.consumer(t).subscribe();
			}
		}
		arrivals.inOrder(flow.finish());
		taker.leave();
		Ctx.equal(arrivals.doubles(), 0, "messages that came twice");
	}

	private static final class Events implements ConsumerEventListener {
		private static final long serialVersionUID = 1;
		private final String who;
		private final transient Set<String> active;

		Events(String who, Set<String> active) {
			this.who = who;
			this.active = active;
		}

		@Override
		public void becameActive(Consumer<?> consumer, int partitionId) {
			synchronized (active) {
				active.add(who);
			}
		}

		@Override
		public void becameInactive(Consumer<?> consumer, int partitionId) {
			synchronized (active) {
				active.remove(who);
			}
		}
	}

	private static void failover(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Arrivals arrivals = new Arrivals();
		Set<String> told = new HashSet<>();
		Map<String, Taker> takers = new HashMap<>();
		for (String who : List.of("a", "b", "c")) {
			takers.put(who, joinFailover(ctx, t, who, told, arrivals, 0));
		}
		Flow flow = new Flow(ctx.producer(t).create(), 300, 0);
		arrivals.more(200);
		String first = active(arrivals);
		takers.remove(first).leave();
		synchronized (told) {
			told.remove(first);
		}
		arrivals.more(200);
		String second = active(arrivals);
		Ctx.check(!second.equals(first), "another one took over");
		Ctx.equal(arrivals.last(100).stream().map(a -> a.who).collect(Collectors.toSet()), Set.of(second),
				"one at a time is active");
		Ctx.until("the active one was told, the other one too", () -> {
			synchronized (told) {
				return told.equals(Set.of(second));
			}
		});
		takers.put("low", joinFailover(ctx, t, "low", told, arrivals, 1));
		Thread.sleep(1500);     // the choice of the active one is delayed by up to a second
		arrivals.more(50);
		Ctx.equal(active(arrivals), second, "the active one after one of lower priority came");
		while (takers.size() > 1) {
			takers.remove(active(arrivals)).leave();
			arrivals.more(50);
		}
		Ctx.equal(active(arrivals), "low", "the last one");
		arrivals.inOrder(flow.finish());
		takers.get("low").leave();
	}

	private static Taker joinFailover(Ctx ctx, String t, String who, Set<String> told, Arrivals arrivals, int level)
			throws Exception {
		return new Taker(ctx.consumer(ctx.newClient(), t).subscriptionType(SubscriptionType.Failover).consumerName(who)
				.priorityLevel(level).consumerEventListener(new Events(who, told)).subscribe(), arrivals, who);
	}

	private static String active(Arrivals arrivals) {
		return arrivals.last(1).get(0).who;
	}

	private static Taker join(Ctx ctx, String t, SubscriptionType type, Arrivals arrivals, String who)
			throws Exception {
		return new Taker(ctx.consumer(ctx.newClient(), t).subscriptionType(type).consumerName(who)
				.receiverQueueSize(type == SubscriptionType.Shared ? 20 : 1000).subscribe(), arrivals, who);
	}

	private static void shared(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Arrivals arrivals = new Arrivals();
		Taker a = join(ctx, t, SubscriptionType.Shared, arrivals, "a");
		Flow flow = new Flow(ctx.producer(t).create(), 500, 0);
		arrivals.awaitMore("a", 50);
		Taker b = join(ctx, t, SubscriptionType.Shared, arrivals, "b");
		Taker c = join(ctx, t, SubscriptionType.Shared, arrivals, "c");
		for (String who : List.of("a", "b", "c")) {
			arrivals.awaitMore(who, 50);
		}
		a.leave();
		arrivals.awaitMore("b", 50);
		arrivals.awaitMore("c", 50);
		b.leave();
		a = join(ctx, t, SubscriptionType.Shared, arrivals, "a2");
		arrivals.awaitMore("a2", 50);
		c.leave();
		arrivals.awaitMore("a2", 50);
		arrivals.complete(flow.finish());
		a.leave();
		Ctx.equal(arrivals.doubles(), 0, "messages that came twice");
	}

	private static void keyShared(Ctx ctx) throws Exception {
		int nKeys = 30;
		String t = ctx.topic();
		Arrivals arrivals = new Arrivals();
		Taker a = join(ctx, t, SubscriptionType.Key_Shared, arrivals, "a");
		Flow flow = new Flow(ctx.producer(t).create(), 500, nKeys);
		arrivals.awaitMore("a", 100);
		Taker b = join(ctx, t, SubscriptionType.Key_Shared, arrivals, "b");
		Taker c = join(ctx, t, SubscriptionType.Key_Shared, arrivals, "c");
		for (String who : List.of("a", "b", "c")) {
			arrivals.awaitMore(who, 50);
		}
		// settled: each key has one owner
		int mark = arrivals.all().size();
		arrivals.more(10 * nKeys);
		Map<String, Set<String>> owners = new HashMap<>();
		List<Arrivals.One> all = arrivals.all();
		for (Arrivals.One o : all.subList(mark, all.size())) {
			owners.computeIfAbsent(o.key, k -> new HashSet<>()).add(o.who);
		}
		Ctx.equal(owners.size(), nKeys, "keys seen");
		Ctx.check(owners.values().stream().allMatch(s -> s.size() == 1), "one owner per key: " + owners);
		Ctx.equal(owners.values().stream().flatMap(Set::stream).distinct().count(), 3L, "owners");
		b.leave();
		arrivals.awaitMore("a", 50);
		arrivals.awaitMore("c", 50);
		b = join(ctx, t, SubscriptionType.Key_Shared, arrivals, "b2");
		arrivals.awaitMore("b2", 50);
		a.leave();
		arrivals.awaitMore("c", 50);
		c.leave();
		arrivals.complete(flow.finish());
		b.leave();
		Ctx.equal(arrivals.doubles(), 0, "messages that came twice");
		Map<String, Integer> last = new HashMap<>();
		for (Arrivals.One o : arrivals.all()) {
			Ctx.equal(o.key, "k" + o.number % nKeys, "the message's key");
			Integer before = last.put(o.key, o.number);
			Ctx.check(before == null || before < o.number, "order of " + o.key);
		}
		sticky(ctx);
	}

	/** Consumers that name their ranges of hashes. */
	private static void sticky(Ctx ctx) throws Exception {
		String t = ctx.topic("sticky");
		Consumer<byte[]> low = ctx.consumer(SubscriptionType.Key_Shared, t).consumerName("low")
				.keySharedPolicy(KeySharedPolicy.stickyHashRange().ranges(Range.of(0, 32767))).subscribe();
		Ctx.fails(PulsarClientException.class, "ranges that overlap",
				() -> ctx.consumer(ctx.newClient(5), t).subscriptionType(SubscriptionType.Key_Shared)
						.keySharedPolicy(KeySharedPolicy.stickyHashRange().ranges(Range.of(30000, 40000)))
						.subscribe());
		Consumer<byte[]> high = ctx.consumer(SubscriptionType.Key_Shared, t).consumerName("high")
				.keySharedPolicy(KeySharedPolicy.stickyHashRange().ranges(Range.of(32768, 65535))).subscribe();
		Ctx.sendN(ctx.producer(t).create(), 0, 200, i -> "k" + i % 20);
		Set<String> lowKeys = new HashSet<>();
		Set<String> highKeys = new HashSet<>();
		long end = System.nanoTime() + 15_000_000_000L;
		for (int i = 0; i < 200;) {
			for (Consumer<byte[]> c : List.of(low, high)) {
				for (Message<byte[]> m; (m = c.receive(10, TimeUnit.MILLISECONDS)) != null; i++) {
					(c == low ? lowKeys : highKeys).add(m.getKey());
					c.acknowledge(m);
				}
			}
			Ctx.check(System.nanoTime() < end, "both wait, " + i + " of 200 came");
		}
		Ctx.equal(lowKeys.size() + highKeys.size(), 20, "owners of the 20 keys");
		Ctx.check(!lowKeys.isEmpty() && !highKeys.isEmpty(), "both got some");
	}
}
