/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include <stdio.h>

#include "base/conf.h"

static unsigned warnings;
static char last_warning[200];

static void
warn(void *arg, const char *msg)
{
	(void)arg;
	warnings++;
	(void)snprintf(last_warning, sizeof last_warning, "%s", msg);
}

static enum err
parse(struct conf *c, const char *text, struct diag *d)
{
	warnings = 0;
	diag_clear(d);
	return conf_parse(c, "f", text, strlen(text), warn, NULL, d);
}

static void
test_defaults(void **state)
{
	struct conf c;
	struct diag d;

	(void)state;
	conf_init(&c);
	assert_ok(conf_check(&c, &d));
	assert_int_equal(c.brokerServicePort, 6650);
	assert_int_equal(c.maxMessageSize, 5242880);
	assert_string_equal(c.bindAddress, "127.0.0.1");
	assert_string_equal(c.advertisedAddress, "");
	assert_true(c.allowAutoTopicCreation);
	assert_int_equal(c.flushPolicy, CONF_FLUSH_SYNC);
	conf_fini(&c);
}

static void
test_parse(void **state)
{
	struct conf c;
	struct diag d;

	(void)state;
	conf_init(&c);
	assert_ok(parse(&c,
	    "# comment = 1\n"
	    "! comment\r\n"
	    "\n"
	    "  brokerServicePort = 7000  \r\n"
	    "webServicePort=0\n"
	    "clusterName=a = b # c\n"
	    "allowAutoTopicCreation=FALSE\n"
	    "flushPolicy = async\n"
	    "bindAddress =\n"
	    "webServicePort=8081",
	    &d));
	assert_int_equal(warnings, 0);
	assert_int_equal(c.brokerServicePort, 7000);
	assert_int_equal(c.webServicePort, 8081);
	assert_string_equal(c.clusterName, "a = b # c");
	assert_false(c.allowAutoTopicCreation);
	assert_int_equal(c.flushPolicy, CONF_FLUSH_ASYNC);
	assert_string_equal(c.bindAddress, "127.0.0.1");
	assert_ok(parse(&c, "", &d));
	conf_fini(&c);
}

static void
bad(const char *text, const char *why)
{
	struct conf c;
	struct diag d;

	conf_init(&c);
	assert_err(parse(&c, text, &d), ERR_INVALID_ARG);
	assert_string_equal(d.msg, why);
	conf_fini(&c);
}

static void
test_errors(void **state)
{
	char text[5000];

	(void)state;
	bad("\nbrokerServicePrt = 1\n",
	    "f:2: unknown key \"brokerServicePrt\"; the nearest is "
	    "brokerServicePort");
	bad("BROKERSERVICEPORT=1",
	    "f:1: unknown key \"BROKERSERVICEPORT\"; the nearest is "
	    "brokerServicePort");
	bad("zookeeperServer=x",
	    "f:1: unknown key \"zookeeperServer\"; the nearest is "
	    "zookeeperServers");
	bad("brokerServicePort = x",
	    "f:1: brokerServicePort: \"x\" is not a number");
	bad("brokerServicePort = 1x",
	    "f:1: brokerServicePort: \"1x\" is not a number");
	bad("brokerServicePort = 65536",
	    "f:1: brokerServicePort: 65536 is not in 0..65535 (port)");
	bad("brokerServicePort = 99999999999999999999",
	    "f:1: brokerServicePort: 99999999999999999999 is not in 0..65535 "
	    "(port)");
	bad("allowAutoTopicCreation = yes",
	    "f:1: allowAutoTopicCreation: \"yes\" is neither true nor false");
	bad("flushPolicy = never",
	    "f:1: flushPolicy: \"never\" is none of sync|async");
	bad("flushPolicy = syn",
	    "f:1: flushPolicy: \"syn\" is none of sync|async");
	bad("flushDiskType = never",
	    "f:1: flushDiskType: \"never\" is not a value of it");
	bad("enableDLegerCommitLog = true",
	    "f:1: enableDLegerCommitLog: not supported, can only be \"false\"");
	bad("hello", "f:1: \"hello\" is not key = value");
	bad(" = 1", "f:1: no key before the =");
	bad("clusterName = a\tb",
	    "f:1: clusterName: a control character in the value");
	memset(text, 'a', sizeof text - 1);
	text[sizeof text - 1] = '\0';
	memcpy(text, "clusterName =", 13);
	bad(text, "f:1: a value of more than 4096 bytes");
	text[1000] = '\0';
	bad(text, "f:1: clusterName: longer than 128 bytes");
	memset(text, 'k', 200);
	text[200] = '=';
	bad(text, "f:1: no key before the =");
}

static void
test_nul(void **state)
{
	struct conf c;
	struct diag d;

	(void)state;
	conf_init(&c);
	assert_err(conf_parse(&c, "f", "clusterName=a\0b", 15, warn, NULL, &d),
	    ERR_INVALID_ARG);
	assert_string_equal(d.msg, "f:1: a NUL in the line");
	assert_string_equal(c.clusterName, "standalone");
	conf_fini(&c);
}

static void
test_foreign(void **state)
{
	struct conf c;
	struct diag d;

	(void)state;
	conf_init(&c);
	assert_ok(parse(&c,
	    "zookeeperServers=\n"
	    "managedLedgerDefaultEnsembleSize=1\n"
	    "journalSyncData=true\n"
	    "loadBalancerEnabled=false\n"
	    "namesrvAddr=127.0.0.1:9876\n"
	    "deleteWhen=04\n"
	    "enableLmqQuota=true\n"
	    "timerRocksDBEnable=false\n"
	    "authenticationEnabled=false\n"
	    "tlsEnabled=true\n"
	    "clientLibraryVersionCheckAllowUnversioned=true\n"
	    "loadBalancerNamespaceBundleSplitIntervalMinutes=15\n"
	    "flushDiskType=ASYNC_FLUSH\n"
	    "maxConnections=12\n",
	    &d));
	assert_int_equal(warnings, 11);
	assert_string_equal(last_warning,
	    "loadBalancerNamespaceBundleSplitIntervalMinutes has no meaning "
	    "here and is ignored");
	assert_int_equal(c.flushPolicy, CONF_FLUSH_ASYNC);
	assert_int_equal(c.brokerMaxConnections, 12);
	assert_ok(parse(&c, "flushDiskType=\n", &d));
	assert_int_equal(c.flushPolicy, CONF_FLUSH_SYNC);
	conf_fini(&c);
}

/* One key of both files, and classes whose work is done here */
static void
test_auth(void **state)
{
	static const struct {
		const char *text;
		bool fine, pulsar, rocketmq;
	} cases[] = {
		{ "authenticationEnabled=true\n", true, true, true },
		{ "rocketmq.authenticationEnabled=false\n", true, true, false },
		{ "authorizationEnabled=true\n", false, true, false },
		{ "rocketmq.authorizationEnabled=false\n", true, true, false },
		{ "authenticationEnabled=false\n", false, false, false },
		{ "pulsar.authorizationEnabled=false\n", true, false, false },
		{ "rocketmq.authenticationEnabled=true\n", true, false, true },
		{ "rocketmq.authorizationEnabled=same\n", true, false, true },
		{ "rocketmqEnable=false\n", true, false, false },
	};
	static const char *const refused[] = {
		"authorizationProvider=org.example.Own\n",
		"rocketmq.authorizationProvider=org.example.Own\n",
		"authenticationStrategy=org.example.Own\n",
		"authorizationWhitelist=10\n",
	};
	struct conf c;
	struct diag d;
	size_t i;

	(void)state;
	conf_init(&c);
	for (i = 0; i < NELEM(cases); i++) {
		assert_ok(parse(&c, cases[i].text, &d));
		assert_int_equal(conf_check(&c, &d) == ERR_OK, cases[i].fine);
		assert_int_equal(
		    conf_authenticates_pulsar(&c), cases[i].pulsar);
		assert_int_equal(
		    conf_authenticates_rocketmq(&c), cases[i].rocketmq);
	}
	assert_ok(parse(&c,
	    "pulsar.authorizationProvider=org.apache.pulsar.broker."
	    "authorization.PulsarAuthorizationProvider\n"
	    "rocketmq.authorizationProvider=org.apache.rocketmq.auth."
	    "authorization.provider.DefaultAuthorizationProvider\n",
	    &d));
	for (i = 0; i < NELEM(refused); i++)
		assert_int_equal(parse(&c, refused[i], &d), ERR_INVALID_ARG);
	conf_fini(&c);
}

/* As RocketMQ's system properties spell the keys of TLS, and which go together */
static void
test_tls(void **state)
{
	static const struct {
		const char *text;
		bool fine;
	} cases[] = {
		{ "tls.server.mode=ENFORCING\n", true },
		{ "tls.test.mode.enable=false\n", false },
		{ "tls.server.certPath=/c\n", false },
		{ "tls.server.keyPath=/k\n", true },
		{ "tls.server.keyPassword=a b\n", true },
		{ "tls.server.need.client.auth=REQUIRE\n", true },
		{ "tls.server.authClient=true\n", false },
		{ "tls.server.trustCertPath=/t\n", true },
		{ "tls.server.keyPath=\n", false },
		{ "tls.server.mode=disabled\n", true },
		{ "tlsRequireTrustedClientCertOnConnect=true\n", false },
		{ "tlsAllowInsecureConnection=true\n", true },
		{ "brokerServicePortTls=6651\n", false },
		{ "tlsCertificateFilePath=/c\n", false },
		{ "tlsKeyFilePath=/k\n", true },
		{ "tlsAllowInsecureConnection=false\n", false },
		{ "tlsTrustCertsFilePath=/t\n", true },
		{ "tlsKeyFilePath=\n", false },
		{ "brokerServicePortTls=\n", true },
		{ "webServicePortTls=8443\n", false },
	};
	struct conf c;
	struct diag d;
	size_t i;

	(void)state;
	conf_init(&c);
	assert_int_equal(c.tlsMode, CONF_TLS_PERMISSIVE);
	for (i = 0; i < NELEM(cases); i++) {
		assert_ok(parse(&c, cases[i].text, &d));
		if ((conf_check(&c, &d) == ERR_OK) != cases[i].fine)
			fail_msg("%s: %s", cases[i].text, d.msg);
		if (i == 7) {
			assert_int_equal(c.tlsMode, CONF_TLS_ENFORCING);
			assert_string_equal(c.tlsServerCertPath, "/c");
			assert_string_equal(c.tlsServerKeyPath, "/k");
			assert_string_equal(c.tlsServerKeyPassword, "a b");
			assert_int_equal(
			    c.tlsServerNeedClientAuth, CONF_CLIENT_REQUIRE);
			assert_string_equal(c.tlsServerTrustCertPath, "/t");
		}
	}
	conf_fini(&c);
}

static void
test_arg(void **state)
{
	struct conf c;
	struct diag d;

	(void)state;
	conf_init(&c);
	assert_ok(conf_set_arg(&c, "webServicePort=1", NULL, NULL, &d));
	assert_int_equal(c.webServicePort, 1);
	assert_ok(conf_set_arg(&c, "deleteWhen=04", NULL, NULL, &d));
	assert_err(conf_set_arg(&c, "webServicePort", NULL, NULL, NULL),
	    ERR_INVALID_ARG);
	conf_fini(&c);
}

static void
together(const char *text, const char *why)
{
	struct conf c;
	struct diag d;

	conf_init(&c);
	assert_ok(parse(&c, text, &d));
	assert_err(conf_check(&c, &d), ERR_INVALID_ARG);
	assert_string_equal(d.msg, why);
	conf_fini(&c);
}

static void
test_check(void **state)
{
	(void)state;
	together("brokerServicePort=1\nwebServicePort=1",
	    "brokerServicePort and webServicePort are the same");
	together("bufferBudgetMB=32\nmaxMessageSize=134217728",
	    "bufferBudgetMB is less than twice maxMessageSize");
	together("segmentSizeMB=24",
	    "segmentSizeMB is less than five times maxMessageSize");
	together("managedLedgerMinLedgerRolloverTimeMinutes=500",
	    "managedLedgerMaxLedgerRolloverTimeMinutes is less than "
	    "managedLedgerMinLedgerRolloverTimeMinutes");
	together("advertisedListeners=a",
	    "advertisedListeners: \"a\" is not name:scheme://host:port");
	together("advertisedListeners=a:pulsar://h:1\n"
		 "internalListenerName=b",
	    "internalListenerName: \"b\" is not one of advertisedListeners");
}

static void
test_listeners(void **state)
{
	static const char *const wrong[] = { "a:pulsar://h", "a:ftp://h:1",
		"a:pulsar://:1", ":pulsar://h:1", "a:pulsar://h:0",
		"a:pulsar://h:65536", "a:pulsar://h:1x", "pulsar://h:1",
		"a:pulsar://::1:1", "a:pulsar://[::1:1", "a:pulsar://[]:1" };
	const char *p = "in:pulsar://10.0.0.1:6650, out:http://h.example:80,"
			"six:pulsar+ssl://[::1]:6651";
	struct conf_listener l;
	struct diag d;
	size_t i;

	(void)state;
	assert_ok(conf_listener_next(&p, &l, &d));
	assert_string_equal(l.name, "in");
	assert_string_equal(l.scheme, "pulsar");
	assert_string_equal(l.host, "10.0.0.1");
	assert_int_equal(l.port, 6650);
	assert_ok(conf_listener_next(&p, &l, &d));
	assert_string_equal(l.name, "out");
	assert_string_equal(l.host, "h.example");
	assert_ok(conf_listener_next(&p, &l, &d));
	assert_string_equal(l.scheme, "pulsar+ssl");
	assert_string_equal(l.host, "::1");
	assert_int_equal(l.port, 6651);
	assert_err(conf_listener_next(&p, &l, &d), ERR_EOF);
	for (i = 0; i < NELEM(wrong); i++) {
		p = wrong[i];
		assert_err(conf_listener_next(&p, &l, &d), ERR_INVALID_ARG);
	}
}

static void
test_reload(void **state)
{
	struct conf c, next;
	struct strbuf changed, ignored;
	struct diag d;

	(void)state;
	conf_init(&c);
	conf_init(&next);
	conf_copy(&next, &c);
	assert_ok(parse(&next,
	    "logLevel=debug\nclusterName=x\nmaxProducersPerTopic=3\n"
	    "shards=4",
	    &d));
	strbuf_init(&changed, 1000);
	strbuf_init(&ignored, 1000);
	conf_reload(&c, &next, &changed, &ignored);
	assert_string_equal(
	    strbuf_str(&changed), "maxProducersPerTopic,logLevel");
	assert_string_equal(strbuf_str(&ignored), "clusterName,shards");
	assert_int_equal(c.maxProducersPerTopic, 3);
	assert_string_equal(c.clusterName, "standalone");
	strbuf_fini(&changed);
	strbuf_fini(&ignored);
	conf_fini(&c);
	conf_fini(&next);
}

/* what is dumped, and the sample, read back to the same */
static void
test_round_trip(void **state)
{
	struct conf a, b;
	struct strbuf sb, sb2;
	struct diag d;

	(void)state;
	conf_init(&a);
	conf_init(&b);
	assert_ok(parse(&a, "shards=3\nclusterName=q\nlogFormat=json", &d));
	strbuf_init(&sb, 100000);
	strbuf_init(&sb2, 100000);
	conf_dump(&a, &sb);
	assert_ok(strbuf_err(&sb));
	assert_ok(parse(&b, strbuf_str(&sb), &d));
	conf_dump(&b, &sb2);
	assert_string_equal(strbuf_str(&sb), strbuf_str(&sb2));
	assert_non_null(strstr(strbuf_str(&sb), "\nlogFormat = json\n"));

	strbuf_reset(&sb);
	conf_sample(&sb);
	assert_ok(parse(&a, strbuf_str(&sb), &d));
	strbuf_reset(&sb);
	strbuf_reset(&sb2);
	conf_fini(&b);
	conf_init(&b);
	conf_dump(&a, &sb);
	conf_dump(&b, &sb2);
	assert_string_equal(strbuf_str(&sb), strbuf_str(&sb2));
	strbuf_fini(&sb);
	strbuf_fini(&sb2);
	conf_fini(&a);
	conf_fini(&b);
}

/* every row is whole, and no key is in two tables */
static void
test_table(void **state)
{
	static const char *const foreign[] = {
#define CONF_IGNORED(key) #key,
#include "base/tbl/conf_ignored.h"
#define CONF_REFUSED(key, value) #key,
#include "base/tbl/conf_refused.h"
	};
	const struct conf_key *k;
	size_t n, i, j;

	(void)state;
	k = conf_keys(&n);
	for (i = 0; i < n; i++) {
		assert_true(k[i].doc[0] != '\0');
		if (k[i].type == CONF_T_SECTION)
			continue;
		assert_ptr_equal(conf_key_find(k[i].name), &k[i]);
		if (k[i].type == CONF_T_INT)
			assert_in_range(
			    k[i].def - k[i].min, 0, k[i].max - k[i].min);
	}
	for (i = 0; i < NELEM(foreign); i++) {
		assert_null(conf_key_find(foreign[i]));
		for (j = 0; j < i; j++)
			assert_string_not_equal(foreign[i], foreign[j]);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_parse),
		cmocka_unit_test(test_errors),
		cmocka_unit_test(test_nul),
		cmocka_unit_test(test_foreign),
		cmocka_unit_test(test_arg),
		cmocka_unit_test(test_check),
		cmocka_unit_test(test_listeners),
		cmocka_unit_test(test_auth),
		cmocka_unit_test(test_tls),
		cmocka_unit_test(test_reload),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_table),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
