// SPDX-License-Identifier: Apache-2.0
import java.util.List;
import java.util.Map;

import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.remoting.RPCHook;

/** Signed requests; the users are those of harness/profiles.py. */
final class Acl {
	private Acl() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("acl", Acl::acl);
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
			refused(producer(c, "root", "wrong"), t, "check signature failed.");
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

	private static void refused(DefaultMQProducer p, String topic, String why) throws Exception {
		says(why, () -> p.send(Ctx.msg(topic, "refused")));
	}

	private static void says(String why, Ctx.Step s) throws Exception {
		Throwable t = Ctx.fails(Exception.class, why, s);
		String all = "";
		for (Throwable e = t; e != null; e = e.getCause()) {
			all += e + "\n";
		}
		Ctx.check(all.contains("CODE: 16") && all.contains(why), "not refused for " + why + ": " + all);
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
		refused(producer(c, "works", "wrong"), t, "check signature failed.");
		refused(producer(c, "none", "none"), t, "User:none is not found.");
		refused(producer(c, null, null), t, "username cannot be null.");
		refused(producer(c, "nobody", "nobody-secret"), t, "no matched policies.");
		refused(producer(c, "reads", "reads-secret"), t, "no matched policies.");
		DefaultMQPullConsumer puller = c.setUp(new DefaultMQPullConsumer(c.group("q"), hook("nobody", "nobody-secret")));
		puller.start();
		c.atEnd(puller::shutdown);
		says("no matched policies.",
				() -> puller.pull(p.fetchPublishMessageQueues(t).get(0), "*", 0, 32));
		Ctx.exactly(take(c, t, "nobody"), Ctx.list(), 0);
		p.send(Ctx.msg(t, "after all"));        // what was refused cost nobody else anything
	}
}
