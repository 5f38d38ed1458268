// SPDX-License-Identifier: Apache-2.0
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;

import org.apache.pulsar.client.api.CompressionType;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.PulsarClient;
import org.apache.pulsar.client.api.SubscriptionInitialPosition;
import org.apache.pulsar.client.api.SubscriptionType;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;

/**
 * Clients of both protocols on one topic. RocketMQ's topic T is Pulsar's
 * persistent://public/default/T, its queues are the partitions. interop/run
 * starts this and tells it what to run.
 *
 * usage: Suite PULSAR-URL NAMESRV WORKDIR < commands
 */
public final class Suite {
	interface Scenario {
		void run(Suite s) throws Exception;
	}

	interface Test {
		boolean test() throws Exception;
	}

	private static final int QUIET_MS = 700;        // "nothing more comes" is believed after this
	private static final Map<String, Scenario> ALL = new TreeMap<>();

	static {
		ALL.put("rmq-to-pulsar", Suite::toPulsar);
		ALL.put("pulsar-to-rmq", Suite::toRocketmq);
		ALL.put("cross-both", Suite::both);
	}

	private final String url;
	private final String namesrv;
	private final String unique;
	private final List<AutoCloseable> ends = new ArrayList<>();
	private PulsarClient pulsar;
	private DefaultMQProducer producer;

	private Suite(String[] args, String unique) {
		this.url = args[0];
		this.namesrv = args[1];
		this.unique = unique.replace('.', '-');
	}

	public static void main(String[] args) throws IOException {
		PrintStream out = System.out;
		System.setOut(System.err);
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
		for (String line; (line = in.readLine()) != null;) {
			String[] w = line.split(" ");
			Suite s = new Suite(args, w[2]);
			String answer = "@pass";
			try {
				check(ALL.containsKey(w[1]), "no such scenario in this suite");
				ALL.get(w[1]).run(s);
				Collections.reverse(s.ends);
				for (AutoCloseable c : s.ends) {
					c.close();
				}
			} catch (Throwable t) {
				t.printStackTrace();
				answer = ("@fail " + t).replaceAll("\\s+", " ");
			}
			out.println(answer);
			out.flush();
		}
		System.exit(0);
	}

	// --- what scenarios use

	private static void check(boolean ok, String what) {
		if (!ok) {
			throw new AssertionError(what);
		}
	}

	private static void equal(Object got, Object want, String what) {
		check(want == null ? got == null : want.equals(got), what + ": got " + got + ", not " + want);
	}

	private static void await(String what, int limitMs, Test t) throws Exception {
		long end = System.nanoTime() + limitMs * 1000000L;
		while (!t.test()) {
			check(System.nanoTime() < end, "not within " + limitMs + " ms: " + what);
			Thread.sleep(20);
		}
	}

	private String topic() {
		return unique + "_t";
	}

	private PulsarClient pulsar() throws Exception {
		if (pulsar == null) {
			pulsar = PulsarClient.builder().serviceUrl(url).operationTimeout(20, TimeUnit.SECONDS).build();
			ends.add(pulsar);
		}
		return pulsar;
	}

	private DefaultMQProducer producer() throws Exception {
		if (producer == null) {
			producer = new DefaultMQProducer("p_" + unique);
			producer.setNamesrvAddr(namesrv);
			producer.setInstanceName(unique + "-p");
			producer.setSendMsgTimeout(10000);
			producer.start();
			ends.add(producer::shutdown);
		}
		return producer;
	}

	private void create(int queues) throws Exception {
		producer().createTopic("TBW102", topic(), queues, new HashMap<>());
		await("queues", 10000, () -> {
			try {
				return producer().fetchPublishMessageQueues(topic()).size() == queues;
			} catch (org.apache.rocketmq.client.exception.MQClientException e) {
				return false;
			}
		});
	}

	private List<MessageExt> take(String group) throws Exception {
		List<MessageExt> got = Collections.synchronizedList(new ArrayList<>());
		DefaultMQPushConsumer c = new DefaultMQPushConsumer(group + "_" + unique);
		c.setNamesrvAddr(namesrv);
		c.setInstanceName(unique + "-" + group);
		c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		c.subscribe(topic(), "*");
		c.registerMessageListener((MessageListenerConcurrently) (msgs, context) -> {
			got.addAll(msgs);
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start();
		ends.add(c::shutdown);
		return got;
	}

	private Consumer<byte[]> subscribe(String name) throws Exception {
		return pulsar().newConsumer().topic(topic()).subscriptionName(name).subscriptionType(SubscriptionType.Shared)
				.subscriptionInitialPosition(SubscriptionInitialPosition.Earliest).subscribe();
	}

	private static List<Message<byte[]>> receive(Consumer<byte[]> c, int n) throws Exception {
		List<Message<byte[]>> got = new ArrayList<>();
		while (got.size() < n) {
			Message<byte[]> m = c.receive(20, TimeUnit.SECONDS);
			check(m != null, got.size() + " of " + n + " came");
			c.acknowledge(m);
			got.add(m);
		}
		Message<byte[]> more = c.receive(QUIET_MS, TimeUnit.MILLISECONDS);
		check(more == null, "one more came");
		return got;
	}

	private static String text(byte[] b) {
		return new String(b, StandardCharsets.UTF_8);
	}

	// --- scenarios

	private void toPulsar() throws Exception {
		create(2);
		String big = "compress me ".repeat(2000);
		for (int i = 0; i < 20; i++) {
			org.apache.rocketmq.common.message.Message m = new org.apache.rocketmq.common.message.Message(topic(), "tag" + i,
					"key" + i, (i == 7 ? big : "m" + i).getBytes(StandardCharsets.UTF_8));
			m.putUserProperty("a", "\u00e4 " + i);
			producer().send(m);
		}
		List<Message<byte[]>> got = receive(subscribe("s"), 20);
		boolean[] seen = new boolean[20];
		for (Message<byte[]> m : got) {
			int i = Integer.parseInt(m.getProperty("a").substring(2));
			check(!seen[i], "twice: " + i);
			seen[i] = true;
			equal(text(m.getData()), i == 7 ? big : "m" + i, "body");
			check(m.getPublishTime() > System.currentTimeMillis() - 600000, "publish time " + m.getPublishTime());
			check(m.getProperties().containsValue("tag" + i), "no tag in " + m.getProperties());
			check(m.hasKey() && m.getKey().equals("key" + i) || m.getProperties().containsValue("key" + i), "no key " + i);
		}
	}

	private void toRocketmq() throws Exception {
		create(1);
		int n = 0;
		List<String> want = new ArrayList<>();
		for (CompressionType type : CompressionType.values()) {
			for (boolean batched : new boolean[] {false, true}) {
				try (Producer<byte[]> p = pulsar().newProducer().topic(topic()).compressionType(type).enableBatching(batched)
						.batchingMaxMessages(5).create()) {
					for (int k = 0; k < 10; k++, n++) {
						String body = type + " " + batched + " " + n + " " + "x".repeat(500);
						p.newMessage().key("key" + n).property("a", "\u00e4 " + n).value(body.getBytes(StandardCharsets.UTF_8))
								.sendAsync();
						want.add(body);
					}
					p.flush();
				}
			}
		}
		List<MessageExt> got = take("g");
		int all = n;
		await("all " + n, 40000, () -> got.size() >= all);
		Thread.sleep(QUIET_MS);
		equal(got.size(), n, "count");
		Map<Long, MessageExt> at = new TreeMap<>();
		got.forEach(m -> at.put(m.getQueueOffset(), m));
		equal(at.size(), n, "offsets, each once");
		int i = 0;
		for (MessageExt m : at.values()) {
			equal(m.getQueueOffset(), (long) i, "offset");
			equal(text(m.getBody()), want.get(i), "body");
			equal(m.getProperty("a"), "\u00e4 " + i, "property");
			equal(m.getKeys(), "key" + i, "key");
			MessageExt v = producer().viewMessage(topic(), m.getMsgId());
			equal(text(v.getBody()), want.get(i), "by id " + m.getMsgId());
			i++;
		}
	}

	private void both() throws Exception {
		create(2);
		Consumer<byte[]> c = subscribe("s");
		List<MessageExt> got = take("g");
		try (Producer<byte[]> p = pulsar().newProducer().topic(topic()).create()) {
			for (int i = 0; i < 100; i++) {
				p.sendAsync(("pulsar " + i).getBytes(StandardCharsets.UTF_8));
				producer().send(new org.apache.rocketmq.common.message.Message(topic(), ("rocketmq " + i).getBytes()));
			}
			p.flush();
		}
		await("all 200 at RocketMQ's", 40000, () -> got.size() >= 200);
		equal(got.stream().map(m -> text(m.getBody())).distinct().count(), 200L, "different ones");
		equal(receive(c, 200).stream().map(m -> text(m.getData())).distinct().count(), 200L, "different ones");
	}
}
