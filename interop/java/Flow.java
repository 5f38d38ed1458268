// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;

import org.apache.pulsar.client.api.MessageId;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.TypedMessageBuilder;

/** A producer that sends numbered messages at a steady rate until it is finished. */
final class Flow extends Thread {
	private final Producer<byte[]> producer;
	private final int rate;
	private final int keys;
	private final List<CompletableFuture<MessageId>> receipts = Collections.synchronizedList(new ArrayList<>());
	private volatile boolean halt;
	private volatile Throwable error;

	Flow(Producer<byte[]> producer, int rate, int keys) {
		this.producer = producer;
		this.rate = rate;
		this.keys = keys;
		setDaemon(true);
		start();
	}

	@Override
	public void run() {
		try {
			for (int i = 0; !halt; i++) {
				TypedMessageBuilder<byte[]> m = producer.newMessage().value(Ctx.bytes("m-" + i));
				if (keys > 0) {
					m.key("k" + i % keys);
				}
				receipts.add(m.sendAsync());
				Thread.sleep(1000 / rate);
			}
		} catch (Throwable t) {
			error = t;
		}
	}

	/** Stops sending and waits for all receipts; returns how many messages went out: 0 ... n - 1. */
	int finish() throws Exception {
		halt = true;
		join(20_000);
		Ctx.check(!isAlive(), "the producer hangs");
		Ctx.check(error == null, "sending: " + error);
		long end = System.nanoTime() + 60_000_000_000L;
		for (CompletableFuture<MessageId> r : receipts) {
			r.get(Math.max(1, end - System.nanoTime()), TimeUnit.NANOSECONDS);
		}
		return receipts.size();
	}
}
