// SPDX-License-Identifier: Apache-2.0
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Base64;

import javax.crypto.Mac;
import javax.crypto.spec.SecretKeySpec;

/** JSON web tokens of the harness's secrets, by HS256. */
final class Token {
	private Token() {
	}

	/** One that doesn't expire while a suite runs. */
	static String of(Ctx ctx, String role) throws Exception {
		return signed(ctx, "token", role, 3600_000);
	}

	static String signed(Ctx ctx, String secret, String role, long lifeMs) throws Exception {
		String exp = String.format("%.3f", (System.currentTimeMillis() + lifeMs) / 1000.0);
		String text = b64(Ctx.bytes("{\"alg\":\"HS256\"}")) + "."
				+ b64(Ctx.bytes("{\"sub\":\"" + role + "\",\"exp\":" + exp + "}"));
		Mac mac = Mac.getInstance("HmacSHA256");
		mac.init(new SecretKeySpec(Files.readAllBytes(Path.of(ctx.keys, secret + ".secret")), "HmacSHA256"));
		return text + "." + b64(mac.doFinal(Ctx.bytes(text)));
	}

	static String b64(byte[] b) {
		return Base64.getUrlEncoder().withoutPadding().encodeToString(b);
	}
}
