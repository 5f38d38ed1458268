/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench/bench.h"

/* As many descriptors as the system lets us have. */
static void
raise_limit(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &r);
	}
}

static void
close_all(struct bench *b)
{
	unsigned i;

	for (i = 0; i < b->links_n; i++) {
		if (b->links[i].fd >= 0)
			link_close(&b->links[i]);
	}
	b->proto->fini(b);
	for (i = 0; i < b->producers_n; i++)
		mem_free(b->producers[i].ring);
	mem_free(b->links);
	mem_free(b->producers);
}

int
main(int argc, char **argv)
{
	struct backlog bl = { 0 };
	struct snap window[2];
	struct bench *b;
	struct opts o;
	bool failed;

	opts_parse(&o, argc, argv);
	raise_limit();
	/* a sleep of 50 us should not take 100 */
	(void)prctl(PR_SET_TIMERSLACK, 1);
	b = mem_zalloc(sizeof *b);
	b->o = &o;
	b->proto = o.rocketmq ? &rmq_proto : &pulsar_proto;
	b->ep = epoll_create1(EPOLL_CLOEXEC);
	if (b->ep < 0)
		die("epoll_create1: %s", strerror(errno));
	b->proto->init(b);
	b->proto->setup(b);
	if (o.make_topics != 0) {
		b->proto->topics(b, window);
		report_topics(b, window);
	} else if (o.count != 0) {
		drive_backlog(b, &bl);
		report_backlog(b, &bl);
	} else {
		drive_run(b, window);
		report_run(b, window);
	}
	failed = b->c.failed != 0 || b->c.bad_checksum != 0 ||
	    b->c.early != 0 || b->c.strangers != 0 ||
	    (o.rocketmq && b->c.gaps + b->c.doubles != 0);
	close_all(b);
	(void)close(b->ep);
	mem_free(b);
	return failed ? 1 : 0;
}
