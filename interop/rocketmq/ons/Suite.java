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
import java.util.Properties;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import com.aliyun.openservices.ons.api.Action;
import com.aliyun.openservices.ons.api.Consumer;
import com.aliyun.openservices.ons.api.Message;
import com.aliyun.openservices.ons.api.MessageListener;
import com.aliyun.openservices.ons.api.MessageSelector;
import com.aliyun.openservices.ons.api.ONSFactory;
import com.aliyun.openservices.ons.api.OnExceptionContext;
import com.aliyun.openservices.ons.api.Producer;
import com.aliyun.openservices.ons.api.PropertyKeyConst;
import com.aliyun.openservices.ons.api.PropertyValueConst;
import com.aliyun.openservices.ons.api.PullConsumer;
import com.aliyun.openservices.ons.api.SendCallback;
import com.aliyun.openservices.ons.api.SendResult;
import com.aliyun.openservices.ons.api.TopicPartition;
import com.aliyun.openservices.ons.api.exception.ONSClientException;
import com.aliyun.openservices.ons.api.order.OrderAction;
import com.aliyun.openservices.ons.api.order.OrderConsumer;
import com.aliyun.openservices.ons.api.order.OrderProducer;
import com.aliyun.openservices.ons.api.transaction.TransactionProducer;
import com.aliyun.openservices.ons.api.transaction.TransactionStatus;

/**
 * The suite of Aliyun's ons-client, which signs every request. interop/run
 * starts it and tells it what to run.
 *
 * usage: Suite NAMESRV WORKDIR < commands
 */
public final class Suite {
	interface Scenario {
		void run(Suite s) throws Exception;
	}

	interface Test {
		boolean test() throws Exception;
	}

	interface Ask {
		void ask(String text) throws IOException;
	}

	private static final int QUIET_MS = 700;        // "nothing more comes" is believed after this
	private static final String FIRST = "makes its topic";
	private static final Map<String, Scenario> ALL = new TreeMap<>();

	static {
		ALL.put("connect", Suite::connect);
		ALL.put("send", Suite::send);
		ALL.put("async", Suite::async);
		ALL.put("oneway", Suite::oneway);
		ALL.put("push", Suite::push);
		ALL.put("broadcast", Suite::broadcast);
		ALL.put("orderly", Suite::orderly);
		ALL.put("lite-pull", Suite::pull);
		ALL.put("tags", Suite::tags);
		ALL.put("sql92", Suite::sql92);
		ALL.put("retry", Suite::retry);
		ALL.put("deliver-time", Suite::deliverTime);
		ALL.put("transactions", Suite::transactions);
		ALL.put("compress-zlib", Suite::compressed);
		ALL.put("restart-term", s -> s.restart("TERM"));
		ALL.put("restart-kill", s -> s.restart("KILL"));
		ALL.put("acl", Suite::acl);
		ALL.put("plain-acl", Suite::plainAcl);
	}

	private final String addr;
	private final String unique;
	private final Ask ask;
	private final List<Runnable> ends = new ArrayList<>();
	private Producer producer;
	private int n;

	private Suite(String addr, String unique, Ask ask) {
		this.addr = addr;
		this.unique = unique.replace('.', '-');
		this.ask = ask;
	}

	public static void main(String[] args) throws IOException {
		PrintStream out = System.out;
		System.setOut(System.err);
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
		for (String line; (line = in.readLine()) != null;) {
			String[] w = line.split(" ");
			Suite s = new Suite(args[0], w[2], text -> {
				out.println(text);
				out.flush();
				String answer = in.readLine();
				check("ok".equals(answer), answer == null ? "the driver is gone" : answer);
			});
			String answer = "@pass";
			try {
				check(ALL.containsKey(w[1]), "no such scenario in this suite");
				ALL.get(w[1]).run(s);
				Collections.reverse(s.ends);
				s.ends.forEach(Runnable::run);
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
		check(want.equals(got), what + ": got " + got + ", not " + want);
	}

	private static void await(String what, int limitMs, Test t) throws Exception {
		long end = System.nanoTime() + limitMs * 1000000L;
		while (!t.test()) {
			check(System.nanoTime() < end, "not within " + limitMs + " ms: " + what);
			Thread.sleep(20);
		}
	}

	private static List<String> names(String prefix, int count) {
		return IntStream.range(0, count).mapToObj(i -> String.format("%s-%04d", prefix, i)).collect(Collectors.toList());
	}

	private static String text(Message m) {
		return new String(m.getBody(), StandardCharsets.UTF_8);
	}

	private String topic() {
		return unique + "_t";
	}

	private Message msg(String tag, String body) {
		return new Message(topic(), tag, body.getBytes(StandardCharsets.UTF_8));
	}

	private Properties props(String group) {
		Properties p = new Properties();
		p.put(PropertyKeyConst.GROUP_ID, "GID_" + unique + "_" + group);
		p.put(PropertyKeyConst.AccessKey, "key");
		p.put(PropertyKeyConst.SecretKey, "secret");
		p.put(PropertyKeyConst.NAMESRV_ADDR, addr);
		p.put(PropertyKeyConst.InstanceName, unique + "-" + ++n);
		p.put(PropertyKeyConst.MsgTraceSwitch, "false");
		p.put(PropertyKeyConst.SendMsgTimeoutMillis, "5000");
		return p;
	}

	private Properties props(String group, String user, String secret) {
		Properties p = props(group);
		p.put(PropertyKeyConst.AccessKey, user);
		p.put(PropertyKeyConst.SecretKey, secret);
		return p;
	}

	private Producer producer() {
		if (producer == null) {
			producer = ONSFactory.createProducer(props("p"));
			producer.start();
			ends.add(producer::shutdown);
		}
		return producer;
	}

	private void sendAll(List<String> bodies) {
		bodies.forEach(b -> producer().send(msg("x", b)));
	}

	private final class Taken implements MessageListener {
		private final List<Message> all = Collections.synchronizedList(new ArrayList<>());

		@Override
		public Action consume(Message m, com.aliyun.openservices.ons.api.ConsumeContext c) {
			all.add(m);
			return Action.CommitMessage;
		}

		List<Message> list() {
			synchronized (all) {
				return new ArrayList<>(all);
			}
		}

		List<String> bodies() {
			return list().stream().map(Suite::text).sorted().collect(Collectors.toList());
		}

		void exactly(List<String> want) throws Exception {
			await("all messages", 40000, () -> all.size() >= want.size());
			Thread.sleep(QUIET_MS);
			List<String> sorted = new ArrayList<>(want);
			Collections.sort(sorted);
			equal(bodies(), sorted, "what came");
		}
	}

	private Consumer consume(Properties p, String expr, MessageListener l) {
		Consumer c = ONSFactory.createConsumer(p);
		c.subscribe(topic(), expr, l);
		c.start();
		ends.add(c::shutdown);
		return c;
	}

	private Taken take(String group, String expr) {
		Taken t = new Taken();
		consume(props(group), expr, t);
		return t;
	}

	private static List<String> concat(List<String> a, List<String> b) {
		List<String> out = new ArrayList<>(a);
		out.addAll(b);
		return out;
	}

	// --- scenarios

	private void connect() throws Exception {
		SendResult r = producer().send(msg("x", FIRST));
		equal(r.getTopic(), topic(), "topic");
		check(r.getMessageId() != null, "no id");
		take("g", "*").exactly(Collections.singletonList(FIRST));
	}

	private void send() throws Exception {
		Map<String, String> ids = new HashMap<>();
		for (int i = 0; i < 30; i++) {
			Message m = new Message(topic(), "tag" + i % 2, "key" + i, ("m" + i).getBytes(StandardCharsets.UTF_8));
			m.putUserProperties("a", "\u00e4 " + i);
			ids.put("m" + i, producer().send(m).getMessageId());
		}
		Taken t = take("g", "*");
		t.exactly(new ArrayList<>(ids.keySet()));
		for (Message m : t.list()) {
			int i = Integer.parseInt(text(m).substring(1));
			equal(m.getTag(), "tag" + i % 2, "tag");
			equal(m.getKey(), "key" + i, "key");
			equal(m.getUserProperties("a"), "\u00e4 " + i, "property");
			equal(m.getMsgID(), ids.get(text(m)), "id");
			equal(m.getTopic(), topic(), "topic");
		}
	}

	private void async() throws Exception {
		producer().send(msg("x", FIRST));
		CountDownLatch left = new CountDownLatch(50);
		for (String s : names("m", 50)) {
			producer().sendAsync(msg("x", s), new SendCallback() {
				@Override
				public void onSuccess(SendResult r) {
					left.countDown();
				}

				@Override
				public void onException(OnExceptionContext e) {
					e.getException().printStackTrace();
				}
			});
		}
		check(left.await(20, TimeUnit.SECONDS), left.getCount() + " without an answer");
		take("g", "*").exactly(concat(names("m", 50), Collections.singletonList(FIRST)));
	}

	private void oneway() throws Exception {
		producer().send(msg("x", FIRST));
		names("m", 50).forEach(s -> producer().sendOneway(msg("x", s)));
		take("g", "*").exactly(concat(names("m", 50), Collections.singletonList(FIRST)));
	}

	private void push() throws Exception {
		sendAll(names("a", 200));
		Taken t = new Taken();
		Consumer c = consume(props("g"), "*", t);
		t.exactly(names("a", 200));
		sendAll(names("b", 200));
		t.exactly(concat(names("a", 200), names("b", 200)));
		c.shutdown();           // stores its offsets
		sendAll(names("d", 20));
		take("g", "*").exactly(names("d", 20));
	}

	private void broadcast() throws Exception {
		producer().send(msg("x", FIRST));
		List<Taken> two = new ArrayList<>();
		for (int i = 0; i < 2; i++) {
			Properties p = props("g");
			p.put(PropertyKeyConst.MessageModel, PropertyValueConst.BROADCASTING);
			Taken t = new Taken();
			consume(p, "*", t);
			two.add(t);
		}
		// it starts at the end of each queue, whenever it is ready
		int[] round = new int[1];
		await("all messages at both", 40000, () -> {
			List<String> more = names("m" + ++round[0], 20);
			sendAll(more);
			for (long end = System.currentTimeMillis() + 2000; System.currentTimeMillis() < end; Thread.sleep(20)) {
				if (two.stream().allMatch(t -> t.bodies().containsAll(more))) {
					return true;
				}
			}
			return false;
		});
	}

	private void orderly() throws Exception {
		OrderProducer p = ONSFactory.createOrderProducer(props("op"));
		p.start();
		ends.add(p::shutdown);
		for (int i = 0; i < 50; i++) {
			for (int k = 0; k < 4; k++) {
				p.send(msg("x", String.format("k%d-%04d", k, i)), "key" + k);
			}
		}
		Map<String, List<String>> seen = new ConcurrentHashMap<>();
		AtomicBoolean suspended = new AtomicBoolean();
		Properties q = props("g");
		q.put(PropertyKeyConst.SuspendTimeMillis, "200");
		OrderConsumer c = ONSFactory.createOrderedConsumer(q);
		c.subscribe(topic(), "*", (m, context) -> {
			if (text(m).equals("k2-0003") && suspended.compareAndSet(false, true)) {
				return OrderAction.Suspend;
			}
			seen.computeIfAbsent(text(m).substring(0, 2), k -> Collections.synchronizedList(new ArrayList<>())).add(text(m));
			return OrderAction.Success;
		});
		c.start();
		ends.add(c::shutdown);
		await("all messages", 60000, () -> seen.values().stream().mapToInt(List::size).sum() >= 200);
		for (int k = 0; k < 4; k++) {
			equal(seen.get("k" + k), names("k" + k, 50), "key " + k);
		}
	}

	private void pull() throws Exception {
		sendAll(names("m", 40));
		PullConsumer c = ONSFactory.createPullConsumer(props("g"));
		c.start();
		ends.add(c::shutdown);
		List<TopicPartition> parts = new ArrayList<>(c.topicPartitions(topic()));
		equal(parts.size(), 4, "queues");
		c.assign(parts);
		// a send that is tried again goes to another queue: one has 10, not each
		Map<TopicPartition, Integer> n = new HashMap<>();
		TreeSet<String> got = new TreeSet<>();
		await("40 messages", 30000, () -> {
			for (Message m : c.poll(200)) {
				got.add(text(m));
				n.merge(m.getTopicPartition(), 1, Integer::sum);
			}
			return got.size() >= 40;
		});
		equal(got, new TreeSet<>(names("m", 40)), "of a young topic");
		TopicPartition part = Collections.max(n.entrySet(), Map.Entry.comparingByValue()).getKey();
		c.seekToBeginning(part);
		poll(c, n.get(part));
		c.seek(part, 5);
		equal(poll(c, n.get(part) - 5).size(), n.get(part) - 5, "after a seek");
		c.commitSync();
	}

	private static TreeSet<String> poll(PullConsumer c, int want) throws Exception {
		TreeSet<String> got = new TreeSet<>();
		await(want + " messages", 30000, () -> {
			c.poll(200).forEach(m -> got.add(text(m)));
			return got.size() >= want;
		});
		return got;
	}

	private void tags() throws Exception {
		for (int i = 0; i < 60; i++) {
			String x = String.valueOf("abc".charAt(i % 3));
			producer().send(msg(x, String.format("%s-%04d", x, i / 3)));
		}
		take("a", "a").exactly(names("a", 20));
		take("ac", "a || c").exactly(concat(names("a", 20), names("c", 20)));
	}

	private void sql92() throws Exception {
		List<String> m = names("m", 40);
		for (int i = 0; i < 40; i++) {
			Message x = msg("x", m.get(i));
			x.putUserProperties("n", String.valueOf(i));
			producer().send(x);
		}
		Taken t = new Taken();
		Consumer c = ONSFactory.createConsumer(props("g"));
		c.subscribe(topic(), MessageSelector.bySql("n BETWEEN 10 AND 19"), t);
		c.start();
		ends.add(c::shutdown);
		t.exactly(m.subList(10, 20));
	}

	private void retry() throws Exception {
		producer().send(msg("x", FIRST));
		List<Integer> times = Collections.synchronizedList(new ArrayList<>());
		consume(props("g"), "*", (m, c) -> {
			if (text(m).equals("bad")) {
				times.add(m.getReconsumeTimes());
				return m.getReconsumeTimes() == 0 ? Action.ReconsumeLater : Action.CommitMessage;
			}
			return Action.CommitMessage;
		});
		producer().send(msg("tag", "bad"));
		await("the second attempt", 60000, () -> times.size() >= 2);
		equal(times, List.of(0, 1), "attempts");
	}

	private void deliverTime() throws Exception {
		Taken t = take("g", "*");
		Message m = msg("x", "late");
		long at = System.currentTimeMillis() + 3000;
		m.setStartDeliverTime(at);
		producer().send(m);
		producer().send(msg("x", "soon"));
		await("both", 40000, () -> t.list().size() == 2 && System.currentTimeMillis() >= at);
		equal(t.list().stream().map(Suite::text).collect(Collectors.toList()), List.of("soon", "late"), "order");
	}

	private void transactions() throws Exception {
		producer().send(msg("x", FIRST));
		Map<String, Integer> asked = new ConcurrentHashMap<>();
		Properties p = props("tx");
		p.put(PropertyKeyConst.CheckImmunityTimeInSeconds, "2");
		TransactionProducer tx = ONSFactory.createTransactionProducer(p, m -> {
			asked.merge(text(m), 1, Integer::sum);
			// the reference may ask for what it was told, while its note of that isn't written yet
			return text(m).endsWith("rolled back") ? TransactionStatus.RollbackTransaction : TransactionStatus.CommitTransaction;
		});
		tx.start();
		ends.add(tx::shutdown);
		Taken t = take("g", "*");
		for (String s : List.of("committed", "rolled back", "asked", "asked, rolled back")) {
			if (s.equals("rolled back")) {
				try {
					tx.send(msg("x", s), (m, arg) -> TransactionStatus.RollbackTransaction, null);
					throw new AssertionError("a rollback that the client didn't tell");
				} catch (RuntimeException e) {
					continue;       // its way to say so
				}
			}
			tx.send(msg("x", s), (m, arg) -> s.equals("committed") ? TransactionStatus.CommitTransaction
					: TransactionStatus.Unknow, null);
		}
		await("the questions", 120000, () -> asked.keySet().containsAll(List.of("asked", "asked, rolled back")));
		t.exactly(List.of(FIRST, "committed", "asked"));
	}

	private void compressed() throws Exception {
		String big = "compress me ".repeat(3000);
		producer().send(msg("x", big));
		take("g", "*").exactly(Collections.singletonList(big));
	}

	/** The users are those of harness/profiles.py. */
	private void acl() throws Exception {
		producer = signed("works", "works-secret");
		List<String> bodies = names("m", 50);
		sendAll(bodies);
		for (String user : new String[] {"works", "reads"}) {
			Taken t = new Taken();
			consume(props(user, user, user + "-secret"), "*", t);
			t.exactly(bodies);
		}
		refused("check signature failed.", "works", "wrong");
		refused("User:none is not found.", "none", "none");
		refused("no matched policies.", "nobody", "nobody-secret");
		refused("no matched policies.", "reads", "reads-secret");
		Taken t = new Taken();
		consume(props("nobody", "nobody", "nobody-secret"), "*", t);
		t.exactly(Collections.emptyList());
	}

	private Producer signed(String user, String secret) {
		Producer p = ONSFactory.createProducer(props("p", user, secret));
		p.start();
		ends.add(p::shutdown);
		return p;
	}

	private void refused(String why, String user, String secret) {
		refused(why, signed(user, secret), topic());
	}

	private void refused(String why, Producer p, String topic) {
		StringBuilder all = new StringBuilder();
		try {
			send(p, topic);
		} catch (Exception e) {
			for (Throwable t = e; t != null; t = t.getCause()) {
				all.append(t).append(' ');
			}
		}
		check(all.indexOf(why) >= 0, "not refused for " + why + ": " + all);
	}

	private static void send(Producer p, String topic) {
		p.send(new Message(topic, "x", "refused".getBytes(StandardCharsets.UTF_8)));
	}

	private static boolean sends(Producer p, String topic) {
		try {
			send(p, topic);
			return true;
		} catch (ONSClientException e) {
			return false;
		}
	}

	/** ACL 1.0, with the accounts of harness/profiles.py. */
	private void plainAcl() throws Exception {
		producer = signed("works-key", "works-key-secret");
		List<String> bodies = names("m", 50);
		sendAll(bodies);
		for (String user : new String[] {"works-key", "reads-key"}) {
			Taken t = new Taken();
			consume(props(user, user, user + "-secret"), "*", t);
			t.exactly(bodies);
		}
		refused("Check signature failed for accessKey=works-key", "works-key", "wrong");
		refused("No acl config for no-such-key", "no-such-key", "none");
		refused("No default permission for topic:" + topic(), "reads-key", "reads-key-secret");
		refused("No default permission for topic:denied-topic", producer, "denied-topic");
		send(signed("white-key", "known by its address"), "denied-topic");
		Properties denied = props("x", "works-key", "works-key-secret");
		denied.put(PropertyKeyConst.GROUP_ID, "denied-group");
		Taken t = new Taken();
		consume(denied, "*", t);
		t.exactly(Collections.emptyList());
		plainReload();
	}

	/** The file of accounts is another one, while clients are connected. */
	private void plainReload() throws Exception {
		Producer comes = signed("comes-key", "comes-key-secret");
		Producer goes = signed("goes-key", "goes-key-secret");
		String gone = "AclException: No ";      // the reference has other words for an account that it once knew
		send(goes, topic());
		refused(gone, comes, topic());
		ask.ask("@accounts later");
		try {
			await("the other accounts", 30000, () -> sends(comes, topic()));
			refused(gone, goes, topic());
			send(producer, topic());
		} finally {
			ask.ask("@accounts first");
		}
		await("the first accounts", 30000, () -> sends(goes, topic()));
		refused(gone, comes, topic());
	}

	private void restart(String sig) throws Exception {
		producer().send(msg("x", FIRST));
		Taken t = take("g", "*");
		List<String> sent = Collections.synchronizedList(new ArrayList<>());
		AtomicBoolean stop = new AtomicBoolean();
		Thread sender = new Thread(() -> {
			for (int i = 0; !stop.get(); i++) {
				try {
					producer().send(msg("x", "m-" + i));
					sent.add("m-" + i);
					Thread.sleep(2);
				} catch (Exception e) {
					// not acknowledged: it may be there, or not
				}
			}
		});
		sender.start();
		try {
			await("a start", 40000, () -> sent.size() >= 300 && t.list().size() >= 300);
			ask.ask("@restart " + sig);
			int was = sent.size();
			await("sends after the restart", 60000, () -> sent.size() >= was + 300);
		} finally {
			stop.set(true);
			sender.join(20000);
		}
		await("all that was acknowledged", 90000, () -> new TreeSet<>(t.bodies()).containsAll(sent));
	}
}
