// SPDX-License-Identifier: Apache-2.0
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;

import org.apache.pulsar.client.api.Consumer;
import org.apache.pulsar.client.api.Producer;
import org.apache.pulsar.client.api.SubscriptionType;

/** The broker or the topic goes away in mid-stream; a thousand topics at once; non-persistent topics. */
final class Streams {
	private interface Disturb {
		void topic(String t) throws Exception;
	}

	private Streams() {
	}

	static void register(Map<String, Suite.Scenario> all) {
		all.put("restart-term", c -> restart(c, "TERM"));
		all.put("restart-kill", c -> restart(c, "KILL"));
		all.put("unload", c -> {
			for (boolean batching : new boolean[] {false, true}) {
				inMidStream(c, t -> c.admin("PUT", Ctx.path(t) + "/unload", null), 2, batching);
			}
		});
		all.put("topics-1000", Streams::thousand);
		all.put("non-persistent", Streams::nonPersistent);
	}

	private static void restart(Ctx ctx, String signal) throws Exception {
		for (boolean batching : new boolean[] {false, true}) {
			inMidStream(ctx, t -> ctx.ask.ask("@restart " + signal), 1, batching);
		}
	}

	/** Messages flow while the disturbance happens; then: nothing lost, first arrivals in order. */
	private static void inMidStream(Ctx ctx, Disturb disturb, int times, boolean batching) throws Exception {
		String t = ctx.topic("batching-" + batching);
		Arrivals arrivals = new Arrivals();
		ctx.consumer(t).subscriptionName("later").subscribe().close();
		Taker taker = new Taker(ctx.consumer(t).acknowledgmentGroupTime(100, TimeUnit.MILLISECONDS).subscribe(),
				arrivals, "c");
		Flow flow = new Flow(ctx.producer(t).enableBatching(batching).sendTimeout(90, TimeUnit.SECONDS)
				.batchingMaxPublishDelay(5, TimeUnit.MILLISECONDS).maxPendingMessages(1000).blockIfQueueFull(true)
				.create(), 300, 0);
		arrivals.more(200);
		for (int i = 0; i < times; i++) {
			disturb.topic(t);
			arrivals.more(200);
		}
		int sent = flow.finish();
		arrivals.inOrder(sent);
		taker.leave();
		Arrivals later = new Arrivals();
		taker = new Taker(ctx.consumer(t).subscriptionName("later").subscribe(), later, "later");
		later.inOrder(sent);
		taker.leave();
	}

	/** How many TCP connections this process has to that port. */
	private static int connections(int port) throws IOException {
		Set<String> mine = new HashSet<>();
		try (Stream<Path> fds = Files.list(Path.of("/proc/self/fd"))) {
			for (Path fd : (Iterable<Path>) fds::iterator) {
				try {
					mine.add(Files.readSymbolicLink(fd).toString());
				} catch (IOException e) {
					continue;       // closed in the meantime
				}
			}
		}
		int n = 0;
		for (String name : List.of("/proc/net/tcp", "/proc/net/tcp6")) {
			for (String line : Files.readAllLines(Path.of(name))) {
				String[] w = line.trim().split("\\s+");
				if (w[3].equals("01") && w[2].endsWith(String.format(":%04X", port))
						&& mine.contains("socket:[" + w[9] + "]")) {
					n++;
				}
			}
		}
		return n;
	}

	private static void thousand(Ctx ctx) throws Exception {
		int n = 1000;
		int inFlight = 32;
		int port = Integer.parseInt(ctx.url.substring(ctx.url.lastIndexOf(':') + 1));
		int before = connections(port);
		List<CompletableFuture<Consumer<byte[]>>> cs = new ArrayList<>();
		List<CompletableFuture<Producer<byte[]>>> ps = new ArrayList<>();
		for (int i = 0; i < n; i++) {
			cs.add(ctx.consumer(ctx.topic("t" + i)).receiverQueueSize(10).subscribeAsync());
			ps.add(ctx.producer(ctx.topic("t" + i)).createAsync());
			if (i >= inFlight) {
				cs.get(i - inFlight).get(60, TimeUnit.SECONDS);
				ps.get(i - inFlight).get(60, TimeUnit.SECONDS);
			}
		}
		for (int i = 0; i < n; i++) {
			for (int k = 0; k < 3; k++) {
				ps.get(i).get(60, TimeUnit.SECONDS).sendAsync(Ctx.bytes("m-" + (3 * i + k)));
			}
		}
		for (int i = 0; i < n; i++) {
			Ctx.equal(Ctx.texts(Ctx.receiveN(cs.get(i).get(60, TimeUnit.SECONDS), 3)), Ctx.bodies(3 * i, 3),
					"topic " + i);
		}
		// one for the lookups by the service URL's name, one by the name that the broker gave, if these differ
		int now = connections(port) - before;
		Ctx.check(now >= 1 && now <= 2, now + " connections");
	}

	private static void nonPersistent(Ctx ctx) throws Exception {
		String t = "non-" + ctx.topic();
		Consumer<byte[]> a = ctx.consumer(t).subscriptionName("a").subscribe();
		Consumer<byte[]> b = ctx.consumer(SubscriptionType.Shared, t).subscriptionName("b").subscribe();
		Producer<byte[]> p = ctx.producer(t).create();
		Ctx.sendN(p, 0, 200);
		for (Consumer<byte[]> c : List.of(a, b)) {
			Ctx.equal(Ctx.texts(Ctx.receiveN(c, 200)), Ctx.bodies(0, 200), "in order");
		}
		b.close();
		Ctx.sendN(p, 200, 10);
		b = ctx.consumer(SubscriptionType.Shared, t).subscriptionName("b").subscribe();
		Ctx.nothing(b);
		Ctx.equal(Ctx.texts(Ctx.receiveN(a, 10)), Ctx.bodies(200, 10), "the other one goes on");
		Ctx.sendN(p, 210, 10);
		Ctx.equal(Ctx.texts(Ctx.receiveN(b, 10)), Ctx.bodies(210, 10), "from now on");
	}
}
