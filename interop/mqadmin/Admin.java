// SPDX-License-Identifier: Apache-2.0
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.store.OffsetStore;
import org.apache.rocketmq.client.consumer.store.ReadOffsetType;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.command.MQAdminStartup;
import org.apache.rocketmq.tools.command.SubCommand;

/**
 * Runs subcommands of the unmodified rocketmq-tools, all in one JVM: reads
 * lines of tab-separated words, `LIMIT-MS NAME ARG...`, and answers each by
 * `@begin`, what the command wrote, `@end`. Words that start with "@" are
 * steps of our own, to have something to look at.
 *
 * usage: Admin NAMESRV < lines
 */
public final class Admin {
	private static String addr;
	private static final Map<String, DefaultMQPushConsumer> CONSUMERS = new HashMap<>();
	private static final Map<String, AtomicInteger> TAKEN = new HashMap<>();
	private static DefaultMQProducer producer;

	private Admin() {
	}

	@SuppressWarnings("removal")
	public static void main(String[] args) throws Exception {
		addr = args[0];
		keep();
		PrintStream out = System.out;
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
		for (String line; (line = in.readLine()) != null;) {
			String[] w = line.split("\t");
			ByteArrayOutputStream text = new ByteArrayOutputStream();
			PrintStream to = new PrintStream(text, true, "UTF-8");
			System.setOut(to);
			System.setErr(to);
			boolean[] ended = new boolean[1];
			Thread t = new Thread(() -> {
				one(Arrays.copyOfRange(w, 1, w.length));
				ended[0] = true;
			}, w[1]);
			t.setDaemon(true);
			t.start();
			t.join(Long.parseLong(w[0]));
			boolean byItself = ended[0];
			if (!byItself) {
				t.interrupt();          // one that goes on until it is told to end
				t.join(20000);          // else it writes into what the next one says
			}
			to.flush();
			out.println("@begin");
			out.println(text.toString("UTF-8"));
			out.println(byItself ? "@end" : "@end of the time");
			out.flush();
		}
		System.setSecurityManager(null);
		System.exit(0);
	}

	/** Some subcommands end the JVM when they don't like their arguments. */
	@SuppressWarnings("removal")
	private static void keep() {
		System.setSecurityManager(new SecurityManager() {
			@Override
			public void checkPermission(java.security.Permission p) {
				// all but what follows
			}

			@Override
			public void checkExit(int status) {
				throw new SecurityException("it would end the JVM with " + status);
			}
		});
	}

	private static void one(String[] w) {
		try {
			if (w[0].startsWith("@")) {
				step(w);
			} else {
				commands().clear();     // some can run only once; it makes them anew
				MQAdminStartup.main0(w, null);
			}
		} catch (Throwable t) {
			t.printStackTrace();
		}
	}

	private static void step(String[] w) throws Exception {
		switch (w[0]) {
		case "@names":
			names();
			break;
		case "@send":           // TOPIC N KEY QUEUE: one by one, in turn to each queue from that one
			List<MessageQueue> queues = new ArrayList<>(new TreeSet<>(producer().fetchPublishMessageQueues(w[1])));
			for (int i = 0; i < Integer.parseInt(w[2]); i++) {
				Message m = new Message(w[1], "tag", w[3] + i, ("body " + i).getBytes(StandardCharsets.UTF_8));
				SendResult r = producer().send(m, queues.get((Integer.parseInt(w[4]) + i) % queues.size()));
				System.out.println("sent " + r.getMsgId() + " " + r.getOffsetMsgId());
			}
			// else the broker hears of it a second after its start
			producer().getDefaultMQProducerImpl().getmQClientFactory().sendHeartbeatToAllBrokerWithLock();
			break;
		case "@consume":        // GROUP TOPIC N: until it has N
			consume(w[1], w[2], Integer.parseInt(w[3]));
			break;
		case "@leave":
			CONSUMERS.remove(w[1]).shutdown();
			break;
		default:
			throw new IllegalArgumentException(w[0]);
		}
	}

	private static DefaultMQProducer producer() throws Exception {
		if (producer == null) {
			producer = new DefaultMQProducer("mqadmin-producer");
			producer.setNamesrvAddr(addr);
			producer.setInstanceName("mqadmin-producer");
			producer.start();
		}
		return producer;
	}

	private static void consume(String group, String topic, int n) throws Exception {
		AtomicInteger taken = TAKEN.computeIfAbsent(group, k -> new AtomicInteger());
		DefaultMQPushConsumer c = CONSUMERS.get(group);
		if (c == null) {
			c = new DefaultMQPushConsumer(group);
			c.setNamesrvAddr(addr);
			c.setInstanceName("mqadmin-" + group);
			c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
			c.subscribe(topic, "*");
			c.registerMessageListener((MessageListenerConcurrently) (msgs, context) -> {
				taken.addAndGet(msgs.size());
				return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
			});
			c.start();
			CONSUMERS.put(group, c);
		}
		while (taken.get() < n) {
			Thread.sleep(20);
		}
		// The client itself begins to store its offsets 10 s after its start. Stored before they are read,
		// for reading puts what is in the store in the place of what it has.
		OffsetStore store = c.getDefaultMQPushConsumerImpl().getOffsetStore();
		for (MessageQueue q : c.fetchSubscribeMessageQueues(topic)) {
			c.getDefaultMQPushConsumerImpl().persistConsumerOffset();
			while (store.readOffset(q, ReadOffsetType.READ_FROM_STORE) < c.maxOffset(q)) {
				Thread.sleep(20);
				c.getDefaultMQPushConsumerImpl().persistConsumerOffset();
			}
		}
	}

	/** The tool's list of its subcommands, which differs in name between versions. */
	private static List<?> commands() throws ReflectiveOperationException {
		Field f;
		try {
			f = MQAdminStartup.class.getDeclaredField("SUB_COMMANDS");
		} catch (NoSuchFieldException e) {
			f = MQAdminStartup.class.getDeclaredField("subCommandList");
		}
		f.setAccessible(true);
		return (List<?>) f.get(null);
	}

	/** Every subcommand, as the tool itself lists them. */
	private static void names() throws ReflectiveOperationException {
		for (Method m : MQAdminStartup.class.getMethods()) {
			if (m.getName().equals("initCommand") && m.getParameterTypes().length == 0) {
				m.invoke(null);
			}
		}
		List<String> all = new ArrayList<>();
		for (Object c : commands()) {
			all.add(((SubCommand) c).commandName());
		}
		all.stream().sorted().distinct().forEach(System.out::println);
	}
}
