// SPDX-License-Identifier: Apache-2.0
import java.util.Map;

import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;

/** What clients have since 5.3. */
final class Recall {
	private Recall() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("recall", Recall::recall);
	}

	private static void recall(Ctx c) throws Exception {
		String t = c.topic("t");
		c.create(t, 4);
		Ctx.Taken taken = c.take(c.group("g"), t, "*");
		long at = System.currentTimeMillis() + 6000;
		SendResult back = null;
		for (String s : Ctx.list("recalled", "kept")) {
			Message m = Ctx.msg(t, s);
			m.setDeliverTimeMs(at);
			SendResult r = c.send(m);
			Ctx.check(r.getRecallHandle() != null, "no handle");
			back = s.equals("recalled") ? r : back;
		}
		Ctx.equal(c.producer().recallMessage(t, back.getRecallHandle()), back.getMsgId(), "id of what was recalled");
		Ctx.exactly(taken, Ctx.list("kept"), 30000);
		Ctx.fails(Exception.class, "a bad handle", () -> c.producer().recallMessage(t, "nonsense"));
	}
}
