// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;

import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.exception.RequestTimeoutException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** What clients have since 4.9 (or a little earlier). */
final class Later {
	private Later() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("lite-pull", Later::litePull);
		all.put("transactions", Later::transactions);
		all.put("request-reply", Later::requestReply);
		all.put("trace", Later::trace);
		all.put("namespace", Later::namespace);
	}

	private static DefaultLitePullConsumer lite(Ctx c, String group) {
		DefaultLitePullConsumer l = c.setUp(new DefaultLitePullConsumer(group));
		l.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		l.setAutoCommit(false);
		c.atEnd(l::shutdown);
		return l;
	}

	private static List<MessageExt> poll(DefaultLitePullConsumer l, int n) throws Exception {
		List<MessageExt> got = new ArrayList<>();
		Ctx.await(n + " messages", 20000, () -> {
			got.addAll(l.poll(200));
			return got.size() >= n;
		});
		return got;
	}

	private static void litePull(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		List<String> names = Ctx.names("m", 80);
		c.sendAll(t, names);
		DefaultLitePullConsumer sub = lite(c, c.group("g"));
		sub.subscribe(t, "*");
		sub.start();
		Ctx.equal(new ArrayList<>(new TreeSet<>(Ctx.texts(poll(sub, 80)))), names, "subscribed");
		sub.commitSync();
		List<MessageQueue> queues = new ArrayList<>(new TreeSet<>(sub.fetchMessageQueues(t)));
		Ctx.await("the commit", 10000, () -> {
			long sum = 0;
			for (MessageQueue q : queues) {
				sum += sub.committed(q);
			}
			return sum == 80;
		});
		DefaultLitePullConsumer own = lite(c, c.group("own"));
		own.start();
		MessageQueue q = queues.get(1);
		own.assign(Collections.singletonList(q));
		List<String> in = Ctx.texts(poll(own, 20));
		Ctx.equal(in.size(), 20, "of one queue");
		own.seek(q, 15);
		Ctx.equal(Ctx.texts(poll(own, 5)), in.subList(15, 20), "after a seek");
		own.seekToBegin(q);
		Ctx.equal(Ctx.texts(poll(own, 20)), in, "from the beginning");
		own.seekToEnd(q);
		// a seek to the end is an offset of this moment: it has to be known before something is sent
		Ctx.equal(own.poll(500).size(), 0, "at the end");
		c.producer().send(Ctx.msg(t, "last"), q);
		Ctx.equal(Ctx.texts(poll(own, 1)), Ctx.list("last"), "after the end");
	}

	private static void transactions(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		Map<String, AtomicInteger> asked = new ConcurrentHashMap<>();
		TransactionMQProducer p = c.setUp(new TransactionMQProducer(c.group("p")));
		p.setTransactionListener(new TransactionListener() {
			@Override
			public LocalTransactionState executeLocalTransaction(Message m, Object arg) {
				return (LocalTransactionState) arg;
			}

			@Override
			public LocalTransactionState checkLocalTransaction(MessageExt m) {
				String s = Ctx.text(m);
				int n = asked.computeIfAbsent(s, k -> new AtomicInteger()).incrementAndGet();
				if (!m.getTopic().equals(t) || !"tag".equals(m.getTags())) {
					asked.computeIfAbsent("wrong " + m, k -> new AtomicInteger());
				}
				if (s.equals("asked twice") && n == 1) {
					return LocalTransactionState.UNKNOW;
				}
				// the reference may ask for what it was told, while its note of that isn't written yet
				return s.endsWith("rolled back") ? LocalTransactionState.ROLLBACK_MESSAGE
						: LocalTransactionState.COMMIT_MESSAGE;
			}
		});
		c.start(p);
		Ctx.Taken taken = c.take(c.group("g"), t, "*");
		for (int i = 0; i < 5; i++) {
			p.sendMessageInTransaction(Ctx.msg(t, "tag", "committed " + i), LocalTransactionState.COMMIT_MESSAGE);
			p.sendMessageInTransaction(Ctx.msg(t, "tag", "rolled back"), LocalTransactionState.ROLLBACK_MESSAGE);
		}
		for (String s : Ctx.list("asked", "asked, rolled back", "asked twice")) {
			p.sendMessageInTransaction(Ctx.msg(t, "tag", s), LocalTransactionState.UNKNOW);
		}
		List<String> want = new ArrayList<>(Ctx.map(5, i -> "committed " + i));
		Ctx.exactly(taken, want, 10000);
		want.addAll(Ctx.list("asked", "asked twice"));
		Ctx.await("the questions", 80000, () -> asked.containsKey("asked, rolled back"));
		Ctx.exactly(taken, want, 80000);
		Ctx.check(asked.keySet().containsAll(Ctx.list("asked", "asked twice", "asked, rolled back")), "asked for " + asked);
		Ctx.check(asked.keySet().stream().noneMatch(s -> s.startsWith("wrong")), "asked for " + asked);
	}

	private static void requestReply(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		DefaultMQPushConsumer p = c.newConsumer(c.group("g"), t, "*");
		DefaultMQProducer replier = c.start(c.newProducer("replier"));
		p.registerMessageListener((MessageListenerConcurrently) (msgs, context) -> {
			for (MessageExt m : msgs) {
				if (Ctx.text(m).startsWith("silent")) {
					continue;
				}
				try {
					Message r = MessageUtil.createReplyMessage(m, ("re: " + Ctx.text(m)).getBytes());
					replier.send(r, 3000);
				} catch (Exception e) {
					e.printStackTrace();
				}
			}
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start(p);
		for (int i = 0; i < 10; i++) {
			String q = "question " + i;
			// an answer that overtakes the receipt of its question is lost by the library
			Ctx.await("answer to " + q, 20000, () -> {
				try {
					Ctx.equal(Ctx.text(c.producer().request(Ctx.msg(t, q), 5000)), "re: " + q, "answer");
					return true;
				} catch (RequestTimeoutException e) {
					e.printStackTrace();
					return false;
				}
			});
		}
		Ctx.fails(RequestTimeoutException.class, "no answer",
				() -> c.producer().request(Ctx.msg(t, "silent"), 1000));
	}

	private static void trace(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		DefaultMQProducer p = c.setUp(new DefaultMQProducer(c.group("traced"), null, true, null));
		c.start(p);
		long begin = System.currentTimeMillis() - 60000;
		Message m = Ctx.msg(t, "traced");
		m.setKeys(c.unique + "-key");
		SendResult r = p.send(m);
		DefaultMQPushConsumer q = c.setUp(new DefaultMQPushConsumer(c.group("g"), null,
				new org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely(), true, null));
		q.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		q.subscribe(t, "*");
		Ctx.exactly(c.take(q), Ctx.list("traced"), 15000);
		for (String key : Ctx.list(r.getMsgId(), c.unique + "-key")) {
			Ctx.await("traces of " + key, 20000, () -> {
				try {
					List<String> got = Ctx.texts(c.producer().queryMessage("RMQ_SYS_TRACE_TOPIC", key, 32, begin,
							System.currentTimeMillis() + 60000).getMessageList());
					String all = String.join("", got);
					return all.contains("Pub\u0001") && all.contains("SubBefore\u0001") && all.contains("SubAfter\u0001")
							&& all.contains(r.getMsgId());
				} catch (MQClientException e) {
					return false;
				}
			});
		}
	}

	@SuppressWarnings("deprecation")
	private static void namespace(Ctx c) throws Exception {
		String t = c.topic("t");
		String ns = "ns-" + Integer.toHexString(c.unique.hashCode());
		c.create(ns + "%" + t, 4);
		c.create(t, 4);
		DefaultMQProducer p = c.newProducer("in");
		p.setNamespace(ns);
		c.start(p);
		DefaultMQPushConsumer in = c.newConsumer(c.group("g"), null, null);
		in.setNamespace(ns);
		in.subscribe(t, "*");
		in.setMaxReconsumeTimes(3);
		List<String> seen = Collections.synchronizedList(new ArrayList<>());
		in.registerMessageListener((MessageListenerConcurrently) (msgs, context) -> {
			MessageExt m = msgs.get(0);
			seen.add(m.getTopic() + " " + Ctx.text(m) + " " + m.getReconsumeTimes());
			context.setDelayLevelWhenNextConsume(1);
			return Ctx.text(m).equals("again") && m.getReconsumeTimes() == 0
					? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start(in);
		Ctx.Taken out = c.take(c.group("g"), t, "*");
		p.send(Ctx.msg(t, "inside"));
		p.send(Ctx.msg(t, "again"));
		c.send(Ctx.msg(t, "outside"));
		Ctx.exactly(out, Ctx.list("outside"), 15000);
		Ctx.await("three inside", 30000, () -> seen.size() >= 3);
		Ctx.equal(new TreeSet<>(seen), new TreeSet<>(Arrays.asList(t + " inside 0", t + " again 0", t + " again 1")),
				"seen inside");
		Ctx.equal(new TreeSet<>(Ctx.texts(c.read(ns + "%" + t, 2))), new TreeSet<>(Ctx.list("again", "inside")),
				"by its whole name");
	}
}
