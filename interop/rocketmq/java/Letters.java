// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;

import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;

/** What comes again, too late or never. */
final class Letters {
	private Letters() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("retry", Letters::retry);
		all.put("dead-letter", Letters::deadLetter);
		all.put("delay", Letters::delay);
	}

	private static void retry(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		List<String> counts = Collections.synchronizedList(new ArrayList<>());
		List<String> done = Collections.synchronizedList(new ArrayList<>());
		DefaultMQPushConsumer p = c.newConsumer(c.group("g"), t, "*");
		p.registerMessageListener((MessageListenerConcurrently) (msgs, context) -> {
			MessageExt m = msgs.get(0);
			if (Ctx.text(m).equals("bad")) {
				counts.add(m.getTopic() + " " + m.getReconsumeTimes() + " " + m.getTags() + " " + m.getUserProperty("p"));
				if (m.getReconsumeTimes() < 2) {
					context.setDelayLevelWhenNextConsume(1);
					return ConsumeConcurrentlyStatus.RECONSUME_LATER;
				}
			}
			done.add(Ctx.text(m));
			return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
		});
		c.start(p);
		Message bad = Ctx.msg(t, "tag", "bad");
		bad.putUserProperty("p", "1");
		c.send(bad);
		c.sendAll(t, Ctx.names("good", 10));
		Ctx.await("all of them", 40000, () -> done.size() == 11);
		Ctx.equal(counts, Ctx.list(t + " 0 tag 1", t + " 1 tag 1", t + " 2 tag 1"), "attempts");
	}

	private static void deadLetter(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		List<Integer> counts = Collections.synchronizedList(new ArrayList<>());
		DefaultMQPushConsumer p = c.newConsumer(c.group("g"), t, "*");
		p.setMaxReconsumeTimes(1);
		p.registerMessageListener((MessageListenerConcurrently) (msgs, context) -> {
			counts.add(msgs.get(0).getReconsumeTimes());
			context.setDelayLevelWhenNextConsume(1);
			return ConsumeConcurrentlyStatus.RECONSUME_LATER;
		});
		c.start(p);
		c.send(Ctx.msg(t, "tag", "dead"));
		Ctx.await("both attempts", 30000, () -> counts.size() == 2);
		List<MessageExt> dead = c.read("%DLQ%" + c.group("g"), 1);
		Ctx.equal(Ctx.texts(dead), Ctx.list("dead"), "dead letters");
		Ctx.equal(dead.get(0).getTags(), "tag", "its tag");
		Ctx.equal(dead.get(0).getProperty("RETRY_TOPIC"), t, "its topic");
		Ctx.equal(counts, java.util.Arrays.asList(0, 1), "attempts");
	}

	private static void delay(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		Ctx.Taken taken = c.take(c.group("g"), t, "*");
		int[] level = {0, 1, 2};
		int[] ms = {0, 1000, 5000};
		for (int i = 2; i >= 0; i--) {
			Message m = Ctx.msg(t, "tag", "level " + i);
			m.setDelayTimeLevel(level[i]);
			c.send(m);
		}
		Ctx.exactly(taken, Ctx.list("level 0", "level 1", "level 2"), 30000);
		for (MessageExt m : taken.list()) {
			int i = Ctx.text(m).charAt(6) - '0';
			long late = m.getStoreTimestamp() - m.getBornTimestamp() - ms[i];
			Ctx.check(late >= -50 && late < 3000, "level " + i + " was late by " + late + " ms");
			Ctx.equal(m.getTags(), "tag", "tags");
		}
	}
}
