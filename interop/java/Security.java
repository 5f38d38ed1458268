// SPDX-License-Identifier: Apache-2.0
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.concurrent.Callable;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Supplier;

import org.apache.pulsar.client.api.Authentication;
import org.apache.pulsar.client.api.AuthenticationFactory;
import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.MessageId;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.PulsarClientException;
import org.apache.pulsar.client.api.PulsarClientException.AuthenticationException;
import org.apache.pulsar.client.api.PulsarClientException.AuthorizationException;
import org.apache.pulsar.client.api.SubscriptionType;
import org.apache.pulsar.shade.com.fasterxml.jackson.databind.JsonNode;

/** Who clients are and what they may do: against a broker of the profile "secured", or "anonymous". */
final class Security {
	private static final String IMPL = "org.apache.pulsar.client.impl.auth.Authentication";
	/** Of role u-basic, as harness/credentials.py has it. */
	private static final String PASSWORD = "pass word.1";

	private Security() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("token", Security::token);
		all.put("token-wrong", Security::tokenWrong);
		all.put("token-expired", Security::tokenExpired);
		all.put("token-refresh", Security::tokenRefresh);
		all.put("token-ends", Security::tokenEnds);
		all.put("basic", Security::basic);
		all.put("tls-chain", Security::tlsChain);
		all.put("mtls", Security::mtls);
		all.put("authorized", Security::authorized);
		all.put("revoked", Security::revoked);
		all.put("anonymous", Security::anonymous);
	}

	// --- roles and grants

	private static final String NS = "namespaces/public/default/permissions";

	static void grant(Ctx ctx, String role, String... actions) throws Exception {
		ctx.admin("POST", NS + "/" + role, "[\"" + String.join("\",\"", actions) + "\"]");
	}

	static void revoke(Ctx ctx, String role) throws Exception {
		ctx.admin("DELETE", NS + "/" + role, null);
	}

	private static Authentication as(Ctx ctx, String role) throws Exception {
		return AuthenticationFactory.token(Token.of(ctx, role));
	}

	/** Ten messages, there and back. */
	static void works(Ctx ctx, String topic) throws Exception {
		try (Consumer<byte[]> c = ctx.consumer(topic).subscribe();
				Producer<byte[]> p = ctx.producer(topic).create()) {
			Ctx.sendN(p, 0, 10);
			Ctx.equal(Ctx.sorted(Ctx.texts(Ctx.receiveN(c, 10))), Ctx.bodies(0, 10), "bodies");
		}
	}

	static void refused(Ctx ctx, Class<? extends Exception> error, String what, Authentication a)
			throws Exception {
		ctx.login(a);
		String t = ctx.topic("refused");
		Ctx.fails(error, "producer with " + what, () -> ctx.newClient(5).newProducer().topic(t).create());
		Ctx.fails(error, "consumer with " + what, () -> ctx.consumer(ctx.newClient(5), t).subscribe());
	}

	// --- tokens

	private static void token(Ctx ctx) throws Exception {
		String role = ctx.unique;
		String t = Token.of(ctx, role);
		Path file = Files.createTempFile("interop", ".token");
		Files.writeString(file, t + "\n");
		grant(ctx, role, "produce", "consume");
		for (Authentication a : List.of(AuthenticationFactory.token(t), AuthenticationFactory.token(() -> t),
				AuthenticationFactory.create(IMPL + "Token", "token:" + t),
				AuthenticationFactory.create(IMPL + "Token", file.toUri().toString()))) {
			ctx.login(a);
			works(ctx, ctx.topic("ways"));
		}
		Files.delete(file);
		ctx.url = ctx.http;
		ctx.login(AuthenticationFactory.token(t));
		works(ctx, ctx.topic("http"));
		ctx.login(AuthenticationFactory.token("x.y.z"));
		Ctx.fails(PulsarClientException.class, "a wrong token over HTTP",
				() -> ctx.newClient(2).newProducer().topic(ctx.topic("http")).create());
		revoke(ctx, role);
	}

	private static void tokenWrong(Ctx ctx) throws Exception {
		String right = Token.of(ctx, "root");
		String none = Token.b64(Ctx.bytes("{\"alg\":\"none\"}")) + "." + right.split("\\.")[1] + ".";
		for (String t : List.of(Token.signed(ctx, "other", "root", 60_000), right.substring(0, right.length() - 4),
				none, "x.y.z", "")) {
			refused(ctx, AuthenticationException.class, "token " + t, AuthenticationFactory.token(t));
		}
		refused(ctx, AuthenticationException.class, "no credentials", null);
	}

	private static void tokenExpired(Ctx ctx) throws Exception {
		refused(ctx, AuthenticationException.class, "a token of the past",
				AuthenticationFactory.token(Token.signed(ctx, "token", "root", -5000)));
	}

	private static JsonNode only(Ctx ctx, String topic, String where) throws Exception {
		JsonNode l = ctx.stats(topic);
		l = where.equals("publishers") ? l.get(where) : l.get("subscriptions").get("sub").get(where);
		Ctx.equal(l.size(), 1, where);
		return l.get(0);
	}

	private static List<String> connections(Ctx ctx, String topic) throws Exception {
		JsonNode p = only(ctx, topic, "publishers");
		JsonNode c = only(ctx, topic, "consumers");
		return List.of(p.get("address").asText(), p.get("connectedSince").asText(), c.get("address").asText(),
				c.get("connectedSince").asText());
	}

	private static void tokenRefresh(Ctx ctx) throws Exception {
		String role = ctx.unique;
		AtomicInteger asked = new AtomicInteger();
		Supplier<String> supplier = () -> {
			asked.incrementAndGet();
			try {
				return Token.signed(ctx, "token", role, 2000);
			} catch (Exception e) {
				throw new IllegalStateException(e);
			}
		};
		renewed(ctx, role, AuthenticationFactory.token(supplier), asked::get);
	}

	/** New tokens are asked for while messages flow; the connection stays. */
	static void renewed(Ctx ctx, String role, Authentication who, Callable<Integer> asked) throws Exception {
		String t = ctx.topic();
		grant(ctx, role, "produce", "consume");
		ctx.login(who);
		Arrivals a = new Arrivals();
		Taker k = new Taker(ctx.consumer(t).subscribe(), a, "c");
		Producer<byte[]> p = ctx.producer(t).create();
		List<String> before = connections(ctx, t);
		int first = asked.call();
		Flow f = new Flow(p, 300, 0);
		Ctx.until("tokens are asked for", 30, () -> asked.call() >= first + 2);
		a.more(100);
		Ctx.equal(connections(ctx, t), before, "connections");
		a.inOrder(f.finish());
		Ctx.equal(a.doubles(), 0, "doubles");
		Ctx.equal(p.getLastDisconnectedTimestamp(), 0L, "the producer was never disconnected");
		k.leave();
		revoke(ctx, role);
	}

	/** One that can't be renewed: when it ends, the connection does. */
	private static void tokenEnds(Ctx ctx) throws Exception {
		String role = ctx.unique;
		String t = ctx.topic();
		grant(ctx, role, "produce", "consume");
		ctx.login(AuthenticationFactory.token(Token.signed(ctx, "token", role, 3000)));
		Consumer<byte[]> c = ctx.consumer(t).subscribe();
		Producer<byte[]> p = ctx.producer(t).sendTimeout(1, TimeUnit.SECONDS).create();
		Ctx.sendN(p, 0, 10);
		gone(ctx, t, p, c);
		Ctx.fails(PulsarClientException.class, "sending", () -> p.send(Ctx.bytes("m-x")));
		ctx.login(as(ctx, role));
		Ctx.equal(Ctx.texts(Ctx.receiveN(ctx.consumer(t).subscribe(), 10)), Ctx.bodies(0, 10), "they are all there");
		revoke(ctx, role);
	}

	/** Both have lost their places, as they and the broker see it. */
	private static void gone(Ctx ctx, String t, Producer<byte[]> p, Consumer<byte[]> c) throws Exception {
		Ctx.until("the broker has no producer and consumer", 20, () -> ctx.stats(t).get("publishers").isEmpty()
				&& ctx.stats(t).get("subscriptions").get("sub").get("consumers").isEmpty());
		Ctx.until("producer and consumer know", 20, () -> !p.isConnected() && !c.isConnected());
	}

	// --- other methods

	private static void basic(Ctx ctx) throws Exception {
		String t = ctx.topic("ways");
		grant(ctx, "u-basic", "produce", "consume");
		ctx.login(password("u-basic", PASSWORD));
		works(ctx, t);
		refused(ctx, AuthenticationException.class, "a wrong password", password("u-basic", "pass word.2"));
		refused(ctx, AuthenticationException.class, "no password", password("u-basic", ""));
		refused(ctx, AuthenticationException.class, "an unknown user", password("u-none", PASSWORD));
		revoke(ctx, "u-basic");
	}

	private static Authentication password(String user, String password) throws Exception {
		return AuthenticationFactory.create(IMPL + "Basic",
				"{\"userId\":\"" + user + "\",\"password\":\"" + password + "\"}");
	}

	/** The server's certificate is signed by one in between; only the root is known to the client. */
	private static void tlsChain(Ctx ctx) throws Exception {
		String role = ctx.unique;
		grant(ctx, role, "produce", "consume");
		ctx.login(as(ctx, role));
		ctx.secure("nobody.pem");
		Ctx.fails(PulsarClientException.class, "a certificate that isn't trusted",
				() -> ctx.newClient(2).newProducer().topic(ctx.topic()).create());
		ctx.secure("root.pem");
		Basic.plain(ctx);
		ctx.login(AuthenticationFactory.token("x.y.z"));
		Ctx.fails(AuthenticationException.class, "a wrong token over TLS",
				() -> ctx.newClient(5).newProducer().topic(ctx.topic()).create());
		revoke(ctx, role);
	}

	private static Authentication certificate(Ctx ctx, String name) {
		return AuthenticationFactory.TLS(ctx.keys + "/" + name + ".pem", ctx.keys + "/" + name + ".key");
	}

	/** The name of the client's certificate is its role. */
	private static void mtls(Ctx ctx) throws Exception {
		for (String role : List.of("u-cert", "u-chain")) {
			grant(ctx, role, "produce", "consume");
			ctx.secure("root.pem");
			ctx.login(certificate(ctx, role));
			works(ctx, ctx.topic(role));
			Ctx.equal(ctx.stats(ctx.topic(role)).get("publishers").size(), 0, "publishers");
			revoke(ctx, role);
			Ctx.fails(AuthorizationException.class, role + " without a grant",
					() -> ctx.newClient(5).newProducer().topic(ctx.topic(role)).create());
		}
		refused(ctx, PulsarClientException.class, "a stranger's certificate", certificate(ctx, "stranger"));
	}

	// --- what they may do

	private static void authorized(Ctx ctx) throws Exception {
		String t = ctx.topic();
		String u = ctx.unique;
		ctx.login(as(ctx, u));
		refused(ctx, AuthorizationException.class, "a role without grants", as(ctx, u));
		Ctx.fails(AuthorizationException.class, "reader of a role without grants",
				() -> ctx.newClient(5).newReader().topic(t).startMessageId(MessageId.earliest).create());
		ctx.login(as(ctx, u));
		grant(ctx, u, "produce");
		Producer<byte[]> p = ctx.producer(t).create();
		Ctx.sendN(p, 0, 10);
		Ctx.fails(AuthorizationException.class, "consumer of a role that may produce",
				() -> ctx.consumer(t).subscribe());
		grant(ctx, u, "consume");
		Consumer<byte[]> c = ctx.consumer(t).subscribe();
		Ctx.equal(Ctx.texts(Ctx.receiveN(c, 10)), Ctx.bodies(0, 10), "bodies in order");
		Ctx.fails(AuthorizationException.class, "producer of a role that may consume",
				() -> ctx.producer(t).create());
		revoke(ctx, u);
		// one topic, of partitions
		String parts = ctx.topic("parts");
		ctx.partitions(parts, 3);
		ctx.admin("POST", Ctx.path(parts) + "/permissions/" + u, "[\"produce\",\"consume\"]");
		ctx.login(as(ctx, u));
		works(ctx, parts);
		Ctx.fails(AuthorizationException.class, "another topic", () -> ctx.producer(ctx.topic("else")).create());
		// one subscription
		grant(ctx, u, "consume");
		ctx.admin("POST", NS + "/subscription/" + u + "-s", "[\"" + u + "-other\"]");
		Ctx.fails(AuthorizationException.class, "a subscription for others",
				() -> ctx.consumer(t).subscriptionName(u + "-s").subscribe());
		ctx.admin("DELETE", NS + "/" + u + "-s/" + u + "-other", null);
		revoke(ctx, u);
	}

	/** Who is there loses the place when the grant goes, and gets it back with a new one. */
	private static void revoked(Ctx ctx) throws Exception {
		String t = ctx.topic();
		String u = ctx.unique;
		grant(ctx, u, "produce", "consume");
		ctx.login(as(ctx, "root"));
		Consumer<byte[]> stays = ctx.consumer(t).subscriptionName("stays").subscribe();
		ctx.login(as(ctx, u));
		Consumer<byte[]> c = ctx.consumer(t).subscriptionType(SubscriptionType.Shared).subscribe();
		Producer<byte[]> p = ctx.producer(t).sendTimeout(1, TimeUnit.SECONDS).create();
		Ctx.sendN(p, 0, 10);
		Ctx.receiveN(c, 5);
		Ctx.until("5 are acknowledged", () -> ctx.backlog(t, "sub") == 5);
		revoke(ctx, u);
		gone(ctx, t, p, c);
		Ctx.fails(PulsarClientException.class, "sending", () -> p.send(Ctx.bytes("m-x")));
		refused(ctx, AuthorizationException.class, "the role", as(ctx, u));
		Ctx.equal(Ctx.texts(Ctx.receiveN(stays, 10)), Ctx.bodies(0, 10), "others stay");
		grant(ctx, u, "produce", "consume");
		ctx.login(as(ctx, u));
		Ctx.sendN(ctx.producer(t).create(), 10, 5);
		Ctx.equal(Ctx.texts(Ctx.receiveN(ctx.consumer(t).subscribe(), 10)), Ctx.bodies(5, 10),
				"what was not acknowledged, and what came then");
		revoke(ctx, u);
	}

	private static void anonymous(Ctx ctx) throws Exception {
		grant(ctx, "nobody", "produce", "consume");
		works(ctx, ctx.topic());
		refused(ctx, AuthenticationException.class, "a wrong token", AuthenticationFactory.token("x.y.z"));
		revoke(ctx, "nobody");
		refused(ctx, AuthorizationException.class, "nothing to say", null);
		ctx.login(as(ctx, "root"));
		works(ctx, ctx.topic());
	}
}
