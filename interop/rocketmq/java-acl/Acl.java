// SPDX-License-Identifier: Apache-2.0
import java.util.List;
import java.util.Map;

import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.remoting.RPCHook;

/** Signed requests; the users are those of harness/profiles.py. */
final class Acl {
	private static final int SYSTEM_ERROR = 1;
	private static final int NO_PERMISSION = 16;
	/** The reference has other words for an account that it once knew. */
	private static final String GONE = "AclException: No ";

	private Acl() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("acl", Acl::acl);
		all.put("plain-acl", Acl::plain);
		all.put("acl-tls", c -> c.inOwnJvm("acl", "-Dtls.enable=true"));
		all.put("acl-enforcing", c -> {
			DefaultMQProducer plain = producer(c, "root", "root-secret");
			Ctx.fails(Exception.class, "a send without TLS", () -> plain.send(Ctx.msg(c.topic("t"), "x")));
			c.inOwnJvm("acl-root", "-Dtls.enable=true");
		});
		all.put("acl-root", c -> {
			String t = c.topic("t");
			DefaultMQProducer p = producer(c, "root", "root-secret");
			List<String> bodies = Ctx.names("m", 20);
			for (String b : bodies) {
				p.send(Ctx.msg(t, b));
			}
			Ctx.exactly(take(c, t, "root"), bodies, 30000);
			refused(producer(c, "root", "wrong"), t, NO_PERMISSION, "check signature failed.");
		});
	}

	private static RPCHook hook(String user, String secret) {
		return user == null ? null : new AclClientRPCHook(new SessionCredentials(user, secret));
	}

	private static DefaultMQProducer producer(Ctx c, String user, String secret) throws Exception {
		return c.start(c.setUp(new DefaultMQProducer(c.group("p"), hook(user, secret))));
	}

	private static Ctx.Taken take(Ctx c, String topic, String user) throws Exception {
		DefaultMQPushConsumer pc = c.setUp(new DefaultMQPushConsumer(c.group(user), hook(user, user + "-secret"),
				new AllocateMessageQueueAveragely()));
		pc.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
		pc.subscribe(topic, "*");
		return c.take(pc);
	}

	private static void refused(DefaultMQProducer p, String topic, int code, String why) throws Exception {
		says(code, why, () -> p.send(Ctx.msg(topic, "refused")));
	}

	private static void says(int code, String why, Ctx.Step s) throws Exception {
		Throwable t = Ctx.fails(Exception.class, why, s);
		String all = "";
		for (Throwable e = t; e != null; e = e.getCause()) {
			all += e + "\n";
		}
		Ctx.check(all.contains("CODE: " + code + " ") && all.contains(why), "not refused for " + why + ": " + all);
	}

	private static void acl(Ctx c) throws Exception {
		String t = c.topic("t");
		List<String> bodies = Ctx.names("m", 50);
		DefaultMQProducer p = producer(c, "works", "works-secret");
		for (String b : bodies) {
			p.send(Ctx.msg(t, b));
		}
		Ctx.exactly(take(c, t, "works"), bodies, 30000);
		Ctx.exactly(take(c, t, "reads"), bodies, 30000);
		refused(producer(c, "works", "wrong"), t, NO_PERMISSION, "check signature failed.");
		refused(producer(c, "none", "none"), t, NO_PERMISSION, "User:none is not found.");
		refused(producer(c, null, null), t, NO_PERMISSION, "username cannot be null.");
		refused(producer(c, "nobody", "nobody-secret"), t, NO_PERMISSION, "no matched policies.");
		refused(producer(c, "reads", "reads-secret"), t, NO_PERMISSION, "no matched policies.");
		DefaultMQPullConsumer puller = c.setUp(new DefaultMQPullConsumer(c.group("q"), hook("nobody", "nobody-secret")));
		puller.start();
		c.atEnd(puller::shutdown);
		says(NO_PERMISSION, "no matched policies.",
				() -> puller.pull(p.fetchPublishMessageQueues(t).get(0), "*", 0, 32));
		Ctx.exactly(take(c, t, "nobody"), Ctx.list(), 0);
		p.send(Ctx.msg(t, "after all"));        // what was refused cost nobody else anything
	}

	/** ACL 1.0: the accounts of harness/profiles.py. Refusals are exceptions of the broker. */
	private static void plain(Ctx c) throws Exception {
		String t = c.topic("t");
		List<String> bodies = Ctx.names("m", 50);
		DefaultMQProducer p = producer(c, "works-key", "works-key-secret");
		for (String b : bodies) {
			p.send(Ctx.msg(t, b));
		}
		Ctx.exactly(take(c, t, "works-key"), bodies, 30000);
		Ctx.exactly(take(c, t, "reads-key"), bodies, 30000);
		refused(producer(c, "works-key", "wrong"), t, SYSTEM_ERROR, "Check signature failed for accessKey=works-key");
		refused(producer(c, "no-such-key", "none"), t, SYSTEM_ERROR, "No acl config for no-such-key");
		refused(producer(c, null, null), t, SYSTEM_ERROR, "No accessKey is configured");
		refused(producer(c, "reads-key", "reads-key-secret"), t, SYSTEM_ERROR, "No default permission for topic:" + t);
		refused(p, "denied-topic", SYSTEM_ERROR, "No default permission for topic:denied-topic");
		DefaultMQPullConsumer puller = c.setUp(new DefaultMQPullConsumer("denied-group",
				hook("works-key", "works-key-secret")));
		puller.start();
		c.atEnd(puller::shutdown);
		says(SYSTEM_ERROR, "No default permission for group:denied-group",
				() -> puller.pull(p.fetchPublishMessageQueues(t).get(0), "*", 0, 32));
		producer(c, "white-key", "known by its address").send(Ctx.msg("denied-topic", "x"));
		plainReload(c, p);
	}

	/** The file of accounts is another one, while clients are connected. */
	private static void plainReload(Ctx c, DefaultMQProducer stays) throws Exception {
		String t = c.topic("t");
		DefaultMQProducer comes = producer(c, "comes-key", "comes-key-secret");
		DefaultMQProducer goes = producer(c, "goes-key", "goes-key-secret");
		goes.send(Ctx.msg(t, "x"));
		refused(comes, t, SYSTEM_ERROR, GONE);
		c.ask.ask("@accounts later");
		try {
			Ctx.await("the other accounts", 30000, () -> sends(comes, t));
			refused(goes, t, SYSTEM_ERROR, GONE);
			stays.send(Ctx.msg(t, "after all"));
		} finally {
			c.ask.ask("@accounts first");
		}
		Ctx.await("the first accounts", 30000, () -> sends(goes, t));
		refused(comes, t, SYSTEM_ERROR, GONE);
	}

	private static boolean sends(DefaultMQProducer p, String topic) throws Exception {
		try {
			p.send(Ctx.msg(topic, "x"));
			return true;
		} catch (MQBrokerException | MQClientException e) {
			return false;
		}
	}
}
