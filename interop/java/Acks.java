// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.ConsumerBuilder;
import org.apache.pulsar.client.api.DeadLetterPolicy;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.MessageId;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.PulsarClientException;
import org.apache.pulsar.client.api.SubscriptionType;

/** Acknowledgements, negative acknowledgements, redelivery, retry and dead letters. */
final class Acks {
	private Acks() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("ack-individual", Acks::individual);
		all.put("ack-cumulative", Acks::cumulative);
		all.put("ack-batch-index", Acks::batchIndex);
		all.put("ack-receipt", Acks::receipt);
		all.put("nack", Acks::nack);
		all.put("ack-timeout", Acks::timeout);
		all.put("retry-letter", Acks::retryLetter);
		all.put("dead-letter", Acks::deadLetter);
	}

	private static ConsumerBuilder<byte[]> sub(Ctx ctx, String t, SubscriptionType type) throws Exception {
		return ctx.consumer(type, t).subscriptionName("sub-" + type);
	}

	private static void individual(Ctx ctx) throws Exception {
		String t = ctx.topic();
		List<SubscriptionType> types = List.of(SubscriptionType.Exclusive, SubscriptionType.Shared);
		for (SubscriptionType type : types) {
			sub(ctx, t, type).subscribe().close();
		}
		Ctx.sendN(ctx.producer(t).create(), 0, 100);
		for (SubscriptionType type : types) {
			Consumer<byte[]> c = sub(ctx, t, type).subscribe();
			List<Message<byte[]>> got = Ctx.receiveN(c, 100, false, 15000);
			List<MessageId> many = new ArrayList<>();
			for (int i = 1; i < 100; i += 2) {
				if (i < 50) {
					c.acknowledge(got.get(i));
				} else {
					many.add(got.get(i).getMessageId());
				}
			}
			c.acknowledge(many);
			c.close();
			c = sub(ctx, t, type).subscribe();
			got = Ctx.receiveN(c, 50);
			Ctx.equal(Ctx.texts(got), IntStream.range(0, 50).mapToObj(i -> "m-" + 2 * i).collect(Collectors.toList()),
					"the unacked half comes again, in order");
			Ctx.nothing(c);
			c.acknowledge(got.get(0));      // a second ack is nothing to worry about
			c.close();
			Ctx.nothing(sub(ctx, t, type).subscribe());
			Ctx.until("backlog is 0", () -> ctx.backlog(t, "sub-" + type) == 0);
		}
	}

	private static void cumulative(Ctx ctx) throws Exception {
		String t = ctx.topic();
		List<SubscriptionType> types = List.of(SubscriptionType.Exclusive, SubscriptionType.Failover);
		for (SubscriptionType type : types) {
			sub(ctx, t, type).subscribe().close();
		}
		Ctx.sendN(ctx.producer(t).create(), 0, 100);
		for (SubscriptionType type : types) {
			Consumer<byte[]> c = sub(ctx, t, type).subscribe();
			List<Message<byte[]>> got = Ctx.receiveN(c, 100, false, 15000);
			c.acknowledge(got.get(80));
			c.acknowledgeCumulative(got.get(59));
			c.close();
			c = sub(ctx, t, type).subscribe();
			got = Ctx.receiveN(c, 39, false, 15000);
			Ctx.equal(Ctx.texts(got), IntStream.range(60, 100).filter(i -> i != 80).mapToObj(i -> "m-" + i)
					.collect(Collectors.toList()), "what was behind the ack");
			c.acknowledgeCumulative(got.get(38));
			c.close();
			Ctx.nothing(sub(ctx, t, type).subscribe());
			Ctx.until("backlog is 0", () -> ctx.backlog(t, "sub-" + type) == 0);
		}
		Consumer<byte[]> c = ctx.consumer(SubscriptionType.Shared, t).subscribe();
		Message<byte[]> m = Ctx.receiveN(c, 1, false, 15000).get(0);
		Ctx.fails(PulsarClientException.class, "cumulative ack, Shared", () -> c.acknowledgeCumulative(m));
	}

	private static void batchIndex(Ctx ctx) throws Exception {
		String t = ctx.topic();
		ctx.consumer(t).enableBatchIndexAcknowledgment(true).subscribe().close();
		Ctx.sendN(ctx.batcher(t, 10).create(), 0, 100);
		Consumer<byte[]> c = ctx.consumer(t).enableBatchIndexAcknowledgment(true).subscribe();
		List<Message<byte[]>> got = Ctx.receiveN(c, 100, false, 15000);
		Ctx.equal(got.stream().map(m -> Ctx.batchIndex(m.getMessageId())).distinct().count(), 10L, "batches of ten");
		// none of the batch that the cumulative ack below ends in: brokers differ in whether it unites with these
		List<Integer> left = IntStream.range(0, 100).filter(i -> i % 3 != 0 || i >= 40 && i < 50).boxed()
				.collect(Collectors.toList());
		for (int i = 0; i < 100; i++) {
			if (!left.contains(i)) {
				c.acknowledge(got.get(i));
			}
		}
		c.close();
		c = ctx.consumer(t).enableBatchIndexAcknowledgment(true).subscribe();
		got = Ctx.receiveN(c, left.size(), false, 15000);
		Ctx.equal(got.stream().map(Ctx::number).collect(Collectors.toList()), left,
				"only the unacked messages of each batch come again");
		c.acknowledgeCumulative(got.stream().filter(m -> Ctx.number(m) == 44).findFirst().get());
		c.close();
		left.removeIf(i -> i <= 44);
		c = ctx.consumer(t).enableBatchIndexAcknowledgment(true).subscribe();
		got = Ctx.receiveN(c, left.size());
		Ctx.equal(got.stream().map(Ctx::number).collect(Collectors.toList()), left,
				"what was behind the cumulative ack");
		c.close();
		Ctx.nothing(ctx.consumer(t).enableBatchIndexAcknowledgment(true).subscribe());
		Ctx.until("backlog is 0", () -> ctx.backlog(t, "sub") == 0);
	}

	private static void receipt(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Consumer<byte[]> c = ctx.consumer(t).isAckReceiptEnabled(true).subscribe();
		Ctx.sendN(ctx.producer(t).create(), 0, 100);
		List<Message<byte[]>> got = Ctx.receiveN(c, 100, false, 15000);
		List<CompletableFuture<Void>> receipts = new ArrayList<>();
		for (int i = 0; i < 40; i++) {
			receipts.add(c.acknowledgeAsync(got.get(i)));
		}
		for (CompletableFuture<Void> r : receipts) {
			r.get(10, TimeUnit.SECONDS);
		}
		c.acknowledge(got.subList(40, 60).stream().map(Message::getMessageId).collect(Collectors.toList()));
		c.acknowledgeCumulative(got.get(79));
		Ctx.until("backlog after the receipts", () -> ctx.backlog(t, "sub") == 20);
		c.close();
		c = ctx.consumer(t).isAckReceiptEnabled(true).enableBatchIndexAcknowledgment(true).subscribe();
		Ctx.equal(Ctx.texts(Ctx.receiveN(c, 20)), Ctx.bodies(80, 20), "the rest");
		Ctx.sendN(ctx.batcher(t, 10).create(), 0, 10);
		got = Ctx.receiveN(c, 10, false, 15000);
		for (int i = 0; i < 10; i++) {
			c.acknowledgeAsync(got.get(i)).get(10, TimeUnit.SECONDS);
		}
		c.close();
		Ctx.nothing(ctx.consumer(t).subscribe());
	}

	private static void nack(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Consumer<byte[]> c = ctx.consumer(SubscriptionType.Shared, t)
				.negativeAckRedeliveryDelay(100, TimeUnit.MILLISECONDS).subscribe();
		Ctx.sendN(ctx.producer(t).create(), 0, 10);
		for (int count = 0; count < 3; count++) {
			List<Message<byte[]>> got = Ctx.receiveN(c, 10, false, 15000);
			Ctx.equal(Ctx.sorted(Ctx.texts(got)), Ctx.bodies(0, 10), "all ten");
			for (Message<byte[]> m : got) {
				Ctx.equal(m.getRedeliveryCount(), count, "redelivery count");
				c.negativeAcknowledge(m);
			}
		}
		List<Message<byte[]>> got = Ctx.receiveN(c, 10, false, 15000);
		for (Message<byte[]> m : got.subList(1, 10)) {
			c.acknowledge(m);
		}
		c.negativeAcknowledge(got.get(0));
		Message<byte[]> m = Ctx.receiveN(c, 1).get(0);
		Ctx.equal(Ctx.text(m), Ctx.text(got.get(0)), "the one that was left");
		Ctx.equal(m.getRedeliveryCount(), 4, "its count");
		Ctx.nothing(c);
		c.close();
		c = ctx.consumer(t).subscriptionName("other").negativeAckRedeliveryDelay(100, TimeUnit.MILLISECONDS)
				.subscribe();
		got = Ctx.receiveN(c, 10, false, 15000);
		for (int i = 0; i < 10; i++) {
			if (i < 5) {
				c.acknowledge(got.get(i));
			} else {
				c.negativeAcknowledge(got.get(i));
			}
		}
		Ctx.equal(Ctx.texts(Ctx.receiveN(c, 5)), Ctx.bodies(5, 5), "exclusive subscription: in order");
		Ctx.nothing(c);
	}

	private static void timeout(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Consumer<byte[]> c = ctx.consumer(SubscriptionType.Shared, t).ackTimeout(2, TimeUnit.SECONDS)
				.ackTimeoutTickTime(500, TimeUnit.MILLISECONDS).subscribe();
		Ctx.sendN(ctx.producer(t).create(), 0, 10);
		List<Message<byte[]>> got = Ctx.receiveN(c, 10, false, 15000);
		for (int i = 0; i < 6; i++) {
			c.acknowledge(got.get(i));
		}
		long t0 = System.nanoTime();
		got = Ctx.receiveN(c, 4);
		Ctx.check(System.nanoTime() - t0 > 1_000_000_000L, "not before the timeout");
		Ctx.equal(Ctx.sorted(Ctx.texts(got)), Ctx.bodies(6, 4), "the unacked ones");
		Ctx.check(got.stream().allMatch(m -> m.getRedeliveryCount() >= 1), "redelivery count");
		Ctx.nothing(c);
		Ctx.sendN(ctx.producer(t).create(), 10, 5);
		Ctx.receiveN(c, 5, false, 15000);
		c.redeliverUnacknowledgedMessages();
		Ctx.equal(Ctx.sorted(Ctx.texts(Ctx.receiveN(c, 5))), Ctx.bodies(10, 5), "redelivered on demand");
	}

	/** How often each body came, while the even ones are acked and the odd ones handled by "refuse". */
	private interface Refuse {
		void message(Message<byte[]> m) throws Exception;
	}

	private static Map<String, Integer> deliveries(Consumer<byte[]> c, int each, Refuse refuse) throws Exception {
		Map<String, Integer> counts = new HashMap<>();
		for (int i = 0; i < 5 + 5 * each; i++) {
			Message<byte[]> m = Ctx.receiveN(c, 1, false, 15000).get(0);
			counts.merge(Ctx.text(m), 1, Integer::sum);
			if (Ctx.number(m) % 2 == 0) {
				c.acknowledge(m);
			} else {
				refuse.message(m);
			}
		}
		return counts;
	}

	private static void deadLetters(Ctx ctx, String t, String dlq, Map<String, Integer> counts, boolean ordered)
			throws Exception {
		for (String b : Ctx.bodies(0, 10)) {
			int want = Integer.parseInt(b.substring(2)) % 2 == 0 ? 1 : 3;
			Ctx.equal(counts.get(b), want, "deliveries of " + b);
		}
		Consumer<byte[]> d = ctx.consumer(dlq).subscriptionName("undertaker").subscribe();
		List<Message<byte[]>> got = Ctx.receiveN(d, 5);
		Ctx.equal(ordered ? Ctx.texts(got) : Ctx.sorted(Ctx.texts(got)), List.of("m-1", "m-3", "m-5", "m-7", "m-9"),
				"dead letters");
		for (Message<byte[]> m : got) {
			Ctx.equal(m.getProperty("n"), "" + Ctx.number(m), "own properties");
			Ctx.equal(m.getProperty("REAL_TOPIC"), t, "REAL_TOPIC");
			Set<String> names = new HashSet<>(m.getProperties().keySet());
			Ctx.check(names.contains("ORIGIN_MESSAGE_ID") || names.contains("ORIGIN_MESSAGE_IDY_TIME"),
					"origin id: " + m.getProperties());
			// 2.9 drops the key on the way
			Ctx.check(m.getKey() == null && Ctx.OLD || ("k" + Ctx.number(m)).equals(m.getKey()), "key: " + m.getKey());
		}
	}

	private static void letters(Ctx ctx, String t) throws Exception {
		Producer<byte[]> p = ctx.producer(t).create();
		for (int i = 0; i < 10; i++) {
			p.newMessage().key("k" + i).property("n", "" + i).value(Ctx.bytes("m-" + i)).send();
		}
	}

	private static void retryLetter(Ctx ctx) throws Exception {
		String t = ctx.topic();
		String dlq = t + "-sub-DLQ";
		Consumer<byte[]> c = ctx.consumer(SubscriptionType.Shared, t).enableRetry(true)
				.deadLetterPolicy(DeadLetterPolicy.builder().maxRedeliverCount(2).build()).subscribe();
		letters(ctx, t);
		// the order below is that of the messages as long as the retry topic keeps it
		ctx.consumer(dlq).subscriptionName("undertaker").subscribe().close();
		Map<String, List<String>> retried = new HashMap<>();
		Map<String, Integer> counts = deliveries(c, 3, m -> {
			if (m.getProperty("RECONSUMETIMES") != null) {
				retried.computeIfAbsent(Ctx.text(m), b -> new ArrayList<>()).add(m.getProperty("RECONSUMETIMES"));
				Ctx.equal(m.getTopicName(), t + "-sub-RETRY", "retry topic");
				Ctx.equal(m.getProperty("REAL_TOPIC"), t, "REAL_TOPIC");
				Ctx.equal(m.getProperty("n"), "" + Ctx.number(m), "own properties");
				Ctx.check(m.getProperty("DELAY_TIME") != null, "DELAY_TIME");
			}
			c.reconsumeLater(m, 500, TimeUnit.MILLISECONDS);
		});
		for (String b : List.of("m-1", "m-3", "m-5", "m-7", "m-9")) {
			Ctx.equal(retried.get(b), List.of("1", "2"), "RECONSUMETIMES of " + b);
		}
		deadLetters(ctx, t, dlq, counts, true);
		Ctx.nothing(c);
		Ctx.until("the topic's backlog is 0", () -> ctx.backlog(t, "sub") == 0);
		Ctx.until("the retry topic's backlog is 0", () -> ctx.backlog(t + "-sub-RETRY", "sub") == 0);
	}

	private static void deadLetter(Ctx ctx) throws Exception {
		String t = ctx.topic();
		String dlq = ctx.topic("dlq");
		ctx.consumer(dlq).subscriptionName("undertaker").subscribe().close();
		Consumer<byte[]> c = ctx.consumer(SubscriptionType.Shared, t)
				.negativeAckRedeliveryDelay(100, TimeUnit.MILLISECONDS)
				.deadLetterPolicy(DeadLetterPolicy.builder().maxRedeliverCount(2).deadLetterTopic(dlq).build())
				.subscribe();
		letters(ctx, t);
		Map<String, Integer> soFar = new HashMap<>();
		Map<String, Integer> counts = deliveries(c, 3, m -> {
			Ctx.equal(m.getRedeliveryCount(), soFar.merge(Ctx.text(m), 1, Integer::sum) - 1, "redelivery count");
			c.negativeAcknowledge(m);
		});
		// newer clients keep the refused ones in a set: they give them to the dead letter topic in any order
		deadLetters(ctx, t, dlq, counts, false);
		Ctx.nothing(c);
		Ctx.until("the topic's backlog is 0", () -> ctx.backlog(t, "sub") == 0);
	}
}
