// SPDX-License-Identifier: Apache-2.0
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/**
 * The RocketMQ Java clients' suite, one source for all versions; what only
 * newer ones have is in the folders java4.9, java5 and java5.3, what signs in java-acl. interop/run
 * starts it and tells it what to run.
 *
 * usage: Suite NAMESRV WORKDIR < commands
 */
public final class Suite {
	interface Scenario {
		void run(Ctx ctx) throws Exception;
	}

	static final Map<String, Scenario> ALL = new TreeMap<>();

	private Suite() {
	}

	public static void main(String[] args) throws Exception {
		PrintStream out = System.out;
		System.setOut(System.err);
		for (String name : new String[] {"Basic", "Consume", "Letters", "Streams", "Later", "Five", "Recall", "Acl"}) {
			Class<?> c;
			try {
				c = Class.forName(name);
			} catch (ClassNotFoundException e) {
				continue;       // not compiled for this version
			}
			c.getDeclaredMethod("register", Map.class).invoke(null, ALL);
		}
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
		for (String line; (line = in.readLine()) != null;) {
			String[] w = line.split(" ");
			out.println(one(w[1], new Ctx(args, w[2], text -> ask(out, in, text))));
			out.flush();
		}
		System.exit(0);
	}

	private static String one(String name, Ctx ctx) {
		try {
			Scenario s = ALL.get(name);
			if (s == null) {
				throw new AssertionError("no such scenario in this suite");
			}
			s.run(ctx);
			ctx.close();
			return "@pass";
		} catch (Throwable t) {
			t.printStackTrace();
			return ("@fail " + t).replaceAll("\\s+", " ");
		}
	}

	private static void ask(PrintStream out, BufferedReader in, String text) throws IOException {
		out.println(text);
		out.flush();
		String answer = in.readLine();
		if (!"ok".equals(answer)) {
			throw new AssertionError(answer == null ? "the driver is gone" : answer);
		}
	}
}
