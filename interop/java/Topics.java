// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.apache.pulsar.PulsarVersion;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.MessageId;
import org.apache.pulsar.client.api.MessageRoutingMode;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.PulsarClient;
import org.apache.pulsar.client.api.PulsarClientException;
import org.apache.pulsar.client.api.Reader;
import org.apache.pulsar.client.api.Schema;
import org.apache.pulsar.client.api.SubscriptionInitialPosition;
import org.apache.pulsar.client.api.SubscriptionType;
import org.apache.pulsar.client.impl.ConsumerImpl;
import org.apache.pulsar.shade.com.fasterxml.jackson.databind.JsonNode;

/** Partitions, patterns, several topics, schemas, names, closing, ending, counting. */
final class Topics {
	private Topics() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("partitioned", Topics::partitioned);
		all.put("pattern", Topics::pattern);
		all.put("multi-topic", Topics::multiTopic);
		all.put("schema-string", Topics::schemaString);
		all.put("schema-json", Topics::schemaJson);
		all.put("producer-busy", Topics::producerBusy);
		all.put("subscribe-rate", Topics::subscribeRate);
		all.put("close", Topics::close);
		all.put("terminate", Topics::terminate);
		all.put("stats", Topics::stats);
	}

	private static List<String> plus(List<String> a, List<String> b) {
		List<String> l = new ArrayList<>(a);
		l.addAll(b);
		return l;
	}

	private static void partitioned(Ctx ctx) throws Exception {
		String t = ctx.topic();
		ctx.partitions(t, 4);
		List<String> parts = IntStream.range(0, 4).mapToObj(i -> t + "-partition-" + i).collect(Collectors.toList());
		Ctx.equal(ctx.client().getPartitionsForTopic(t).get(), parts, "names of the partitions");
		Consumer<byte[]> c = ctx.consumer(t).subscribe();
		Producer<byte[]> p = ctx.producer(t).messageRoutingMode(MessageRoutingMode.RoundRobinPartition).create();
		Ctx.sendN(p, 0, 100);
		List<Message<byte[]>> got = Ctx.receiveN(c, 100);
		Ctx.equal(Ctx.sorted(Ctx.texts(got)), Ctx.sorted(Ctx.bodies(0, 100)), "all messages");
		Ctx.equal(got.stream().map(Message::getTopicName).collect(Collectors.toSet()), new HashSet<>(parts),
				"partitions used");
		for (String part : parts) {
			int last = -1;
			for (Message<byte[]> m : got) {
				if (m.getTopicName().equals(part)) {
					Ctx.check(Ctx.number(m) > last, "order in a partition");
					last = Ctx.number(m);
				}
			}
		}
		Ctx.sendN(p, 0, 100, i -> "key-" + i % 10);
		got = Ctx.receiveN(c, 100);
		for (int k = 0; k < 10; k++) {
			int rest = k;
			List<Message<byte[]>> mine = got.stream().filter(m -> m.getKey().equals("key-" + rest))
					.collect(Collectors.toList());
			Ctx.equal(mine.stream().map(Message::getTopicName).distinct().count(), 1L, "partitions of one key");
			Ctx.equal(mine.stream().map(Ctx::number).collect(Collectors.toList()), IntStream.range(0, 100)
					.filter(i -> i % 10 == rest).boxed().collect(Collectors.toList()), "order of one key");
		}
		c.close();
		Ctx.nothing(ctx.consumer(t).subscribe());
		Ctx.receiveN(ctx.consumer(parts.get(2)).subscriptionName("direct").subscribe(), 1);
		// all partitions by one reader
		Reader<byte[]> r = ctx.client().newReader().topic(t).startMessageId(MessageId.earliest).create();
		Ctx.equal(new HashSet<>(Ctx.readN(r, 200)), new HashSet<>(Ctx.bodies(0, 100)), "a reader gets all of it");
		Ctx.check(!r.hasMessageAvailable(), "and then nothing");
	}

	private static void pattern(Ctx ctx) throws Exception {
		List<String> early = List.of(ctx.topic("match-a"), ctx.topic("match-b"));
		for (String t : plus(early, List.of(ctx.topic("other")))) {
			ctx.producer(t).create().send(Ctx.bytes(t));
		}
		Consumer<byte[]> c = ctx.client().newConsumer().subscriptionName("sub")
				.acknowledgmentGroupTime(0, TimeUnit.MILLISECONDS)
				.topicsPattern(Pattern.compile("persistent://public/default/" + ctx.unique + "-match-.*"))
				.patternAutoDiscoveryPeriod(1, TimeUnit.SECONDS)
				.subscriptionInitialPosition(SubscriptionInitialPosition.Earliest).subscribe();
		Ctx.equal(Ctx.sorted(Ctx.texts(Ctx.receiveN(c, 2))), early, "topics that were there");
		String late = ctx.topic("match-late");
		String parted = ctx.topic("match-parted");
		ctx.producer(late).create().send(Ctx.bytes("late"));
		Ctx.equal(Ctx.texts(Ctx.receiveN(c, 1, true, 30_000)), List.of("late"), "a topic made after subscribing");
		// 3.0.7 doesn't find new partitions by itself, whatever the broker
		if (!PulsarVersion.getVersion().startsWith("3.0.")) {
			ctx.partitions(parted, 2);
			Ctx.sendN(ctx.producer(parted).create(), 0, 10);
			Ctx.equal(Ctx.sorted(Ctx.texts(Ctx.receiveN(c, 10, true, 30_000))), Ctx.bodies(0, 10),
					"a partitioned topic made after subscribing");
		}
		Ctx.nothing(c);
		c.close();
		Ctx.nothing(ctx.consumer(late).subscribe());
	}

	private static void multiTopic(Ctx ctx) throws Exception {
		String[] three = {ctx.topic("t0"), ctx.topic("t1"), ctx.topic("t2")};
		ctx.partitions(three[2], 2);
		Consumer<byte[]> c = ctx.consumer(three).subscribe();
		List<String> want = new ArrayList<>();
		for (int i = 0; i < 3; i++) {
			Ctx.sendN(ctx.producer(three[i]).create(), 100 * i, 50);
			want.addAll(Ctx.bodies(100 * i, 50));
		}
		List<Message<byte[]>> got = Ctx.receiveN(c, 150);
		Ctx.equal(Ctx.sorted(Ctx.texts(got)), Ctx.sorted(want), "all messages");
		for (int i = 0; i < 2; i++) {
			String t = three[i];
			Ctx.equal(Ctx.texts(got.stream().filter(m -> m.getTopicName().equals(t)).collect(Collectors.toList())),
					Ctx.bodies(100 * i, 50), "order in a topic");
		}
		c.close();
		Ctx.nothing(ctx.consumer(three).subscribe());
	}

	private static void schemaString(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Consumer<String> c = ctx.client().newConsumer(Schema.STRING).topic(t).subscriptionName("sub").subscribe();
		Producer<String> p = ctx.client().newProducer(Schema.STRING).topic(t).create();
		p.send("grüße");
		p.send("");
		for (String s : List.of("grüße", "")) {
			Message<String> m = c.receive(15, TimeUnit.SECONDS);
			Ctx.check(m != null, "a message");
			Ctx.equal(m.getValue(), s, "value");
			c.acknowledge(m);
		}
		Ctx.equal(Ctx.text(Ctx.receiveN(ctx.consumer(t).subscriptionName("raw").subscribe(), 1).get(0)), "grüße",
				"without a schema");
	}

	/** The record of the JSON schema. */
	public static final class Point {
		public int x;
		public double y;
		public String name;
	}

	private static void schemaJson(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Consumer<Point> c = ctx.client().newConsumer(Schema.JSON(Point.class)).topic(t).subscriptionName("sub")
				.subscribe();
		for (int n = 0; n < 2; n++) {
			Producer<Point> p = ctx.client().newProducer(Schema.JSON(Point.class)).topic(t).create();
			for (int i = 0; i < 10; i++) {
				Point o = new Point();
				o.x = i;
				o.y = i / 2.0;
				o.name = "p" + i;
				p.send(o);
			}
			for (int i = 0; i < 10; i++) {
				Message<Point> m = c.receive(15, TimeUnit.SECONDS);
				Ctx.check(m != null, "a message");
				Point o = m.getValue();
				Ctx.equal(o.x + " " + o.y + " " + o.name, i + " " + i / 2.0 + " p" + i, "value");
				c.acknowledge(m);
			}
		}
	}

	private static void producerBusy(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Producer<byte[]> p = ctx.producer(t).producerName("taken").create();
		Ctx.equal(p.getProducerName(), "taken", "name");
		PulsarClient other = ctx.newClient(5);
		Ctx.fails(PulsarClientException.ProducerBusyException.class, "a taken name, another client",
				() -> other.newProducer().topic(t).producerName("taken").create());
		Ctx.fails(PulsarClientException.ProducerBusyException.class, "a taken name, the same client",
				() -> ctx.producer(t).producerName("taken").create());
		p.send(Ctx.bytes("still works"));
		p.close();
		other.newProducer().topic(t).producerName("taken").create().send(Ctx.bytes("now free"));
		other.close();
		Ctx.until("the broker forgets the producer", () -> ctx.stats(t).get("publishers").size() == 0);
		ctx.producer(t).producerName("taken").create().send(Ctx.bytes("free again"));
	}

	/** The consumer, with the same id each time; null: it is limited. */
	private static Consumer<byte[]> comes(Ctx ctx, String t, String name) throws Exception {
		try {
			return ctx.consumer(ctx.newClient(), t).consumerName(name).subscribe();
		} catch (PulsarClientException.NotAllowedException e) {
			return null;
		}
	}

	private static void subscribeRate(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Producer<byte[]> p = ctx.producer(t).create();
		Ctx.sendN(p, 0, 5);
		ctx.admin("POST", Ctx.path(t) + "/subscribeRate",
				"{\"subscribeThrottlingRatePerConsumer\":2,\"ratePeriodInSecond\":2}");
		Ctx.until("it comes too often", () -> {
			Consumer<byte[]> c = comes(ctx, t, "the-consumer");
			if (c != null) {
				c.close();
			}
			return c == null;
		});
		comes(ctx, t, "another").close();
		List<Consumer<byte[]>> got = new ArrayList<>();
		Ctx.until("it gets through later", 10, () -> {
			got.add(comes(ctx, t, "the-consumer"));
			return got.get(got.size() - 1) != null;
		});
		Consumer<byte[]> c = got.get(got.size() - 1);
		Ctx.equal(Ctx.texts(Ctx.receiveN(c, 5)), Ctx.bodies(0, 5), "bodies");
		// one that loses its connection is patient by itself
		for (int i = 0; i < 2; i++) {
			Ctx.until("it is connected", c::isConnected);
			((ConsumerImpl<byte[]>) c).getClientCnx().close();
			Ctx.until("its connection is lost", () -> !c.isConnected());
		}
		Ctx.sendN(p, 5, 5);
		Ctx.equal(Ctx.texts(Ctx.receiveN(c, 5)), Ctx.bodies(5, 5), "after lost connections");
	}

	private static JsonNode sub(Ctx ctx, String t, String sub) throws Exception {
		return ctx.stats(t).get("subscriptions").get(sub);
	}

	private static void close(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Consumer<byte[]> c = ctx.consumer(SubscriptionType.Shared, t).subscribe();
		Producer<byte[]> p = ctx.producer(t).create();
		Ctx.sendN(p, 0, 5);
		Ctx.receiveN(c, 5);
		// the broker closes both ends: clients come back by themselves
		for (int i = 1; i < 4; i++) {
			Ctx.until("the acks are there", () -> ctx.backlog(t, "sub") == 0);
			ctx.admin("PUT", Ctx.path(t) + "/unload", null);
			Ctx.sendN(p, 10 * i, 5);
			Ctx.equal(Ctx.texts(Ctx.receiveN(c, 5)), Ctx.bodies(10 * i, 5), "after the broker closed both ends");
		}
		p.close();
		p.close();
		Ctx.fails(PulsarClientException.AlreadyClosedException.class, "send", () -> p.send(Ctx.bytes("late")));
		Consumer<byte[]> d = ctx.consumer(SubscriptionType.Shared, t).subscribe();
		Ctx.fails(PulsarClientException.class, "unsubscribe with another consumer there", c::unsubscribe);
		d.close();
		Ctx.fails(PulsarClientException.AlreadyClosedException.class, "receive", d::receive);
		Ctx.until("no producer left", () -> ctx.stats(t).get("publishers").size() == 0);
		Ctx.until("one consumer left", () -> sub(ctx, t, "sub").get("consumers").size() == 1);
		c.unsubscribe();
		Ctx.until("the subscription is gone", () -> sub(ctx, t, "sub") == null);
		Consumer<byte[]> c2 = ctx.consumer(t).subscriptionInitialPosition(SubscriptionInitialPosition.Latest)
				.subscribe();
		Ctx.nothing(c2);
		PulsarClient other = ctx.newClient();
		ctx.consumer(other, t).subscriptionName("other").subscribe();
		other.newProducer().topic(t).create();
		other.close();
		Ctx.fails(PulsarClientException.class, "a closed client", () -> other.newProducer().topic(t).create());
		Ctx.until("its consumer is gone", () -> sub(ctx, t, "other").get("consumers").size() == 0);
		ctx.admin("DELETE", Ctx.path(t), null, 412);
		c2.close();
		ctx.admin("DELETE", Ctx.path(t) + "?force=true", null);
		ctx.admin("GET", Ctx.path(t) + "/stats", null, 404);
	}

	private static void terminate(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Consumer<byte[]> c = ctx.consumer(t).subscribe();
		Producer<byte[]> p = ctx.producer(t).create();
		List<MessageId> ids = Ctx.sendN(p, 0, 10);
		List<Message<byte[]>> got = Ctx.receiveN(c, 5);
		JsonNode last = ctx.admin("POST", Ctx.path(t) + "/terminate", null);
		Ctx.equal(last.get("ledgerId").asLong() + ":" + last.get("entryId").asLong(), Ctx.where(ids.get(9)),
				"id of the last message");
		Ctx.fails(PulsarClientException.TopicTerminatedException.class, "send", () -> p.send(Ctx.bytes("late")));
		Ctx.fails(PulsarClientException.class, "a new producer",
				() -> ctx.newClient(5).newProducer().topic(t).create());
		got.addAll(Ctx.receiveN(c, 5));
		Ctx.equal(Ctx.texts(got), Ctx.bodies(0, 10), "everything before the end");
		Ctx.nothing(c);
		Ctx.until("the consumer is told of the end", c::hasReachedEndOfTopic);
		c.close();
		Consumer<byte[]> again = ctx.consumer(t).subscriptionName("afterwards").subscribe();
		Ctx.equal(Ctx.texts(Ctx.receiveN(again, 10)), Ctx.bodies(0, 10), "a new subscription");
		Ctx.until("its consumer is told of the end", again::hasReachedEndOfTopic);
		Reader<byte[]> r = ctx.client().newReader().topic(t).startMessageId(MessageId.earliest).create();
		Ctx.equal(Ctx.readN(r, 10), Ctx.bodies(0, 10), "a reader afterwards");
		Ctx.until("and then the end", r::hasReachedEndOfTopic);
	}

	private static void stats(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Consumer<byte[]> c = ctx.consumer(SubscriptionType.Shared, t).consumerName("the-consumer")
				.acknowledgmentGroupTime(100, TimeUnit.MILLISECONDS).receiverQueueSize(100).subscribe();
		Producer<byte[]> p = ctx.producer(t).producerName("the-producer").create();
		Ctx.sendN(p, 0, 20);
		List<Message<byte[]>> got = Ctx.receiveN(c, 20, false, 15000);
		counts(ctx, t, "20 20 20 20");
		JsonNode s = ctx.stats(t);
		Set<String> names = new HashSet<>();
		s.get("publishers").forEach(x -> names.add(x.get("producerName").asText()));
		Ctx.equal(names, Set.of("the-producer"), "producers");
		JsonNode sub = s.get("subscriptions").get("sub");
		Ctx.equal(sub.get("type").asText(), "Shared", "type");
		Ctx.equal(sub.get("consumers").size(), 1, "consumers");
		JsonNode one = sub.get("consumers").get(0);
		Ctx.equal(one.get("consumerName").asText(), "the-consumer", "its name");
		Ctx.equal(one.get("unackedMessages").asInt(), 20, "its unacked messages");
		int permits = one.get("availablePermits").asInt();
		Ctx.check(permits > 0 && permits <= 100, "its permits: " + permits);
		Ctx.check(s.get("storageSize").asLong() > 0, "stored bytes");
		for (int i = 0; i < 15; i++) {
			c.acknowledge(got.get(i));
		}
		counts(ctx, t, "20 20 5 5");
		for (int i = 15; i < 20; i++) {
			c.acknowledge(got.get(i));
		}
		counts(ctx, t, "20 20 0 0");
		// the client's own counters
		Ctx.equal(c.getStats().getNumMsgsReceived() + c.getStats().getTotalMsgsReceived() > 0, true, "received");
		Ctx.equal(c.getStats().getMsgNumInReceiverQueue(), 0, "messages in the receiver queue");
		Ctx.equal(p.getStats().getNumSendFailed(), 0L, "failed sends");
	}

	private static void counts(Ctx ctx, String t, String want) throws Exception {
		Ctx.until("in, out, backlog, unacked are " + want, () -> {
			JsonNode s = ctx.stats(t);
			JsonNode sub = s.get("subscriptions").get("sub");
			return want.equals(s.get("msgInCounter").asLong() + " " + sub.get("msgOutCounter").asLong() + " "
					+ sub.get("msgBacklog").asLong() + " " + sub.get("unackedMessages").asLong());
		});
	}
}
