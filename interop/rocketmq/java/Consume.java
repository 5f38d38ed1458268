// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.common.UtilAll;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** Push consumers. */
final class Consume {
	private Consume() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("push", Consume::push);
		all.put("broadcast", Consume::broadcast);
		all.put("rebalance", Consume::rebalance);
		all.put("orderly", Consume::orderly);
		all.put("tags", Consume::tags);
		all.put("sql92", Consume::sql92);
		all.put("from-first", c -> from(c, ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET));
		all.put("from-last", c -> from(c, ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET));
		all.put("from-time", Consume::fromTime);
	}

	private static void push(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 8);
		List<String> a = Ctx.names("a", 300);
		c.sendAll(t, a);
		Ctx.Taken taken = c.take(c.group("g"), t, "*");
		Ctx.exactly(taken, a, 20000);
		List<String> b = Ctx.names("b", 300);
		c.sendAll(t, b);                // while it waits
		List<String> both = new ArrayList<>(a);
		both.addAll(b);
		Ctx.exactly(taken, both, 20000);
		Set<Integer> queues = taken.list().stream().map(MessageExt::getQueueId).collect(Collectors.toSet());
		Ctx.equal(queues.size(), 8, "queues that were used");
		taken.consumer.shutdown();      // stores its offsets
		List<String> d = Ctx.names("d", 20);
		c.sendAll(t, d);
		Ctx.exactly(c.take(c.group("g"), t, "*"), d, 20000);
		Ctx.exactly(c.take(c.group("other"), t, "*"), concat(both, d), 20000);
	}

	private static List<String> concat(List<String> a, List<String> b) {
		List<String> out = new ArrayList<>(a);
		out.addAll(b);
		return out;
	}

	private static void broadcast(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		List<Ctx.Taken> two = new ArrayList<>();
		for (int i = 0; i < 2; i++) {
			DefaultMQPushConsumer p = c.newConsumer(c.group("g"), t, "*");
			Ctx.setEnum(p, "setMessageModel", "BROADCASTING");
			two.add(c.take(p));
		}
		List<String> names = Ctx.names("m", 100);
		c.sendAll(t, names);
		for (Ctx.Taken x : two) {
			Ctx.exactly(x, names, 20000);
		}
	}

	private static void rebalance(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 8);
		Ctx.Taken one = c.take(c.group("g"), t, "*");
		// it takes them one by one, and would pass through 4 of 8 on its way
		Ctx.await("8 queues for the first", 20000, () -> owned(one) == 8);
		Ctx.Taken two = c.take(c.group("g"), t, "*");
		Ctx.await("4 queues for each", 20000, () -> owned(one) == 4 && owned(two) == 4);
		List<String> names = Ctx.names("m", 160);
		c.sendAll(t, names);
		Ctx.await("all messages", 15000, () -> one.size() + two.size() >= 160);
		Thread.sleep(Ctx.QUIET_MS);
		Ctx.equal(one.size(), 80, "what the first got");
		Ctx.equal(two.size(), 80, "what the second got");
		one.consumer.shutdown();
		Ctx.await("takeover", 20000, () -> owned(two) == 8);
		List<String> more = Ctx.names("n", 80);
		c.sendAll(t, more);
		Ctx.await("all messages at the one that is left", 15000, () -> two.size() >= 160);
		Thread.sleep(Ctx.QUIET_MS);
		List<String> all = new ArrayList<>(one.sorted());
		all.addAll(two.sorted());
		Collections.sort(all);
		Ctx.equal(all, concat(names, more), "what came");
	}

	private static int owned(Ctx.Taken x) {
		return (int) x.consumer.getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().keySet().stream()
				.filter(q -> !q.getTopic().startsWith("%RETRY%")).count();
	}

	private static void orderly(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		Map<Integer, List<String>> seen = new HashMap<>();
		AtomicInteger again = new AtomicInteger();
		AtomicInteger n = new AtomicInteger();
		for (int i = 0; i < 2; i++) {
			DefaultMQPushConsumer p = c.newConsumer(c.group("g"), t, "*");
			p.registerMessageListener((MessageListenerOrderly) (msgs, context) -> {
				synchronized (seen) {
					for (MessageExt m : msgs) {
						if (Ctx.text(m).endsWith("-0003") && m.getReconsumeTimes() == 0) {
							again.incrementAndGet();
							context.setSuspendCurrentQueueTimeMillis(200);
							return ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT;
						}
						// when its queue goes to the other one, what was not yet committed comes again
						List<String> q = seen.computeIfAbsent(m.getQueueId(), k -> new ArrayList<>());
						if (!q.contains(Ctx.text(m))) {
							q.add(Ctx.text(m));
							n.incrementAndGet();
						}
					}
				}
				return ConsumeOrderlyStatus.SUCCESS;
			});
			c.start(p);
		}
		int each = 50;
		for (int i = 0; i < each; i++) {
			for (int q = 0; q < 4; q++) {
				c.producer().send(Ctx.msg(t, String.format("q%d-%04d", q, i)), (queues, m, arg) -> {
					return new ArrayList<>(new TreeSet<>(queues)).get((Integer) arg);
				}, q);
			}
		}
		try {
			Ctx.await("all messages", 40000, () -> n.get() >= 4 * each);
		} catch (AssertionError e) {
			throw new AssertionError(n + " of " + 4 * each + " came");
		}
		Thread.sleep(Ctx.QUIET_MS);
		synchronized (seen) {
			for (int q = 0; q < 4; q++) {
				Ctx.equal(seen.get(q), Ctx.names("q" + q, each), "queue " + q);
			}
		}
		Ctx.check(again.get() >= 4, "suspended " + again);
	}

	private static void tags(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		for (int i = 0; i < 90; i++) {
			c.send(Ctx.msg(t, new String[] {"a", "b", "c"}[i % 3], "abc".charAt(i % 3) + String.format("-%04d", i / 3)));
		}
		c.send(Ctx.msg(t, "Aa", "Aa"));         // same hash as BB
		Ctx.exactly(c.take(c.group("a"), t, "a"), Ctx.names("a", 30), 15000);
		Ctx.exactly(c.take(c.group("ac"), t, "a || c"), concat(Ctx.names("a", 30), Ctx.names("c", 30)), 15000);
		Ctx.Taken none = c.take(c.group("none"), t, "BB");
		Thread.sleep(Ctx.QUIET_MS);
		Ctx.equal(none.size(), 0, "of another tag");
		c.send(Ctx.msg(t, "BB", "BB"));
		Ctx.exactly(none, Ctx.list("BB"), 15000);
	}

	private static void sql92(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		for (int i = 0; i < 60; i++) {
			Message m = Ctx.msg(t, i % 2 == 0 ? "even" : "odd", String.format("m-%04d", i));
			m.putUserProperty("n", String.valueOf(i));
			m.putUserProperty("color", i % 3 == 0 ? "red" : "blue");
			c.send(m);
		}
		Map<String, List<String>> want = new HashMap<>();
		List<String> all = Ctx.names("m", 60);
		want.put("n BETWEEN 10 AND 19", all.subList(10, 20));
		want.put("color = 'red' AND n < 10 AND TAGS = 'odd'", Ctx.list("m-0003", "m-0009"));
		want.put("color IN ('red') AND NOT (n > 5)", Ctx.list("m-0000", "m-0003"));
		want.put("none IS NOT NULL", Collections.emptyList());
		int i = 0;
		for (Map.Entry<String, List<String>> e : want.entrySet()) {
			DefaultMQPushConsumer p = c.newConsumer(c.group("g" + i++), null, null);
			p.subscribe(t, MessageSelector.bySql(e.getKey()));
			Ctx.exactly(c.take(p), e.getValue(), 15000);
		}
		DefaultMQPushConsumer bad = c.newConsumer(c.group("bad"), null, null);
		bad.subscribe(t, MessageSelector.bySql("n >"));
		Ctx.fails(Exception.class, "a bad expression", () -> c.take(bad));
		bad.shutdown();
	}

	/** Of a young topic, the last offset is its first: nothing is missed by who comes late. */
	private static void from(Ctx c, ConsumeFromWhere where) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		List<String> names = Ctx.names("m", 40);
		c.sendAll(t, names);
		c.read(t, 40);
		DefaultMQPushConsumer p = c.newConsumer(c.group("g"), t, "*");
		p.setConsumeFromWhere(where);
		Ctx.exactly(c.take(p), names, 15000);
	}

	private static void fromTime(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		c.sendAll(t, Ctx.names("old", 20));
		Thread.sleep(2100);             // the client's clock has seconds
		long at = System.currentTimeMillis();
		List<String> names = Ctx.names("new", 20);
		c.sendAll(t, names);
		c.read(t, 40);
		Ctx.equal(c.queues(t).stream().mapToLong(q -> search(c, q, at)).sum(), 20L, "offsets found");
		DefaultMQPushConsumer p = c.newConsumer(c.group("g"), t, "*");
		p.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_TIMESTAMP);
		p.setConsumeTimestamp(UtilAll.timeMillisToHumanString3(at - at % 1000));
		Ctx.Taken taken = c.take(p);
		// a group that is new to a young topic starts at 0, whatever it asks for
		Ctx.await("the new ones", 15000, () -> taken.sorted().containsAll(names));
	}

	private static long search(Ctx c, MessageQueue q, long at) {
		try {
			return c.puller().searchOffset(q, at);
		} catch (Exception e) {
			throw new AssertionError(e);
		}
	}
}
