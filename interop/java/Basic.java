// SPDX-License-Identifier: Apache-2.0
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.stream.Collectors;

import org.apache.pulsar.client.api.BatcherBuilder;
import org.apache.pulsar.client.api.CompressionType;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.ConsumerCryptoFailureAction;
import org.apache.pulsar.client.api.CryptoKeyReader;
import org.apache.pulsar.client.api.EncryptionKeyInfo;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.MessageId;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.PulsarClientException;
import org.apache.pulsar.client.api.Reader;

/** Connecting, sending, receiving: bodies, keys, batches, compression, chunks, encryption. */
final class Basic {
	private Basic() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("connect", Basic::connect);
		all.put("plain", Basic::plain);
		all.put("keyed", Basic::keyed);
		all.put("batched", Basic::batched);
		all.put("compress-none", c -> compressed(c, CompressionType.NONE));
		all.put("compress-lz4", c -> compressed(c, CompressionType.LZ4));
		all.put("compress-zlib", c -> compressed(c, CompressionType.ZLIB));
		all.put("compress-zstd", c -> compressed(c, CompressionType.ZSTD));
		all.put("compress-snappy", c -> compressed(c, CompressionType.SNAPPY));
		all.put("chunked", Basic::chunked);
		all.put("encrypted", Basic::encrypted);
		all.put("tls", Basic::tls);
	}

	private static void connect(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Producer<byte[]> p = ctx.producer(t).create();
		Ctx.equal(p.getTopic(), t, "topic");
		Ctx.check(!p.getProducerName().isEmpty(), "the broker gives the producer a name");
		Ctx.check(p.isConnected(), "producer is connected");
		Producer<byte[]> q = ctx.producer(t).create();
		Ctx.check(!q.getProducerName().equals(p.getProducerName()), "two producers, two names");
		Ctx.equal(ctx.client().getPartitionsForTopic(t).get(), List.of(t), "partitions");
		for (String none : List.of("public/" + ctx.unique + "-none", ctx.unique + "-none/default")) {
			Ctx.fails(PulsarClientException.class, "a namespace that isn't there",
					() -> ctx.newClient(3).newProducer().topic("persistent://" + none + "/t").create());
		}
	}

	private static void tls(Ctx ctx) throws Exception {
		ctx.secure("other.crt");
		Ctx.fails(PulsarClientException.class, "a certificate that isn't trusted",
				() -> ctx.newClient(3).newProducer().topic(ctx.topic()).create());
		ctx.secure("tls.crt");
		plain(ctx);
	}

	static void plain(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Consumer<byte[]> c = ctx.consumer(t).subscribe();
		Producer<byte[]> p = ctx.producer(t).property("app", "interop").create();
		long t0 = System.currentTimeMillis();
		List<MessageId> ids = new ArrayList<>();
		for (int i = 0; i < 100; i++) {
			ids.add(p.newMessage().value(Ctx.bytes("m-" + i)).property("n", "" + i).property("empty", "")
					.property("ä", "ö€").eventTime(1000 + i).send());
		}
		List<Message<byte[]>> got = Ctx.receiveN(c, 100);
		long t1 = System.currentTimeMillis();
		Ctx.equal(Ctx.texts(got), Ctx.bodies(0, 100), "bodies in order");
		for (int i = 0; i < 100; i++) {
			Message<byte[]> m = got.get(i);
			Ctx.equal(m.getProperties(), Map.of("n", "" + i, "empty", "", "ä", "ö€"), "properties");
			Ctx.equal(m.getEventTime(), 1000L + i, "event time");
			Ctx.check(t0 <= m.getPublishTime() && m.getPublishTime() <= t1, "publish time");
			Ctx.equal(m.getTopicName(), t, "topic name");
			Ctx.equal(m.getProducerName(), p.getProducerName(), "producer name");
			Ctx.equal(m.getSequenceId(), (long) i, "sequence id");
			Ctx.equal(m.getRedeliveryCount(), 0, "redelivery count");
			Ctx.equal(Ctx.where(m.getMessageId()), Ctx.where(ids.get(i)), "the id of the receipt is the message's");
			Ctx.check(i == 0 || got.get(i - 1).getMessageId().compareTo(m.getMessageId()) < 0, "ids grow");
		}
		Ctx.equal(p.getLastSequenceId(), 99L, "last sequence id");
		byte[] big = new byte[1 << 20];
		new Random(1).nextBytes(big);
		p.send(new byte[0]);
		p.send(big);
		p.newMessage().value(null).send();
		got = Ctx.receiveN(c, 3);
		Ctx.equal(got.get(0).getData().length, 0, "empty body");
		Ctx.check(Arrays.equals(got.get(1).getData(), big), "1 MB body");
		Ctx.check(got.get(2).getValue() == null, "no value");
		Ctx.nothing(c);
	}

	private static void keyed(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Consumer<byte[]> c = ctx.consumer(t).subscribe();
		Producer<byte[]> p = ctx.producer(t).create();
		for (int i = 0; i < 50; i++) {
			p.newMessage().value(Ctx.bytes("m-" + i)).key("key-" + i % 7).orderingKey(Ctx.bytes("order-" + i % 3))
					.send();
		}
		p.newMessage().value(Ctx.bytes("m-50")).keyBytes(new byte[] {0, (byte) 200, 7}).send();
		p.send(Ctx.bytes("m-51"));
		List<Message<byte[]>> got = Ctx.receiveN(c, 52);
		for (int i = 0; i < 50; i++) {
			Message<byte[]> m = got.get(i);
			Ctx.equal(m.getKey(), "key-" + i % 7, "key");
			Ctx.equal(new String(m.getOrderingKey()), "order-" + i % 3, "ordering key");
			Ctx.check(!m.hasBase64EncodedKey(), "plain key");
		}
		Ctx.check(got.get(50).hasBase64EncodedKey(), "key of bytes");
		Ctx.check(Arrays.equals(got.get(50).getKeyBytes(), new byte[] {0, (byte) 200, 7}), "key's bytes");
		Ctx.check(!got.get(51).hasKey(), "no key");
	}

	private static void batched(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Consumer<byte[]> c = ctx.consumer(t).subscribe();
		Producer<byte[]> p = ctx.batcher(t, 100).create();
		List<MessageId> ids = Ctx.sendN(p, 0, 1000);
		List<Message<byte[]>> got = Ctx.receiveN(c, 1000);
		Ctx.equal(Ctx.texts(got), Ctx.bodies(0, 1000), "bodies in order");
		Set<String> entries = new HashSet<>();
		for (int i = 0; i < 1000; i++) {
			Ctx.equal(Ctx.where(got.get(i).getMessageId()), Ctx.where(ids.get(i)), "ids of the receipts");
			Ctx.equal(Ctx.batchIndex(got.get(i).getMessageId()), Ctx.batchIndex(ids.get(i)), "batch indexes");
			entries.add(Ctx.where(ids.get(i)));
		}
		Ctx.check(entries.size() < 500, "batches hold several messages");
		p.close();
		p = ctx.batcher(t, 100).batcherBuilder(BatcherBuilder.KEY_BASED).create();
		Ctx.sendN(p, 0, 500, i -> "key-" + i % 5);
		got = Ctx.receiveN(c, 500);
		Map<String, Set<String>> keys = new HashMap<>();
		for (int k = 0; k < 5; k++) {
			String key = "key-" + k;
			List<Message<byte[]>> mine = got.stream().filter(m -> m.getKey().equals(key))
					.collect(Collectors.toList());
			int rest = k;
			Ctx.equal(Ctx.texts(mine), Ctx.bodies(0, 500).stream()
					.filter(b -> Integer.parseInt(b.substring(2)) % 5 == rest).collect(Collectors.toList()),
					"order of key " + k);
			mine.forEach(m -> keys.computeIfAbsent(Ctx.where(m.getMessageId()), w -> new HashSet<>()).add(key));
		}
		Ctx.check(keys.values().stream().allMatch(s -> s.size() == 1), "one key per batch");
		Ctx.nothing(c);
	}

	private static void compressed(Ctx ctx, CompressionType codec) throws Exception {
		String t = ctx.topic();
		Consumer<byte[]> c = ctx.consumer(t).subscribe();
		List<String> bodies = new ArrayList<>();
		for (int i = 0; i < 50; i++) {
			bodies.add((i + " ").repeat(3000));
		}
		Producer<byte[]> single = ctx.producer(t).compressionType(codec).create();
		for (String b : bodies) {
			single.newMessage().value(Ctx.bytes(b)).property("codec", codec.name()).send();
		}
		Producer<byte[]> batch = ctx.batcher(t, 10).compressionType(codec).create();
		for (String b : bodies) {
			batch.sendAsync(Ctx.bytes(b));
		}
		batch.flush();
		List<Message<byte[]>> got = Ctx.receiveN(c, 100);
		Ctx.equal(Ctx.texts(got.subList(0, 50)), bodies, "single messages");
		Ctx.equal(Ctx.texts(got.subList(50, 100)), bodies, "batches");
		Ctx.equal(got.get(0).getProperties(), Map.of("codec", codec.name()), "properties");
		if (codec != CompressionType.NONE) {
			long sum = bodies.stream().mapToLong(String::length).sum();
			long size = ctx.stats(t).get("storageSize").asLong();
			Ctx.check(size < sum, "stored compressed: " + size + " bytes of " + sum);
		}
	}

	private static void chunked(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Consumer<byte[]> c = ctx.consumer(t).subscribe();
		Producer<byte[]> p = ctx.producer(t).enableChunking(true).create();
		byte[][] two = new byte[2][20_000_000];
		for (int i = 0; i < 2; i++) {
			new Random(i).nextBytes(two[i]);
			p.newMessage().value(two[i]).property("n", "" + i).send();
		}
		p.send(Ctx.bytes("small"));
		List<Message<byte[]>> got = Ctx.receiveN(c, 3, true, 30_000);
		for (int i = 0; i < 2; i++) {
			Ctx.check(Arrays.equals(got.get(i).getData(), two[i]), "the same 20 MB");
			Ctx.equal(got.get(i).getProperties(), Map.of("n", "" + i), "properties");
		}
		Ctx.equal(Ctx.text(got.get(2)), "small", "the small one behind");
		c.close();
		Ctx.nothing(ctx.consumer(t).subscribe());
		Reader<byte[]> r = ctx.client().newReader().topic(t).startMessageId(MessageId.earliest).create();
		Ctx.check(Arrays.equals(r.readNext().getData(), two[0]), "a reader gets it whole");
	}

	/** Public and private key of one owner. */
	private static final class Keys implements CryptoKeyReader {
		private static final long serialVersionUID = 1;
		private final String prefix;

		Keys(String prefix) {
			this.prefix = prefix;
		}

		private EncryptionKeyInfo read(String kind) {
			try {
				return new EncryptionKeyInfo(Files.readAllBytes(Path.of(prefix + "." + kind + ".pem")), null);
			} catch (java.io.IOException e) {
				throw new java.io.UncheckedIOException(e);
			}
		}

		@Override
		public EncryptionKeyInfo getPublicKey(String name, Map<String, String> meta) {
			return read("public");
		}

		@Override
		public EncryptionKeyInfo getPrivateKey(String name, Map<String, String> meta) {
			return read("private");
		}
	}

	private static void encrypted(Ctx ctx) throws Exception {
		String t = ctx.topic();
		Keys one = new Keys(ctx.keys + "/one");
		Consumer<byte[]> holder = ctx.consumer(t).subscriptionName("holder").cryptoKeyReader(one).subscribe();
		Consumer<byte[]> blind = ctx.consumer(t).subscriptionName("blind")
				.cryptoFailureAction(ConsumerCryptoFailureAction.CONSUME).subscribe();
		Consumer<byte[]> refused = ctx.consumer(t).subscriptionName("refused").subscribe();
		Consumer<byte[]> wrong = ctx.consumer(t).subscriptionName("wrong").cryptoKeyReader(new Keys(ctx.keys + "/two"))
				.subscribe();
		for (boolean batching : new boolean[] {false, true}) {
			Producer<byte[]> p = ctx.producer(t).enableBatching(batching).addEncryptionKey("interop")
					.cryptoKeyReader(one).compressionType(CompressionType.ZSTD).create();
			Ctx.sendN(p, 0, 10);
			Ctx.equal(Ctx.texts(Ctx.receiveN(holder, 10)), Ctx.bodies(0, 10), "decrypted");
			p.close();
		}
		Message<byte[]> m = Ctx.receiveN(blind, 1).get(0);
		Ctx.check(!Ctx.text(m).startsWith("m-"), "cipher text without the key");
		Ctx.equal(m.getEncryptionCtx().get().getKeys().keySet(), Set.of("interop"), "names of the keys");
		Ctx.nothing(refused);
		Ctx.nothing(wrong);
	}
}
