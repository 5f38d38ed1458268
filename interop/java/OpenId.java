// SPDX-License-Identifier: Apache-2.0
import java.net.URI;
import java.net.URL;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

import org.apache.pulsar.client.api.Authentication;
import org.apache.pulsar.client.api.AuthenticationFactory;
import org.apache.pulsar.client.api.PulsarClientException;
import org.apache.pulsar.client.api.PulsarClientException.AuthenticationException;
import org.apache.pulsar.client.api.PulsarClientException.AuthorizationException;
import org.apache.pulsar.client.impl.auth.oauth2.AuthenticationFactoryOAuth2;

/** Tokens of the harness's issuer (harness/issuer.py): against a broker of the profile "openid", or "issuer". */
final class OpenId {
	private static final String AUDIENCE = "interop";

	private OpenId() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("openid", OpenId::openid);
		all.put("oauth2", OpenId::oauth2);
		all.put("oauth2-refresh", OpenId::refresh);
	}

	private static String issuer(Ctx ctx) throws Exception {
		return Files.readString(Path.of(ctx.keys, "issuer.url"));
	}

	/** changes: NAME=VALUE of what the issuer is asked to sign. */
	private static Authentication ticket(Ctx ctx, String role, String... changes) throws Exception {
		return AuthenticationFactory.token(
				ctx.get(issuer(ctx) + "/sign?sub=" + role + "&" + String.join("&", changes)));
	}

	private static URL file(Ctx ctx, String client) throws Exception {
		return Path.of(ctx.keys, client + ".oauth2.json").toUri().toURL();
	}

	private static Authentication credentials(Ctx ctx, String client, String audience) throws Exception {
		return AuthenticationFactoryOAuth2.clientCredentials(URI.create(issuer(ctx)).toURL(), file(ctx, client),
				audience);
	}

	private static void openid(Ctx ctx) throws Exception {
		String role = ctx.unique;
		Security.grant(ctx, role, "produce", "consume");
		ctx.login(ticket(ctx, role));
		Security.works(ctx, ctx.topic("right"));
		ctx.login(ticket(ctx, role, "aud=" + AUDIENCE, "kid=one"));     // the same, as they are by default
		Security.works(ctx, ctx.topic("right"));
		for (String wrong : new String[] {"aud=elsewhere", "iss=http://127.0.0.1:1", "kid=two", "key=stranger",
				"life=-5"}) {
			Security.refused(ctx, AuthenticationException.class, "a token with " + wrong, ticket(ctx, role, wrong));
		}
		Security.revoke(ctx, role);
	}

	/** The client gets its tokens itself, by its id and secret. */
	private static void oauth2(Ctx ctx) throws Exception {
		Security.grant(ctx, "u-oauth", "produce", "consume");
		String params = String.format(
				"{\"type\":\"client_credentials\",\"issuerUrl\":\"%s\",\"privateKey\":\"%s\",\"audience\":\"%s\"}",
				issuer(ctx), file(ctx, "u-oauth"), AUDIENCE);
		ctx.login(AuthenticationFactory.create("org.apache.pulsar.client.impl.auth.oauth2.AuthenticationOAuth2", params));
		Security.works(ctx, ctx.topic("ways"));
		ctx.login(credentials(ctx, "u-oauth", AUDIENCE));
		Security.works(ctx, ctx.topic("ways"));
		Security.refused(ctx, AuthenticationException.class, "a token for others", credentials(ctx, "u-oauth", "others"));
		ctx.login(credentials(ctx, "u-wrong", AUDIENCE));
		Ctx.fails(PulsarClientException.class, "a wrong secret",
				() -> ctx.newClient(2).newProducer().topic(ctx.topic()).create());
		String binary = ctx.url;
		ctx.url = ctx.http;
		ctx.login(credentials(ctx, "u-oauth", AUDIENCE));
		Security.works(ctx, ctx.topic("http"));
		ctx.url = binary;
		Security.revoke(ctx, "u-oauth");
		Security.refused(ctx, AuthorizationException.class, "a role without grants",
				credentials(ctx, "u-oauth", AUDIENCE));
	}

	/** Tokens of 3 s. */
	private static void refresh(Ctx ctx) throws Exception {
		String issued = issuer(ctx) + "/issued?client_id=u-brief";
		Security.renewed(ctx, "u-brief", credentials(ctx, "u-brief", AUDIENCE),
				() -> Integer.parseInt(ctx.get(issued)));
	}
}
