// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.impl.factory.MQClientInstance;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.common.message.MessageRequestMode;

/** What clients have since 5.x. */
final class Five {
	private Five() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("timer", Five::timer);
		all.put("compress-lz4", c -> c.inOwnJvm("compress-zlib", "-Drocketmq.message.compressType=LZ4"));
		all.put("compress-zstd", c -> c.inOwnJvm("compress-zlib", "-Drocketmq.message.compressType=ZSTD"));
		all.put("pop", Five::pop);
		all.put("pop-retry", Five::popRetry);
		all.put("lmq", Five::lmq);
		all.put("inner-batch", Five::innerBatch);
	}

	private static void timer(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		Ctx.Taken taken = c.take(c.group("g"), t, "*");
		Message s = Ctx.msg(t, "tag", "3000");
		s.setDelayTimeSec(3);
		Message d = Ctx.msg(t, "tag", "2000");
		d.setDelayTimeMs(2000);
		Message at = Ctx.msg(t, "tag", "1000");
		at.setDeliverTimeMs(System.currentTimeMillis() + 1000);
		Message past = Ctx.msg(t, "tag", "0");
		past.setDeliverTimeMs(System.currentTimeMillis() - 10000);
		long start = System.currentTimeMillis();
		for (Message m : new Message[] {s, d, at, past}) {
			c.send(m);
		}
		Ctx.exactly(taken, Ctx.list("0", "1000", "2000", "3000"), 30000);
		for (MessageExt m : taken.list()) {
			long late = m.getStoreTimestamp() - start - Long.parseLong(Ctx.text(m));
			// the reference counts in seconds
			Ctx.check(late > -1000 && late < 4000, Ctx.text(m) + " was late by " + late + " ms");
		}
	}

	/** The broker hands out; nobody owns a queue. */
	private static DefaultMQPushConsumer popper(Ctx c, String group, String topic) throws Exception {
		DefaultMQPushConsumer p = c.newConsumer(group, topic, "*");
		p.setClientRebalance(false);
		p.setPopInvisibleTime(10000);
		return p;
	}

	private static void mode(Ctx c, String group, String topic) throws Exception {
		MQClientInstance i = c.producer().getDefaultMQProducerImpl().getMqClientFactory();
		i.updateTopicRouteInfoFromNameServer(topic);
		String broker = c.producer().fetchPublishMessageQueues(topic).get(0).getBrokerName();
		i.getMQClientAPIImpl().setMessageRequestMode(i.findBrokerAddressInPublish(broker), topic, group,
				MessageRequestMode.POP, 8, 5000);
	}

	private static void pop(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 8);
		List<String> a = Ctx.names("a", 200);
		c.sendAll(t, a);
		mode(c, c.group("g"), t);
		Ctx.Taken one = c.take(popper(c, c.group("g"), t));
		Ctx.Taken two = c.take(popper(c, c.group("g"), t));
		List<String> b = Ctx.names("b", 200);
		c.sendAll(t, b);
		List<String> want = new ArrayList<>(a);
		want.addAll(b);
		try {
			Ctx.await("all messages", 30000, () -> one.size() + two.size() >= want.size());
		} catch (AssertionError e) {
			throw new AssertionError(one.size() + " and " + two.size() + " of " + want.size() + " came");
		}
		Thread.sleep(Ctx.QUIET_MS);
		List<String> all = new ArrayList<>(one.sorted());
		all.addAll(two.sorted());
		Collections.sort(all);
		Ctx.equal(all, want, "what came");
		Ctx.check(one.consumer.getDefaultMQPushConsumerImpl().getRebalanceImpl().getPopProcessQueueTable().size() > 0,
				"was not popped");
	}

	private static void popRetry(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 2);
		mode(c, c.group("g"), t);
		List<Integer> counts = Collections.synchronizedList(new ArrayList<>());
		List<String> good = Collections.synchronizedList(new ArrayList<>());
		DefaultMQPushConsumer p = popper(c, c.group("g"), t);
		p.registerMessageListener((MessageListenerConcurrently) (msgs, context) -> {
			for (MessageExt m : msgs) {
				if (!Ctx.text(m).equals("bad")) {
					good.add(Ctx.text(m));
					continue;
				}
				counts.add(m.getReconsumeTimes());
				context.setDelayLevelWhenNextConsume(1);
				return m.getReconsumeTimes() == 0 ? ConsumeConcurrentlyStatus.RECONSUME_LATER
						: ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
			}
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start(p);
		c.send(Ctx.msg(t, "bad"));
		c.sendAll(t, Ctx.names("m", 10));
		Ctx.await("the second attempt", 60000, () -> counts.size() >= 2 && good.size() == 10);
		Ctx.equal(counts, java.util.Arrays.asList(0, 1), "attempts");
	}

	/** A topic that keeps batches together: whoever reads it gets single messages. */
	private static void innerBatch(Ctx c) throws Exception {
		String t = c.topic("t");
		// the producer's own createTopic() loses the attributes
		c.producer().getDefaultMQProducerImpl().getMqClientFactory().getMQAdminImpl().createTopic("TBW102", t, 2, 0,
				Collections.singletonMap("+queue.type", "BatchCQ"));
		Ctx.Taken taken = c.take(c.group("g"), t, "*");
		List<String> want = new ArrayList<>();
		for (int b = 0; b < 10; b++) {
			List<Message> msgs = new ArrayList<>();
			for (String s : Ctx.names("b" + b, 16)) {
				Message m = Ctx.msg(t, "x", s);
				m.putUserProperty("in", s);
				msgs.add(m);
			}
			SendResult r = c.producer().send(msgs);
			Ctx.equal(r.getOffsetMsgId().split(",").length, 1, "offset ids of a batch");
			Ctx.equal(r.getMsgId().split(",").length, 1, "ids of a batch");
			c.send(Ctx.msg(t, "x", "s" + b));
			want.addAll(Ctx.names("b" + b, 16));
			want.add("s" + b);
		}
		Ctx.exactly(taken, want, 30000);
		List<MessageExt> got = c.read(t, 170);
		List<String> texts = new ArrayList<>(Ctx.texts(got));
		Collections.sort(texts);
		Collections.sort(want);
		Ctx.equal(texts, want, "read");
		for (int i = 1; i < got.size(); i++) {
			MessageExt a = got.get(i - 1);
			MessageExt m = got.get(i);
			if (m.getUserProperty("in") != null) {
				Ctx.equal(m.getUserProperty("in"), Ctx.text(m), "property");
			}
			if (a.getQueueId() == m.getQueueId()) {
				Ctx.equal(m.getQueueOffset(), a.getQueueOffset() + 1, "offset");
			}
		}
	}

	/** One message in the queues of three names. */
	private static void lmq(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 2);
		String a = "%LMQ%" + c.topic("a");
		String b = "%LMQ%" + c.topic("b");
		for (int i = 0; i < 10; i++) {
			Message m = Ctx.msg(t, String.format("m-%04d", i));
			m.putUserProperty("x", "1");
			m.getProperties().put("INNER_MULTI_DISPATCH", i % 2 == 0 ? a + "," + b : b);
			c.send(m);
		}
		String broker = c.producer().fetchPublishMessageQueues(t).get(0).getBrokerName();
		Map<String, List<String>> want = new HashMap<>();
		want.put(a, Ctx.list("m-0000", "m-0002", "m-0004", "m-0006", "m-0008"));
		want.put(b, Ctx.names("m", 10));
		for (Map.Entry<String, List<String>> e : want.entrySet()) {
			MessageQueue q = new MessageQueue(e.getKey(), broker, 0);
			c.puller().fetchSubscribeMessageQueues(t);
			Ctx.await("the light queue " + q, 10000, () -> {
				// nothing has a route to it: clients ask the broker by its address
				c.puller().getDefaultMQPullConsumerImpl().getRebalanceImpl().getmQClientFactory()
						.updateTopicRouteInfoFromNameServer(t);
				return c.puller().maxOffset(q) == e.getValue().size();
			});
			Ctx.equal(Ctx.texts(c.puller().pull(q, "*", 0, 32).getMsgFoundList()), e.getValue(), q.getTopic());
		}
	}
}
