/* SPDX-License-Identifier: Apache-2.0 */
/* Settings of groups as JSON, and names that are RocketMQ's own. */
#include "test.h"

#include "rocketmq/gconf.h"
#include "rocketmq/systopic.h"
#include "rocketmq/topic_json.h"

static const char full[] =
    "{\"attributes\":{\"priority.factor\":\"7\"},\"brokerId\":3,"
    "\"consumeBroadcastEnable\":false,\"consumeEnable\":false,"
    "\"consumeFromMinEnable\":false,\"consumeMessageOrderly\":true,"
    "\"consumeTimeoutMinute\":16,\"groupName\":\"g\","
    "\"groupRetryPolicy\":{\"type\":\"EXPONENTIAL\"},\"groupSysFlag\":1,"
    "\"notifyConsumerIdsChangedEnable\":false,\"retryMaxTimes\":4,"
    "\"retryQueueNums\":2,\"subscriptionDataSet\":[{\"topic\":\"t\"}],"
    "\"whichBrokerWhenConsumeSlowly\":5}";

static void
round_trip(void **state)
{
	const struct jval *root;
	struct strbuf sb;
	struct gconf c;
	struct jdoc doc;

	(void)state;
	strbuf_init(&sb, 4096);
	jdoc_init(&doc, 100);
	assert_ok(jdoc_parse(&doc, full, sizeof full - 1, &root));
	gconf_default(&c, STR_LIT("x"));
	assert_true(gconf_read(&c, root));
	c.attributes = STR_LIT("priority.factor=7");
	gconf_write(&sb, &c);
	assert_string_equal(strbuf_str(&sb), full);
	jdoc_fini(&doc);
	strbuf_fini(&sb);
}

static void
defaults(void **state)
{
	struct strbuf sb;
	struct gconf c;

	(void)state;
	strbuf_init(&sb, 4096);
	gconf_default(&c, STR_LIT("g"));
	gconf_write(&sb, &c);
	assert_string_equal(strbuf_str(&sb),
	    "{\"attributes\":{},\"brokerId\":0,"
	    "\"consumeBroadcastEnable\":true,\"consumeEnable\":true,"
	    "\"consumeFromMinEnable\":true,\"consumeMessageOrderly\":false,"
	    "\"consumeTimeoutMinute\":15,\"groupName\":\"g\","
	    "\"groupRetryPolicy\":{\"type\":\"CUSTOMIZED\"},"
	    "\"groupSysFlag\":0,\"notifyConsumerIdsChangedEnable\":true,"
	    "\"retryMaxTimes\":16,\"retryQueueNums\":1,"
	    "\"whichBrokerWhenConsumeSlowly\":1}");
	strbuf_fini(&sb);
}

static void
wrong_kinds(void **state)
{
	static const char *const bad[] = { "{\"consumeEnable\":1}",
		"{\"retryMaxTimes\":\"x\"}", "{\"retryMaxTimes\":99999999999}",
		"{\"brokerId\":[]}" };
	const struct jval *root;
	struct gconf c;
	struct jdoc doc;
	size_t i;

	(void)state;
	jdoc_init(&doc, 100);
	for (i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		assert_ok(jdoc_parse(&doc, bad[i], strlen(bad[i]), &root));
		gconf_default(&c, STR_LIT("g"));
		assert_false(gconf_read(&c, root));
	}
	jdoc_fini(&doc);
}

static void
names(void **state)
{
	struct rmq_conf conf = RMQ_CONF_DEFAULT;
	struct systopic st;
	char buf[512], text[300];
	unsigned i;

	(void)state;
	assert_null(gconf_name_wrong(STR_LIT("g-1"), buf, sizeof buf));
	assert_string_equal(gconf_name_wrong(STR_NONE, buf, sizeof buf),
	    "The specified group is blank.");
	assert_string_equal(gconf_name_wrong(STR_LIT("a b"), buf, sizeof buf),
	    "The specified group: a b, contains illegal characters, allowing "
	    "only ^[%|a-zA-Z0-9_-]+$");
	memset(text, 'g', sizeof text);
	assert_null(gconf_name_wrong(
	    (struct str){ text, GCONF_NAME_MAX }, buf, sizeof buf));
	assert_non_null(gconf_name_wrong(
	    (struct str){ text, GCONF_NAME_MAX + 1 }, buf, sizeof buf));
	for (i = 0; i < systopic_count(); i++) {
		systopic_at(&conf, i, &st);
		assert_true(systopic_is(&conf, str_of(st.name)));
		assert_in_range(st.queues, 1, 1024);
	}
	assert_true(systopic_is(&conf, STR_LIT("DefaultCluster_REPLY_TOPIC")));
	assert_true(systopic_is(&conf, STR_LIT("rmq_sys_anything")));
	assert_false(systopic_is(&conf, STR_LIT("TBW103")));
	assert_false(systopic_is(&conf, STR_LIT("_REPLY_TOPIC")));
	assert_true(sysgroup_is(STR_LIT("TOOLS_CONSUMER")));
	assert_false(sysgroup_is(STR_LIT("TOOLS")));
}

static void
topic_config(void **state)
{
	struct topic_conf tc = { .name = STR_LIT("t"),
		.attributes = STR_LIT("a.b=c,d=e"),
		.read_n = 2,
		.write_n = 3,
		.perm = 6,
		.sys_flag = 1,
		.order = true };
	struct strbuf sb;
	struct jw w;

	(void)state;
	strbuf_init(&sb, 4096);
	jw_init(&w, &sb);
	topic_conf_write(&w, &tc);
	assert_ok(jw_err(&w));
	assert_string_equal(strbuf_str(&sb),
	    "{\"attributes\":{\"a.b\":\"c\",\"d\":\"e\"},\"order\":true,"
	    "\"perm\":6,\"readQueueNums\":2,\"topicFilterType\":"
	    "\"SINGLE_TAG\",\"topicName\":\"t\",\"topicSysFlag\":1,"
	    "\"writeQueueNums\":3}");
	strbuf_fini(&sb);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(round_trip),
		cmocka_unit_test(defaults),
		cmocka_unit_test(wrong_kinds),
		cmocka_unit_test(names),
		cmocka_unit_test(topic_config),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
