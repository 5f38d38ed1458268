// SPDX-License-Identifier: Apache-2.0
import java.io.IOException;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collection;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;

/** What every scenario uses: names of its own, clients, waiting, checking. */
final class Ctx {
	interface Ask {
		void ask(String text) throws IOException;
	}

	interface Step {
		void run() throws Exception;
	}

	interface Test {
		boolean test() throws Exception;
	}

	/** "Nothing more comes" is believed after this. */
	static final int QUIET_MS = 700;

	final String addr;
	final String work;
	final String unique;
	final Ask ask;
	private final String[] args;
	private final List<Step> ends = new ArrayList<>();
	private DefaultMQProducer producer;
	private DefaultMQPullConsumer puller;
	private int n;

	Ctx(String[] args, String unique, Ask ask) {
		this.args = args;
		this.addr = args[0];
		this.work = args[1];
		this.unique = unique.replace('.', '-');
		this.ask = ask;
	}

	// --- names and clients

	String topic(String suffix) {
		return unique + "_" + suffix;
	}

	String group(String suffix) {
		return "g_" + unique + "_" + suffix;
	}

	/** Every client is one of its own: the library makes one of those with the same instance name. */
	<T extends ClientConfig> T setUp(T c) {
		c.setNamesrvAddr(addr);
		c.setInstanceName(unique + "-" + ++n);
		c.setHeartbeatBrokerInterval(2000);
		c.setPollNameServerInterval(2000);
		return c;
	}

	void atEnd(Step s) {
		ends.add(s);
	}

	void close() throws Exception {
		Collections.reverse(ends);
		for (Step s : ends) {
			s.run();
		}
		ends.clear();
	}

	DefaultMQProducer start(DefaultMQProducer p) throws Exception {
		p.setSendMsgTimeout(10000);
		p.start();
		ends.add(p::shutdown);
		return p;
	}

	DefaultMQProducer newProducer(String suffix) {
		return setUp(new DefaultMQProducer(group(suffix)));
	}

	DefaultMQProducer producer() throws Exception {
		if (producer == null) {
			producer = start(newProducer("p"));
		}
		return producer;
	}

	DefaultMQPullConsumer puller() throws Exception {
		if (puller == null) {
			puller = setUp(new DefaultMQPullConsumer(group("reader")));
			puller.start();
			ends.add(puller::shutdown);
		}
		return puller;
	}

	DefaultMQPushConsumer newConsumer(String group, String topic, String expr) throws Exception {
		DefaultMQPushConsumer c = setUp(new DefaultMQPushConsumer(group));
		c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		c.setConsumeThreadMin(4);
		c.setConsumeThreadMax(8);
		if (topic != null) {
			c.subscribe(topic, expr);
		}
		return c;
	}

	DefaultMQPushConsumer start(DefaultMQPushConsumer c) throws Exception {
		c.start();
		ends.add(c::shutdown);
		return c;
	}

	/** A push consumer that only collects. */
	Taken take(DefaultMQPushConsumer c) throws Exception {
		Taken t = new Taken(c);
		c.registerMessageListener((MessageListenerConcurrently) (msgs, context) -> {
			t.add(msgs);
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		start(c);
		return t;
	}

	Taken take(String group, String topic, String expr) throws Exception {
		return take(newConsumer(group, topic, expr));
	}

	/** What a consumer got. */
	static final class Taken {
		final DefaultMQPushConsumer consumer;
		private final List<MessageExt> all = new ArrayList<>();

		Taken(DefaultMQPushConsumer consumer) {
			this.consumer = consumer;
		}

		synchronized void add(Collection<MessageExt> msgs) {
			all.addAll(msgs);
		}

		synchronized List<MessageExt> list() {
			return new ArrayList<>(all);
		}

		synchronized int size() {
			return all.size();
		}

		synchronized List<String> sorted() {
			return all.stream().map(Ctx::text).sorted().collect(Collectors.toList());
		}
	}

	// --- topics

	/** The signature of createTopic differs between versions. */
	void create(String topic, int queues) throws Exception {
		create(topic, queues, new HashMap<>());
	}

	void create(String topic, int queues, Map<String, String> attributes) throws Exception {
		DefaultMQProducer p = producer();
		try {
			try {
				Method m = p.getClass().getMethod("createTopic", String.class, String.class, int.class, Map.class);
				m.invoke(p, "TBW102", topic, queues, attributes);
			} catch (NoSuchMethodException e) {
				p.getClass().getMethod("createTopic", String.class, String.class, int.class).invoke(p, "TBW102", topic,
						queues);
			}
		} catch (InvocationTargetException e) {
			throw (Exception) e.getCause();
		}
		await("the queues of " + topic, 10000, () -> {
			try {
				return p.fetchPublishMessageQueues(topic).size() == queues;
			} catch (org.apache.rocketmq.client.exception.MQClientException e) {
				return false;
			}
		});
	}

	/** Sets an enum property whose class lies elsewhere in 5.x. */
	static void setEnum(Object o, String setter, String value) throws Exception {
		for (Method m : o.getClass().getMethods()) {
			if (m.getName().equals(setter) && m.getParameterTypes().length == 1) {
				for (Object v : m.getParameterTypes()[0].getEnumConstants()) {
					if (v.toString().equals(value)) {
						m.invoke(o, v);
						return;
					}
				}
			}
		}
		throw new AssertionError("no " + setter + " of " + value);
	}

	// --- messages

	static Message msg(String topic, String body) {
		return new Message(topic, body.getBytes(StandardCharsets.UTF_8));
	}

	static Message msg(String topic, String tags, String body) {
		return new Message(topic, tags, body.getBytes(StandardCharsets.UTF_8));
	}

	static String text(Message m) {
		return new String(m.getBody(), StandardCharsets.UTF_8);
	}

	static List<String> texts(Collection<? extends Message> msgs) {
		return msgs.stream().map(Ctx::text).collect(Collectors.toList());
	}

	/** The n bodies prefix-0000, ... */
	static List<String> names(String prefix, int n) {
		return map(n, i -> String.format("%s-%04d", prefix, i));
	}

	static <T> List<T> map(int n, IntFunction<T> f) {
		return IntStream.range(0, n).mapToObj(f).collect(Collectors.toList());
	}

	SendResult send(Message m) throws Exception {
		SendResult r = producer().send(m);
		equal(r.getSendStatus(), SendStatus.SEND_OK, "status of a send");
		return r;
	}

	/** Sends these bodies round robin. */
	void sendAll(String topic, List<String> bodies) throws Exception {
		for (String b : bodies) {
			send(msg(topic, b));
		}
	}

	/** What lies in the queues, once it is at least so much; by queue, then offset. */
	List<MessageExt> read(String topic, int atLeast) throws Exception {
		return read(topic, atLeast, 15000);
	}

	List<MessageExt> read(String topic, int atLeast, int limitMs) throws Exception {
		List<MessageExt> got = new ArrayList<>();
		await(atLeast + " messages in " + topic, limitMs, () -> {
			got.clear();
			got.addAll(readOnce(topic));
			return got.size() >= atLeast;
		});
		return got;
	}

	List<MessageExt> readOnce(String topic) throws Exception {
		List<MessageExt> got = new ArrayList<>();
		for (MessageQueue q : new TreeSet<>(queues(topic))) {
			long end = puller().maxOffset(q);
			for (long at = puller().minOffset(q); at < end;) {
				PullResult r = puller().pull(q, "*", at, 32);
				if (r.getMsgFoundList() != null) {
					got.addAll(r.getMsgFoundList());
				}
				check(r.getNextBeginOffset() > at, "the next offset is not after " + at + ": " + r);
				at = r.getNextBeginOffset();
			}
		}
		return got;
	}

	Collection<MessageQueue> queues(String topic) throws Exception {
		try {
			return puller().fetchSubscribeMessageQueues(topic);
		} catch (org.apache.rocketmq.client.exception.MQClientException e) {
			return Collections.emptyList();
		}
	}

	// --- waiting and checking

	static void await(String what, int limitMs, Test t) throws Exception {
		long end = System.nanoTime() + limitMs * 1000000L;
		while (!t.test()) {
			if (System.nanoTime() > end) {
				throw new AssertionError("not within " + limitMs + " ms: " + what);
			}
			Thread.sleep(20);
		}
	}

	/** Exactly these come: all of them, and nothing more for a while. */
	static void exactly(Taken t, List<String> want, int limitMs) throws Exception {
		try {
			await("all messages", limitMs, () -> t.size() >= want.size());
		} catch (AssertionError e) {
			throw new AssertionError(t.size() + " of " + want.size() + " came in " + limitMs + " ms");
		}
		Thread.sleep(QUIET_MS);
		List<String> sorted = new ArrayList<>(want);
		Collections.sort(sorted);
		equal(t.sorted(), sorted, "what came");
	}

	static void check(boolean ok, String what) {
		if (!ok) {
			throw new AssertionError(what);
		}
	}

	static void equal(Object got, Object want, String what) {
		if (!(want == null ? got == null : want.equals(got))) {
			String g = String.valueOf(got);
			String w = String.valueOf(want);
			throw new AssertionError(what + ": got " + cut(g) + ", not " + cut(w));
		}
	}

	private static String cut(String s) {
		return s.length() > 150 ? s.substring(0, 150) + "..." : s;
	}

	static <E extends Throwable> E fails(Class<E> type, String what, Step s) throws Exception {
		try {
			s.run();
		} catch (Throwable t) {
			if (type.isInstance(t)) {
				return type.cast(t);
			}
			throw new AssertionError(what + ": failed otherwise: " + t, t);
		}
		throw new AssertionError(what + ": did not fail");
	}

	static List<String> list(String... s) {
		return Arrays.asList(s);
	}

	/** Runs a scenario in a JVM of its own that has these system properties. */
	void inOwnJvm(String scenario, String... properties) throws Exception {
		List<String> cmd = new ArrayList<>();
		cmd.add(ProcessHandle.current().info().command().orElse("java"));
		cmd.addAll(java.lang.management.ManagementFactory.getRuntimeMXBean().getInputArguments());
		cmd.addAll(Arrays.asList(properties));
		cmd.addAll(list("-cp", System.getProperty("java.class.path"), "Suite"));
		cmd.addAll(Arrays.asList(args));
		Process p = new ProcessBuilder(cmd).redirectError(ProcessBuilder.Redirect.INHERIT).start();
		try {
			p.getOutputStream().write(("run " + scenario + " " + unique + "-own-" + scenario + "\n").getBytes(StandardCharsets.UTF_8));
			p.getOutputStream().close();
			String out = new String(p.getInputStream().readAllBytes(), StandardCharsets.UTF_8).trim();
			equal(out, "@pass", scenario + " in a JVM of its own");
		} finally {
			p.destroyForcibly();
		}
	}
}
