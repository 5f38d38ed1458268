// SPDX-License-Identifier: Apache-2.0
import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.IntFunction;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.apache.pulsar.client.api.Authentication;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.ConsumerBuilder;
import org.apache.pulsar.client.api.Message;
import org.apache.pulsar.client.api.MessageId;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.ProducerBuilder;
import org.apache.pulsar.client.api.ClientBuilder;
import org.apache.pulsar.client.api.PulsarClient;
import org.apache.pulsar.client.api.PulsarClientException;
import org.apache.pulsar.client.api.Reader;
import org.apache.pulsar.client.api.SubscriptionInitialPosition;
import org.apache.pulsar.client.api.SubscriptionType;
import org.apache.pulsar.PulsarVersion;
import org.apache.pulsar.client.impl.BatchMessageIdImpl;
import org.apache.pulsar.client.impl.MessageIdImpl;
import org.apache.pulsar.shade.com.fasterxml.jackson.databind.JsonNode;
import org.apache.pulsar.shade.com.fasterxml.jackson.databind.ObjectMapper;

/** What every scenario uses: names of its own, clients, the admin API, waiting, checking. */
final class Ctx {
	interface Ask {
		void ask(String text) throws IOException;
	}

	interface Step {
		void run() throws Exception;
	}

	interface Test {
		boolean test() throws Exception;
	}

	/** "Nothing more comes" is believed after this. */
	static final int QUIET_MS = 700;

	String url;
	final String http;
	final String keys;
	final String unique;
	final Ask ask;
	/** Is this a client of 2.x? */
	static final boolean OLD = PulsarVersion.getVersion().startsWith("2.");

	private final List<PulsarClient> clients = new ArrayList<>();
	private PulsarClient client;
	/** Certificate to trust; null: no TLS. */
	private String trust;
	/** Who clients from now on are; null: they say nothing. */
	private Authentication login;
	private final HttpClient web = HttpClient.newHttpClient();
	private final ObjectMapper json = new ObjectMapper();

	Ctx(String[] args, String unique, Ask ask) {
		this.url = args[0];
		this.http = args[1];
		this.keys = args[2];
		this.unique = unique;
		this.ask = ask;
	}

	// --- names and clients

	String topic(String suffix) {
		return "persistent://public/default/" + unique + "-" + suffix;
	}

	String topic() {
		return topic("t");
	}

	PulsarClient newClient() throws PulsarClientException {
		return newClient(20);
	}

	PulsarClient newClient(int timeoutS) throws PulsarClientException {
		ClientBuilder b = PulsarClient.builder().serviceUrl(url).operationTimeout(timeoutS, TimeUnit.SECONDS)
				.maxBackoffInterval(3, TimeUnit.SECONDS);
		if (login != null) {
			b.authentication(login);
		}
		if (trust != null) {
			b.tlsTrustCertsFilePath(trust).enableTlsHostnameVerification(true);
		}
		PulsarClient c = b.build();
		clients.add(c);
		return c;
	}

	/** Clients from now on say that they are this one. */
	void login(Authentication a) {
		login = a;
		client = null;
	}

	PulsarClient client() throws PulsarClientException {
		if (client == null) {
			client = newClient();
		}
		return client;
	}

	void close() throws Exception {
		List<CompletableFuture<Void>> all = new ArrayList<>();
		for (PulsarClient c : clients) {
			if (!c.isClosed()) {
				all.add(c.closeAsync());        // takes two seconds, so all at once
			}
		}
		for (CompletableFuture<Void> f : all) {
			f.get(20, TimeUnit.SECONDS);
		}
	}

	ProducerBuilder<byte[]> producer(String topic) throws PulsarClientException {
		return client().newProducer().topic(topic).enableBatching(false);
	}

	ProducerBuilder<byte[]> batcher(String topic, int messages) throws PulsarClientException {
		return client().newProducer().topic(topic).enableBatching(true).batchingMaxMessages(messages)
				.batchingMaxPublishDelay(1, TimeUnit.SECONDS);
	}

	ConsumerBuilder<byte[]> consumer(String... topics) throws PulsarClientException {
		return consumer(client(), topics);
	}

	/**
	 * Its acks leave at once. By default the client's timer sends them in groups, and if it is about to do so when the
	 * consumer is closed, they leave behind the close, where every broker ignores them.
	 */
	ConsumerBuilder<byte[]> consumer(PulsarClient c, String... topics) {
		return c.newConsumer().topic(topics).subscriptionName("sub").acknowledgmentGroupTime(0, TimeUnit.MILLISECONDS)
				.subscriptionInitialPosition(SubscriptionInitialPosition.Earliest);
	}

	ConsumerBuilder<byte[]> consumer(SubscriptionType type, String... topics) throws PulsarClientException {
		return consumer(topics).subscriptionType(type);
	}

	// --- admin

	/** Clients from now on speak TLS and trust that certificate of the harness. */
	void secure(String certificate) throws Exception {
		HttpRequest r = HttpRequest.newBuilder(URI.create(http + "/lookup/v2/topic/" + path(topic())))
				.header("Authorization", "Bearer " + Token.of(this, "root")).build();
		url = json.readTree(web.send(r, HttpResponse.BodyHandlers.ofString()).body()).get("brokerUrlTls").asText();
		trust = keys + "/" + certificate;
		client = null;
	}

	JsonNode admin(String method, String path, String body, int... want) throws Exception {
		HttpRequest.BodyPublisher b = body == null ? HttpRequest.BodyPublishers.noBody()
				: HttpRequest.BodyPublishers.ofString(body);
		HttpRequest r = HttpRequest.newBuilder(URI.create(http + "/admin/v2/" + path)).method(method, b)
				.header("Authorization", "Bearer " + Token.of(this, "root"))
				.header("Content-Type", "application/json").timeout(Duration.ofSeconds(20)).build();
		HttpResponse<String> a = web.send(r, HttpResponse.BodyHandlers.ofString());
		int[] ok = want.length == 0 ? new int[] {200, 204} : want;
		check(IntStream.of(ok).anyMatch(s -> s == a.statusCode()),
				method + " " + path + ": status " + a.statusCode() + ": " + a.body());
		return a.body().isEmpty() ? null : json.readTree(a.body());
	}

	/** What is at that URL. */
	String get(String where) throws Exception {
		HttpResponse<String> a = web.send(HttpRequest.newBuilder(URI.create(where)).timeout(Duration.ofSeconds(20)).build(),
				HttpResponse.BodyHandlers.ofString());
		check(a.statusCode() == 200, where + ": status " + a.statusCode() + ": " + a.body());
		return a.body();
	}

	static String path(String topic) {
		return topic.replace("://", "/");
	}

	JsonNode stats(String topic) throws Exception {
		return admin("GET", path(topic) + "/stats", null);
	}

	long backlog(String topic, String sub) throws Exception {
		return stats(topic).get("subscriptions").get(sub).get("msgBacklog").asLong();
	}

	void partitions(String topic, int n) throws Exception {
		admin("PUT", path(topic) + "/partitions", Integer.toString(n));
	}

	// --- checking

	static void check(boolean ok, String text) {
		if (!ok) {
			throw new AssertionError(text);
		}
	}

	static void equal(Object got, Object want, String what) {
		if (got instanceof int[]) {
			check(Arrays.equals((int[]) got, (int[]) want), what);
		} else if (!got.equals(want)) {
			throw new AssertionError(what + ": got " + brief(got) + ", want " + brief(want));
		}
	}

	private static String brief(Object o) {
		String s = String.valueOf(o);
		return s.length() <= 200 ? s : s.substring(0, 120) + "..." + s.substring(s.length() - 60);
	}

	static void fails(Class<? extends Exception> error, String what, Step f) throws Exception {
		try {
			f.run();
		} catch (Exception e) {
			if (error.isInstance(e)) {
				return;
			}
			throw new AssertionError(what + ": got " + e + ", want " + error.getSimpleName(), e);
		}
		throw new AssertionError(what + ": no error, want " + error.getSimpleName());
	}

	static void until(String what, Test f) throws Exception {
		until(what, 15, f);
	}

	static void until(String what, int limitS, Test f) throws Exception {
		long end = System.nanoTime() + limitS * 1_000_000_000L;
		while (!f.test()) {
			check(System.nanoTime() < end, "not so after " + limitS + " s: " + what);
			Thread.sleep(50);
		}
	}

	// --- messages

	static byte[] bytes(String s) {
		return s.getBytes(StandardCharsets.UTF_8);
	}

	static String text(Message<byte[]> m) {
		return new String(m.getData(), StandardCharsets.UTF_8);
	}

	static int number(Message<byte[]> m) {
		return Integer.parseInt(text(m).substring(2));
	}

	/** "m-FIRST" and so on. */
	static List<String> bodies(int first, int n) {
		return IntStream.range(first, first + n).mapToObj(i -> "m-" + i).collect(Collectors.toList());
	}

	static List<String> texts(List<Message<byte[]>> l) {
		return l.stream().map(Ctx::text).collect(Collectors.toList());
	}

	static List<String> sorted(List<String> l) {
		return l.stream().sorted().collect(Collectors.toList());
	}

	static List<MessageId> sendN(Producer<byte[]> p, int first, int n) throws Exception {
		return sendN(p, first, n, null);
	}

	static List<MessageId> sendN(Producer<byte[]> p, int first, int n, IntFunction<String> key) throws Exception {
		List<CompletableFuture<MessageId>> all = new ArrayList<>();
		for (int i = first; i < first + n; i++) {
			all.add(key == null ? p.sendAsync(bytes("m-" + i))
					: p.newMessage().key(key.apply(i)).value(bytes("m-" + i)).sendAsync());
		}
		p.flush();
		List<MessageId> ids = new ArrayList<>();
		for (CompletableFuture<MessageId> f : all) {
			ids.add(f.get(30, TimeUnit.SECONDS));
		}
		return ids;
	}

	static List<Message<byte[]>> receiveN(Consumer<byte[]> c, int n) throws Exception {
		return receiveN(c, n, true, 15000);
	}

	static List<Message<byte[]>> receiveN(Consumer<byte[]> c, int n, boolean ack, int timeoutMs) throws Exception {
		List<Message<byte[]>> out = new ArrayList<>();
		while (out.size() < n) {
			Message<byte[]> m = c.receive(timeoutMs, TimeUnit.MILLISECONDS);
			check(m != null, out.size() + " of " + n + " messages came");
			out.add(m);
			if (ack) {
				c.acknowledge(m);
			}
		}
		return out;
	}

	static List<String> readN(Reader<byte[]> r, int n) throws Exception {
		List<String> out = new ArrayList<>();
		while (out.size() < n) {
			Message<byte[]> m = r.readNext(15, TimeUnit.SECONDS);
			check(m != null, out.size() + " of " + n + " messages came");
			out.add(text(m));
		}
		return out;
	}

	static void nothing(Consumer<byte[]> c) throws Exception {
		Message<byte[]> m = c.receive(QUIET_MS, TimeUnit.MILLISECONDS);
		check(m == null, "unexpected message " + (m == null ? "" : brief(text(m)) + " " + m.getMessageId()));
	}

	static long ledger(MessageId id) {
		return ((MessageIdImpl) id).getLedgerId();
	}

	static long entry(MessageId id) {
		return ((MessageIdImpl) id).getEntryId();
	}

	static int batchIndex(MessageId id) {
		return id instanceof BatchMessageIdImpl ? ((BatchMessageIdImpl) id).getBatchIndex() : -1;
	}

	static String where(MessageId id) {
		return ledger(id) + ":" + entry(id);
	}
}
