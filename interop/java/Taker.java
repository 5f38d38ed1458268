// SPDX-License-Identifier: Apache-2.0
import java.util.concurrent.TimeUnit;

import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.Message;

/** A thread that receives and acknowledges until it leaves. */
final class Taker extends Thread {
	private final Consumer<byte[]> consumer;
	private final Arrivals arrivals;
	private final String who;
	private volatile boolean halt;
	private volatile Throwable error;

	Taker(Consumer<byte[]> consumer, Arrivals arrivals, String who) {
		this.consumer = consumer;
		this.arrivals = arrivals;
		this.who = who;
		setDaemon(true);
		start();
	}

	@Override
	public void run() {
		try {
			while (!halt) {
				Message<byte[]> m = consumer.receive(100, TimeUnit.MILLISECONDS);
				if (m != null) {
					arrivals.add(m, who);
					consumer.acknowledgeAsync(m);
				}
			}
		} catch (Throwable t) {
			error = t;
		}
	}

	void leave() throws Exception {
		halt = true;
		join(20_000);
		Ctx.check(!isAlive(), "consumer " + who + " hangs");
		Ctx.check(error == null, "consumer " + who + ": " + error);
		consumer.close();
	}
}
