/* SPDX-License-Identifier: Apache-2.0 */
/* data directory, whole files, addresses, the process */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "os/file.h"
#include "os/prot.h"
#include "os/sock.h"
#include "tests/unit/scratch.h"

static void
test_whole_files(void **state)
{
	const char *p;
	char *data;
	size_t len;

	(void)state;
	p = scratch_path("whole");
	assert_err(file_read(p, 100, &data, &len), ERR_NO_FILE);
	assert_ok(file_write_atomic(p, "hello", 5));
	assert_ok(file_read(p, 100, &data, &len));
	assert_int_equal(len, 5);
	assert_string_equal(data, "hello");
	mem_free(data);
	assert_ok(file_write_atomic(p, "", 0));
	assert_ok(file_read(p, 0, &data, &len));
	assert_int_equal(len, 0);
	mem_free(data);
	assert_ok(file_write_atomic(p, "12345678", 8));
	assert_err(file_read(p, 7, &data, &len), ERR_TOO_BIG);
	assert_err(file_mkdir(p), ERR_EXISTS);
	assert_ok(file_mkdirs(scratch_path("a/b/c")));
	assert_ok(file_mkdirs(scratch_path("a/b/c")));
	assert_ok(file_sync_dir(scratch_path("a/b")));
}

static void
test_datadir_format(void **state)
{
	struct datadir *dd;
	struct diag d;
	char *p;

	(void)state;
	p = mem_strdup(scratch_path("data"));
	assert_err(datadir_open(&dd, p, 3, false, &d), ERR_NO_FILE);
	assert_null(dd);
	assert_ok(datadir_open(&dd, p, 3, true, &d));
	assert_int_equal(datadir_format(dd), 3);
	assert_string_equal(datadir_path(dd), p);
	datadir_close(&dd);
	/* older is for the caller to convert */
	assert_ok(datadir_open(&dd, p, 4, true, &d));
	assert_int_equal(datadir_format(dd), 3);
	datadir_close(&dd);
	assert_err(datadir_open(&dd, p, 2, true, &d), ERR_NEWER_FORMAT);
	assert_non_null(strstr(d.msg, "format 3"));
	assert_err(datadir_open_readonly(&dd, p, 2, &d), ERR_NEWER_FORMAT);
	assert_ok(
	    file_write_atomic(scratch_path("data/format"), "magnetar x\n", 11));
	assert_err(datadir_open(&dd, p, 3, true, &d), ERR_CORRUPT);
	assert_ok(
	    file_write_atomic(scratch_path("data/format"), "hello 1\n", 8));
	assert_err(datadir_open(&dd, p, 3, true, &d), ERR_CORRUPT);
	mem_free(p);
}

/* another process holds it: refused, with its pid in the text */
static void
test_datadir_lock(void **state)
{
	struct datadir *dd, *dd2;
	struct diag d;
	char *p, want[32];
	int status;
	pid_t pid;

	(void)state;
	p = mem_strdup(scratch_path("locked"));
	assert_ok(datadir_open(&dd, p, 1, true, &d));
	pid = fork();
	assert_true(pid >= 0);
	if (pid == 0) {
		(void)snprintf(want, sizeof want, "pid %ld", (long)getppid());
		if (datadir_open(&dd2, p, 1, true, &d) != ERR_LOCKED)
			_exit(1);
		_exit(strstr(d.msg, want) == NULL ? 2 : 0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_ok(datadir_open_readonly(&dd2, p, 1, &d));
	datadir_close(&dd2);
	datadir_close(&dd);
	assert_ok(datadir_open(&dd, p, 1, true, &d));
	datadir_close(&dd);
	mem_free(p);
}

static void
test_addr(void **state)
{
	struct sock_addr a;
	char b[SOCK_TEXT_MAX];
	struct diag d;

	(void)state;
	assert_ok(sock_addr_parse(&a, "127.0.0.1", 6650, &d));
	assert_string_equal(sock_addr_text(&a, b, sizeof b), "127.0.0.1:6650");
	assert_string_equal(sock_addr_host(&a, b, sizeof b), "127.0.0.1");
	assert_int_equal(sock_addr_port(&a), 6650);
	assert_true(sock_addr_is_loopback(&a));
	assert_ok(sock_addr_parse(&a, "::1", 1, &d));
	assert_string_equal(sock_addr_text(&a, b, sizeof b), "[::1]:1");
	assert_true(sock_addr_is_loopback(&a));
	assert_ok(sock_addr_parse(&a, "", 80, &d));
	assert_string_equal(sock_addr_text(&a, b, sizeof b), "0.0.0.0:80");
	assert_false(sock_addr_is_loopback(&a));
	assert_err(sock_addr_parse(&a, "not an address", 80, &d), ERR_ADDRESS);
}

/* port 0, then a second socket on the same port, as another shard has */
static void
test_listen(void **state)
{
	struct sock_addr a, local, peer;
	int l1, l2, c, s = -1, n;
	struct diag d;

	(void)state;
	assert_ok(sock_addr_parse(&a, "127.0.0.1", 0, &d));
	assert_ok(sock_listen_first(&a, 16, &l1, &d));
	sock_local(l1, &local);
	assert_true(sock_addr_port(&local) != 0);
	assert_ok(sock_listen(&local, 16, &l2, &d));
	sock_close(l2);
	/* a process that does not know of the first one */
	assert_err(sock_listen_first(&local, 16, &l2, &d), ERR_ADDRESS);
	assert_int_equal(l2, -1);
	assert_err(sock_accept(l1, &s, &peer), ERR_AGAIN);
	assert_ok(sock_connect(&local, &c));
	for (n = 0; n < 1000 && s < 0; n++) {
		if (sock_accept(l1, &s, &peer) != ERR_OK)
			(void)usleep(1000);
	}
	assert_true(s >= 0);
	assert_int_equal(sock_error(c), 0);
	sock_local(c, &a);
	assert_int_equal(sock_addr_port(&a), sock_addr_port(&peer));
	sock_close(c);
	sock_close_reset(s);
	sock_close(l1);
}

static void
test_prot(void **state)
{
	struct prot_mem m;

	(void)state;
	prot_init();
	assert_true(prot_raise_fds() >= 64);
	prot_mem(&m);
	assert_true(m.rss_anon_bytes > 0);
	assert_true(m.total_bytes > m.rss_anon_bytes);
	assert_true(prot_open_fds() >= 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_whole_files),
		cmocka_unit_test(test_datadir_format),
		cmocka_unit_test(test_datadir_lock),
		cmocka_unit_test(test_addr),
		cmocka_unit_test(test_listen),
		cmocka_unit_test(test_prot),
	};

	return cmocka_run_group_tests(tests, scratch_setup, scratch_teardown);
}
