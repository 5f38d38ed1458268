// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;

import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;

/** The broker goes down and comes back while messages flow. */
final class Streams {
	private Streams() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("restart-term", c -> restart(c, "TERM"));
		all.put("restart-kill", c -> restart(c, "KILL"));
	}

	private static void restart(Ctx c, String sig) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		Ctx.Taken taken = c.take(c.group("g"), t, "*");
		List<String> sent = Collections.synchronizedList(new ArrayList<>());
		AtomicInteger stop = new AtomicInteger();
		c.producer().setSendMsgTimeout(3000);
		Thread sender = new Thread(() -> {
			for (int i = 0; stop.get() == 0; i++) {
				String name = String.format("m-%06d", i);
				try {
					SendResult r = c.producer().send(Ctx.msg(t, name));
					if (r.getSendStatus() == SendStatus.SEND_OK) {
						sent.add(name);
					}
					Thread.sleep(2);
				} catch (Exception e) {
					// not acknowledged: it may be there, or not
				}
			}
		});
		sender.start();
		try {
			Ctx.await("a start", 20000, () -> sent.size() >= 300 && taken.size() >= 300);
			c.ask.ask("@restart " + sig);
			int was = sent.size();
			Ctx.await("sends after the restart", 60000, () -> sent.size() >= was + 300);
		} finally {
			stop.set(1);
			sender.join(20000);
		}
		Ctx.await("all that was acknowledged, " + sent.size(), 60000,
				() -> new TreeSet<>(taken.sorted()).containsAll(sent));
	}
}
