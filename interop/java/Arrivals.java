// SPDX-License-Identifier: Apache-2.0
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

import org.apache.pulsar.client.api.Message;

/** Everything that the consumers of a subscription got, in arrival order. */
final class Arrivals {
	static final class One {
		final int number;
		final String key;
		final String who;

		One(int number, String key, String who) {
			this.number = number;
			this.key = key;
			this.who = who;
		}
	}

	private final List<One> list = new ArrayList<>();
	private final List<Integer> first = new ArrayList<>();
	private final Set<Integer> seen = new HashSet<>();

	synchronized void add(Message<byte[]> m, String who) {
		int n = Ctx.number(m);
		list.add(new One(n, m.getKey(), who));
		if (seen.add(n)) {
			first.add(n);
		}
	}

	synchronized List<One> all() {
		return new ArrayList<>(list);
	}

	synchronized List<One> last(int n) {
		return new ArrayList<>(list.subList(list.size() - n, list.size()));
	}

	synchronized int count(String who) {
		return (int) list.stream().filter(a -> a.who.equals(who)).count();
	}

	/** Different messages so far. */
	synchronized int size() {
		return seen.size();
	}

	synchronized int doubles() {
		return list.size() - seen.size();
	}

	void await(int n, int limitS) throws Exception {
		Ctx.until(n + " messages arrived", limitS, () -> size() >= n);
	}

	void more(int n) throws Exception {
		await(size() + n, 60);
	}

	void awaitMore(String who, int n) throws Exception {
		int want = count(who) + n;
		Ctx.until(who + " got " + n + " messages", 20, () -> count(who) >= want);
	}

	/** All of 0 ... n - 1 came, their first arrivals in this order. */
	void inOrder(int n) throws Exception {
		await(n, 30);
		synchronized (this) {
			Ctx.equal(first, IntStream.range(0, n).boxed().collect(Collectors.toList()),
					"every message, first arrivals in order");
		}
	}

	void complete(int n) throws Exception {
		await(n, 30);
		synchronized (this) {
			Ctx.equal(seen, IntStream.range(0, n).boxed().collect(Collectors.toSet()), "every message arrived");
		}
	}
}
