// SPDX-License-Identifier: Apache-2.0
import java.util.List;
import java.util.Map;

import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.MessageId;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.Reader;
import org.apache.pulsar.client.api.ReaderBuilder;
import org.apache.pulsar.shade.com.fasterxml.jackson.databind.JsonNode;

/** Seek, readers, the last message id. */
final class Cursors {
	private Cursors() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("seek-id", Cursors::seekId);
		all.put("seek-time", Cursors::seekTime);
		all.put("reader-id", Cursors::readerId);
		all.put("reader-ends", Cursors::readerEnds);
		all.put("last-message-id", Cursors::lastMessageId);
	}

	/** A seek closes the consumer for a moment, and 2.9 refuses to seek until it is back. */
	private static Consumer<byte[]> connected(Consumer<byte[]> c) throws Exception {
		Ctx.until("the consumer is connected", c::isConnected);
		return c;
	}

	private static void seekId(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Consumer<byte[]> c = ctx.consumer(t).subscribe();
		Producer<byte[]> p = ctx.producer(t).create();
		List<MessageId> ids = Ctx.sendN(p, 0, 20);
		Ctx.receiveN(c, 20);
		connected(c).seek(ids.get(5));
		Ctx.equal(Ctx.texts(Ctx.receiveN(c, 14)), Ctx.bodies(6, 14), "back: what follows the message");
		Ctx.nothing(c);
		connected(c).seek(MessageId.earliest);
		Ctx.equal(Ctx.texts(Ctx.receiveN(c, 10)), Ctx.bodies(0, 10), "earliest");
		connected(c).seek(ids.get(14));
		Ctx.equal(Ctx.texts(Ctx.receiveN(c, 5)), Ctx.bodies(15, 5), "forward");
		connected(c).seek(MessageId.earliest);
		connected(c).seek(MessageId.latest);
		Ctx.nothing(c);
		Ctx.sendN(p, 20, 3);
		Ctx.equal(Ctx.texts(Ctx.receiveN(c, 3)), Ctx.bodies(20, 3), "latest: only what comes now");
		c.close();
		c = ctx.consumer(t).startMessageIdInclusive().subscribe();
		connected(c).seek(ids.get(5));
		Ctx.equal(Ctx.texts(Ctx.receiveN(c, 18)), Ctx.bodies(5, 18), "back, with the message itself");
		c.close();
		Ctx.nothing(ctx.consumer(t).subscribe());
		t = ctx.topic("batch");
		c = ctx.consumer(t).subscribe();
		ids = Ctx.sendN(ctx.batcher(t, 10).create(), 0, 30);
		Ctx.receiveN(c, 30);
		connected(c).seek(ids.get(13));
		Ctx.equal(Ctx.texts(Ctx.receiveN(c, 16)), Ctx.bodies(14, 16), "the rest of the batch and what follows");
		Ctx.nothing(c);
	}

	private static void seekTime(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Consumer<byte[]> c = ctx.consumer(t).subscribe();
		Producer<byte[]> p = ctx.producer(t).create();
		Ctx.sendN(p, 0, 10);
		Thread.sleep(50);
		long middle = System.currentTimeMillis();
		Thread.sleep(50);
		Ctx.sendN(p, 10, 10);
		Ctx.receiveN(c, 20);
		connected(c).seek(middle);
		Ctx.equal(Ctx.texts(Ctx.receiveN(c, 10)), Ctx.bodies(10, 10), "back");
		Ctx.nothing(c);
		connected(c).seek(1L);
		Ctx.equal(Ctx.texts(Ctx.receiveN(c, 5)), Ctx.bodies(0, 5), "before everything");
		connected(c).seek(middle);
		Ctx.equal(Ctx.texts(Ctx.receiveN(c, 10)), Ctx.bodies(10, 10), "forward");
		connected(c).seek(1L);
		connected(c).seek(System.currentTimeMillis() + 100_000);
		Ctx.nothing(c);
		Ctx.sendN(p, 20, 3);
		Ctx.equal(Ctx.texts(Ctx.receiveN(c, 3)), Ctx.bodies(20, 3), "after everything: only what comes now");
	}

	private static ReaderBuilder<byte[]> reader(Ctx ctx, String t, MessageId from) throws Exception {
		return ctx.client().newReader().topic(t).startMessageId(from);
	}

	private static void readerId(Ctx ctx) throws Exception {
		String t = ctx.topic();
		List<MessageId> ids = Ctx.sendN(ctx.producer(t).create(), 0, 20);
		Reader<byte[]> r = reader(ctx, t, ids.get(9)).create();
		Ctx.equal(Ctx.readN(r, 10), Ctx.bodies(10, 10), "exclusive");
		Ctx.check(!r.hasMessageAvailable(), "nothing more");
		r = reader(ctx, t, ids.get(9)).startMessageIdInclusive().create();
		Ctx.equal(Ctx.readN(r, 11), Ctx.bodies(9, 11), "inclusive");
		r = reader(ctx, t, MessageId.fromByteArray(ids.get(4).toByteArray())).create();
		Ctx.equal(Ctx.readN(r, 15), Ctx.bodies(5, 15), "from an id that was stored as bytes");
		r.seek(ids.get(15));
		Ctx.equal(Ctx.readN(r, 4), Ctx.bodies(16, 4), "after a seek");
		t = ctx.topic("batch");
		ids = Ctx.sendN(ctx.batcher(t, 10).create(), 0, 30);
		r = reader(ctx, t, ids.get(13)).create();
		Ctx.equal(Ctx.readN(r, 16), Ctx.bodies(14, 16), "from inside a batch");
		r = reader(ctx, t, ids.get(13)).startMessageIdInclusive().create();
		Ctx.equal(Ctx.readN(r, 17), Ctx.bodies(13, 17), "from inside a batch, inclusive");
	}

	private static void readerEnds(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Producer<byte[]> p = ctx.producer(t).create();
		Ctx.sendN(p, 0, 10);
		Reader<byte[]> first = reader(ctx, t, MessageId.earliest).create();
		Reader<byte[]> last = reader(ctx, t, MessageId.latest).create();
		Ctx.check(first.hasMessageAvailable(), "messages from the earliest");
		Ctx.check(!last.hasMessageAvailable(), "none from the latest");
		Ctx.equal(Ctx.readN(first, 10), Ctx.bodies(0, 10), "earliest");
		Ctx.check(!first.hasMessageAvailable(), "all read");
		Ctx.sendN(p, 10, 5);
		Ctx.check(first.hasMessageAvailable(), "more");
		Ctx.check(last.hasMessageAvailable(), "more for the latest");
		Ctx.equal(Ctx.readN(last, 5), Ctx.bodies(10, 5), "latest");
		Ctx.equal(Ctx.readN(first, 5), Ctx.bodies(10, 5), "earliest goes on");
		Ctx.check(!last.hasMessageAvailable(), "all read");
		int n = 0;
		for (JsonNode s : ctx.stats(t).get("subscriptions")) {
			n++;
			Ctx.check(!s.get("durable").asBoolean(), "readers are not durable");
		}
		Ctx.equal(n, 2, "subscriptions of readers");
		first.close();
		last.close();
		Ctx.until("a reader leaves nothing behind", () -> ctx.stats(t).get("subscriptions").size() == 0);
	}

	private static void lastMessageId(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Consumer<byte[]> c = ctx.consumer(t).subscribe();
		Ctx.equal(Ctx.entry(c.getLastMessageId()), -1L, "an empty topic");
		MessageId one = ctx.producer(t).create().send(Ctx.bytes("m-0"));
		Ctx.equal(Ctx.where(c.getLastMessageId()), Ctx.where(one), "a message");
		List<MessageId> ids = Ctx.sendN(ctx.batcher(t, 10).create(), 0, 10);
		MessageId last = c.getLastMessageId();
		Ctx.equal(Ctx.where(last), Ctx.where(ids.get(9)), "a batch");
		Ctx.equal(Ctx.batchIndex(last), 9, "its last message");
		Ctx.receiveN(c, 11);
		Ctx.equal(Ctx.where(c.getLastMessageId()), Ctx.where(last), "acks don't move it");
	}
}
