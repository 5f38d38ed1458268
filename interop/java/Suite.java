// SPDX-License-Identifier: Apache-2.0
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.TreeMap;

/**
 * The Java clients' suite, one source for all versions. interop/run starts it
 * and tells it what to run.
 *
 * usage: Suite URL HTTP KEYDIR WORKDIR < commands
 */
public final class Suite {
	interface Scenario {
		void run(Ctx ctx) throws Exception;
	}

	static final Map<String, Scenario> ALL = new TreeMap<>();

	private Suite() {
	}

	public static void main(String[] args) throws IOException {
		PrintStream out = System.out;
		System.setOut(System.err);
		Basic.register(ALL);
		Subscriptions.register(ALL);
		Acks.register(ALL);
		Cursors.register(ALL);
		Streams.register(ALL);
		Topics.register(ALL);
		Security.register(ALL);
		OpenId.register(ALL);
		BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
		for (String line; (line = in.readLine()) != null;) {
			String[] w = line.split(" ");
			Ctx ctx = new Ctx(args, w[2], text -> {
				out.println(text);
				out.flush();
				String answer = in.readLine();
				if (!"ok".equals(answer)) {
					throw new AssertionError(answer == null ? "the driver is gone" : answer);
				}
			});
			String answer = "@pass";
			try {
				Scenario s = ALL.get(w[1]);
				if (s == null) {
					throw new AssertionError("no such scenario in this suite");
				}
				s.run(ctx);
				ctx.close();
			} catch (Throwable t) {
				t.printStackTrace();
				answer = ("@fail " + t).replaceAll("\\s+", " ");
			}
			out.println(answer);
			out.flush();
		}
		System.exit(0);
	}
}
