// SPDX-License-Identifier: Apache-2.0
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;

import org.apache.rocketmq.client.QueryResult;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** Sending, pulling, queries. */
final class Basic {
	private Basic() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("connect", Basic::connect);
		all.put("send", Basic::send);
		all.put("async", Basic::async);
		all.put("oneway", Basic::oneway);
		all.put("batch", Basic::batch);
		all.put("pull", Basic::pull);
		all.put("query", Basic::query);
		all.put("compress-zlib", Basic::compressed);
		all.put("binary-header", c -> {
			for (String s : Ctx.list("send", "batch", "push")) {
				c.inOwnJvm(s, "-Drocketmq.serialize.type=ROCKETMQ");
			}
		});
		all.put("tls", c -> {
			for (String s : Ctx.list("send", "push", "pull")) {
				c.inOwnJvm(s, "-Dtls.enable=true");
			}
		});
	}

	private static void connect(Ctx c) throws Exception {
		String t = c.topic("t");
		SendResult r = c.send(Ctx.msg(t, "makes its topic"));
		Ctx.equal(r.getQueueOffset(), 0L, "first offset");
		Ctx.equal(c.producer().fetchPublishMessageQueues(t).size(), 4, "queues");
		Ctx.equal(Ctx.texts(c.read(t, 1)), Ctx.list("makes its topic"), "read");
		Ctx.fails(MQClientException.class, "a name with a blank", () -> c.producer().send(Ctx.msg("a b", "x")));
	}

	private static void send(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 3);
		List<MessageQueue> queues = new ArrayList<>(new TreeSet<>(c.producer().fetchPublishMessageQueues(t)));
		byte[] big = new byte[1 << 20];
		Arrays.fill(big, (byte) 'x');
		Map<String, SendResult> sent = new HashMap<>();
		long start = System.currentTimeMillis();
		for (int i = 0; i < 30; i++) {
			Message m = Ctx.msg(t, "tag" + i % 2, "m" + i);
			m.setKeys("key" + i);
			m.setFlag(i);
			m.putUserProperty("a", "\u00e4 " + i);
			sent.put("m" + i, c.producer().send(m, queues.get(i % 3)));
		}
		Message b = new Message(t, big);
		c.producer().send(b, queues.get(0));
		List<MessageExt> got = c.read(t, 31);
		Ctx.equal(got.size(), 31, "count");
		int[] next = new int[3];
		for (MessageExt m : got) {
			Ctx.equal(m.getTopic(), t, "topic");
			Ctx.equal(m.getQueueOffset(), (long) next[m.getQueueId()]++, "offset");
			if (m.getBody().length == big.length) {
				Ctx.check(Arrays.equals(m.getBody(), big), "the big body");
				continue;
			}
			int i = Integer.parseInt(Ctx.text(m).substring(1));
			SendResult r = sent.get(Ctx.text(m));
			Ctx.equal(m.getQueueId(), i % 3, "queue");
			Ctx.equal(m.getQueueOffset(), r.getQueueOffset(), "offset told");
			Ctx.equal(m.getTags(), "tag" + i % 2, "tags");
			Ctx.equal(m.getKeys(), "key" + i, "keys");
			Ctx.equal(m.getFlag(), i, "flag");
			Ctx.equal(m.getUserProperty("a"), "\u00e4 " + i, "property");
			Ctx.equal(m.getMsgId(), r.getMsgId(), "unique key");
			Ctx.check(m.getBornTimestamp() >= start - 1000 && m.getStoreTimestamp() >= start - 1000, "times");
			Ctx.check(m.getBornHostString() != null && m.getStoreHost() != null, "hosts");
		}
		for (String bad : Ctx.list("SCHEDULE_TOPIC_XXXX", "RMQ_SYS_TRANS_HALF_TOPIC")) {
			Ctx.fails(Exception.class, bad, () -> c.producer().send(Ctx.msg(bad, "x")));
		}
		DefaultMQProducer large = c.newProducer("large");
		large.setMaxMessageSize(8 << 20);
		large.setCompressMsgBodyOverHowmuch(16 << 20);
		large.setRetryTimesWhenSendFailed(0);
		c.start(large);
		MQBrokerException e = Ctx.fails(MQBrokerException.class, "more than 4 MiB",
				() -> large.send(new Message(t, new byte[(4 << 20) + 1])));
		Ctx.equal(e.getResponseCode(), 13, "code of too much");
	}

	private static void async(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		int n = 200;
		CountDownLatch left = new CountDownLatch(n);
		Set<String> ids = Collections.synchronizedSet(new HashSet<>());
		List<Throwable> bad = Collections.synchronizedList(new ArrayList<>());
		for (int i = 0; i < n; i++) {
			c.producer().send(Ctx.msg(t, "m" + i), new SendCallback() {
				@Override
				public void onSuccess(SendResult r) {
					ids.add(r.getOffsetMsgId());
					left.countDown();
				}

				@Override
				public void onException(Throwable e) {
					bad.add(e);
					left.countDown();
				}
			});
		}
		Ctx.check(left.await(20, TimeUnit.SECONDS), left.getCount() + " without an answer");
		Ctx.equal(bad, Collections.emptyList(), "failures");
		Ctx.equal(ids.size(), n, "different ids");
		Ctx.equal(new HashSet<>(Ctx.texts(c.read(t, n))).size(), n, "read");
	}

	private static void oneway(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		for (int i = 0; i < 50; i++) {
			c.producer().sendOneway(Ctx.msg(t, "m" + i));
		}
		Ctx.equal(new HashSet<>(Ctx.texts(c.read(t, 50))).size(), 50, "read");
	}

	private static void batch(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		List<String> want = new ArrayList<>();
		for (int b = 0; b < 10; b++) {
			List<Message> msgs = new ArrayList<>();
			for (String s : Ctx.names("b" + b, 16)) {
				Message m = Ctx.msg(t, "x", s);
				m.putUserProperty("in", s);
				msgs.add(m);
				want.add(s);
			}
			SendResult r = c.producer().send(msgs);
			Ctx.equal(r.getMsgId().split(",").length, 16, "ids of a batch");
			Ctx.equal(r.getOffsetMsgId().split(",").length, 16, "offset ids of a batch");
		}
		List<MessageExt> got = c.read(t, 160);
		List<String> texts = new ArrayList<>(Ctx.texts(got));
		Collections.sort(texts);
		Ctx.equal(texts, want, "read");
		for (int i = 1; i < got.size(); i++) {
			MessageExt a = got.get(i - 1);
			MessageExt m = got.get(i);
			Ctx.equal(m.getUserProperty("in"), Ctx.text(m), "property");
			if (a.getQueueId() == m.getQueueId()) {
				Ctx.equal(m.getQueueOffset(), a.getQueueOffset() + 1, "offset");
			}
		}
	}

	private static void pull(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 2);
		List<MessageQueue> qs = new ArrayList<>(new TreeSet<>(c.producer().fetchPublishMessageQueues(t)));
		MessageQueue q = qs.get(0);
		DefaultMQPullConsumer p = c.setUp(new DefaultMQPullConsumer(c.group("pull")));
		p.start();
		c.atEnd(p::shutdown);
		Ctx.equal(new TreeSet<>(p.fetchSubscribeMessageQueues(t)), new TreeSet<>(qs), "queues");
		Ctx.equal(p.pull(q, "*", 0, 32).getPullStatus(), PullStatus.NO_NEW_MSG, "of an empty queue");
		for (String s : Ctx.names("m", 50)) {
			c.producer().send(Ctx.msg(t, s.endsWith("7") ? "seven" : "other", s), q);
		}
		Ctx.await("the index", 5000, () -> p.maxOffset(q) == 50);
		Ctx.equal(p.minOffset(q), 0L, "min");
		PullResult r = p.pull(q, "*", 10, 20);
		Ctx.equal(r.getPullStatus(), PullStatus.FOUND, "status");
		Ctx.equal(Ctx.texts(r.getMsgFoundList()), Ctx.names("m", 50).subList(10, 30), "bodies");
		Ctx.equal(r.getNextBeginOffset(), 30L, "next");
		Ctx.equal(r.getMaxOffset(), 50L, "max");
		Ctx.equal(p.pull(q, "*", 50, 32).getPullStatus(), PullStatus.NO_NEW_MSG, "at the end");
		r = p.pull(q, "*", 99, 32);
		Ctx.equal(r.getPullStatus(), PullStatus.OFFSET_ILLEGAL, "behind the end");
		Ctx.equal(r.getNextBeginOffset(), 50L, "next of it");
		r = p.pull(q, "seven", 0, 32);
		Ctx.equal(Ctx.texts(r.getMsgFoundList()), Ctx.list("m-0007", "m-0017", "m-0027", "m-0037", "m-0047"), "tag");
		Ctx.equal(p.pull(q, "none", 0, 32).getPullStatus(), PullStatus.NO_MATCHED_MSG, "no such tag");
		// a long poll
		Thread later = new Thread(() -> {
			try {
				Thread.sleep(500);
				c.producer().send(Ctx.msg(t, "wakes"), q);
			} catch (Exception e) {
				e.printStackTrace();
			}
		});
		later.start();
		long start = System.currentTimeMillis();
		r = p.pullBlockIfNotFound(q, "*", 50, 32);
		Ctx.equal(Ctx.texts(r.getMsgFoundList()), Ctx.list("wakes"), "long poll");
		Ctx.check(System.currentTimeMillis() - start < 4000, "a long poll was not woken");
		later.join();
		p.updateConsumeOffset(q, 33);
		p.getDefaultMQPullConsumerImpl().getOffsetStore().persistAll(new HashSet<>(Collections.singleton(q)));
		Ctx.await("the stored offset", 5000, () -> p.fetchConsumeOffset(q, true) == 33);
		MessageExt first = p.pull(q, "*", 0, 1).getMsgFoundList().get(0);
		Ctx.equal(p.searchOffset(q, first.getStoreTimestamp()), 0L, "search");
		Ctx.equal(p.searchOffset(q, System.currentTimeMillis() + 100000), 51L, "search in the future");
		Ctx.equal(p.earliestMsgStoreTime(q), first.getStoreTimestamp(), "earliest");
	}

	private static void query(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 2);
		long begin = System.currentTimeMillis() - 60000;
		List<SendResult> sent = new ArrayList<>();
		for (int i = 0; i < 10; i++) {
			Message m = Ctx.msg(t, "m" + i);
			m.setKeys(Arrays.asList("all", "k" + i));
			sent.add(c.send(m));
		}
		SendResult r = sent.get(4);
		MessageExt m = c.producer().viewMessage(t, r.getOffsetMsgId());
		Ctx.equal(Ctx.text(m), "m4", "by offset id");
		Ctx.await("the index of unique keys", 10000, () -> {
			try {
				return "m4".equals(Ctx.text(c.producer().viewMessage(t, r.getMsgId())));
			} catch (MQClientException | NullPointerException e) {
				return false;   // not there yet, which 4.2.0 says by falling over it
			}
		});
		Ctx.await("the index of keys", 10000, () -> {
			try {
				return byKey(c, t, "all", begin).size() == 10;
			} catch (MQClientException e) {
				return false;
			}
		});
		Ctx.equal(Ctx.texts(byKey(c, t, "k7", begin)), Ctx.list("m7"), "by key");
		Ctx.fails(MQClientException.class, "no such key", () -> byKey(c, t, "none", begin));
	}

	private static List<MessageExt> byKey(Ctx c, String t, String key, long begin) throws Exception {
		QueryResult q = c.producer().queryMessage(t, key, 32, begin, System.currentTimeMillis() + 60000);
		return q.getMessageList();
	}

	/** Larger than 4 KiB are compressed by the client; how, is a system property of 5.x. */
	private static void compressed(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 1);
		String kind = System.getProperty("rocketmq.message.compressType", "");
		StringBuilder s = new StringBuilder();
		for (int i = 0; i < 3000; i++) {
			s.append("line ").append(i).append('\n');
		}
		String big = s.toString();
		c.send(Ctx.msg(t, big));
		c.send(Ctx.msg(t, "small"));
		List<MessageExt> got = c.read(t, 2);
		Ctx.equal(Ctx.texts(got), Ctx.list(big, "small"), "bodies");
		// as it is stored: newer clients take the mark off when they inflate, unless they are told not to
		DefaultMQPullConsumer p = c.setUp(new DefaultMQPullConsumer(c.group("raw")));
		try {
			p.getClass().getMethod("setDecodeDecompressBody", boolean.class).invoke(p, false);
		} catch (NoSuchMethodException e) {
			// an older one, which leaves it
		}
		p.start();
		c.atEnd(p::shutdown);
		MessageExt raw = p.pull(p.fetchSubscribeMessageQueues(t).iterator().next(), "*", 0, 1).getMsgFoundList().get(0);
		Ctx.check((raw.getSysFlag() & 1) != 0, "not marked as compressed");
		int type = raw.getSysFlag() >> 8 & 7;
		Ctx.check(kind.equals("LZ4") ? type == 1 : kind.equals("ZSTD") ? type == 2 : type == 0 || type == 3,
				"compressed by " + type + ", not " + kind);
		Ctx.check(raw.getStoreSize() < big.getBytes(StandardCharsets.UTF_8).length / 2, "not compressed");
		Ctx.Taken taken = c.take(c.group("g"), t, "*");
		Ctx.exactly(taken, Ctx.list(big, "small"), 15000);
	}
}
