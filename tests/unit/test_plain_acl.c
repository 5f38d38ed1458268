/* SPDX-License-Identifier: Apache-2.0 */
#include "test.h"

#include "auth/plain_acl.h"

#include "auth/yaml_doc.h"
#include "base/mem.h"

static struct diag diag;

/* The sample of the reference's distribution. */
static const char SAMPLE[] =
    "globalWhiteRemoteAddresses:\n"
    "  - 10.10.103.*\n"
    "  - 192.168.0.*\n"
    "\n"
    "accounts:\n"
    "  - accessKey: RocketMQ\n"
    "    secretKey: 12345678\n"
    "    whiteRemoteAddress:\n"
    "    admin: false\n"
    "    defaultTopicPerm: DENY\n"
    "    defaultGroupPerm: SUB\n"
    "    topicPerms:\n"
    "      - topicA=DENY\n"
    "      - topicB=PUB|SUB\n"
    "      - topicC= SUB\n"
    "    groupPerms:\n"
    "      # the group should convert to retry topic\n"
    "      - groupA=DENY\n"
    "      - groupB=PUB|SUB\n"
    "      - groupC=ANY\n"
    "\n"
    "  - accessKey: rocketmq2\n"
    "    secretKey: 12345678\n"
    "    whiteRemoteAddress: 192.168.1.*\n"
    "    # if it is admin, it could access all resources\n"
    "    admin: true\n";

static struct plain_acl *
read_well(const char *yaml)
{
	struct plain_acl *pa;
	enum err e = plain_acl_read(&pa, str_of(yaml), &diag);

	if (e != ERR_OK)
		fail_msg("%s", diag.msg);
	return pa;
}

static void
refused(const char *yaml, const char *why)
{
	struct plain_acl *pa;

	assert_int_equal(
	    plain_acl_read(&pa, str_of(yaml), &diag), ERR_INVALID_ARG);
	assert_null(pa);
	assert_string_equal(diag.msg, why);
}

static void
test_sample(void **state)
{
	struct plain_acl *pa = read_well(SAMPLE);
	const struct plain_account *a;
	int64_t counter, at;

	(void)state;
	assert_int_equal(plain_acl_n(pa), 2);
	assert_true(white_has(plain_acl_white(pa), STR_LIT("192.168.0.7")));
	assert_false(white_has(plain_acl_white(pa), STR_LIT("192.168.1.7")));
	a = plain_acl_account(pa, STR_LIT("RocketMQ"));
	assert_ptr_equal(a, plain_acl_at(pa, 0));
	assert_true(str_eq(a->secret, STR_LIT("12345678")));
	assert_false(a->admin);
	assert_int_equal(a->topic_perm, 0);
	assert_int_equal(a->group_perm, PLAIN_SUB);
	assert_int_equal(a->topics_n, 3);
	assert_true(str_eq(a->topics[1].name, STR_LIT("topicB")));
	assert_int_equal(a->topics[0].perm, 0);
	assert_int_equal(a->topics[1].perm, PLAIN_PUB | PLAIN_SUB);
	assert_int_equal(a->topics[2].perm, PLAIN_SUB);
	assert_int_equal(a->groups_n, 3);
	assert_int_equal(a->groups[2].perm, PLAIN_PUB | PLAIN_SUB);
	assert_int_equal(a->white.n, 0);
	a = plain_acl_account(pa, STR_LIT("rocketmq2"));
	assert_true(a->admin);
	assert_true(white_has(&a->white, STR_LIT("192.168.1.7")));
	assert_null(plain_acl_account(pa, STR_LIT("rocketmq3")));
	plain_acl_version(pa, &counter, &at);
	assert_int_equal(counter, 0);
	plain_acl_free(&pa);
}

static void
test_empty(void **state)
{
	static const char *const v[] = { "", "\n# nothing\n", "---\n",
		"accounts:\n", "accounts: []\n" };
	struct plain_acl *pa;
	size_t i;

	(void)state;
	for (i = 0; i < sizeof v / sizeof v[0]; i++) {
		pa = read_well(v[i]);
		assert_int_equal(plain_acl_n(pa), 0);
		plain_acl_free(&pa);
	}
}

#define ACCOUNT "accounts:\n- accessKey: account-1\n  secretKey: secret-1\n"

static void
test_refused(void **state)
{
	(void)state;
	refused("[]", "it is no mapping");
	refused("accounts: 7", "accounts is no list");
	refused("globalWhiteRemoteAddresses: 10.0.0.1",
	    "globalWhiteRemoteAddresses is no list");
	refused("globalWhiteRemoteAddresses: [here]",
	    "Netaddress examine Exception netaddress is here");
	refused("accounts:\n- accessKey: short\n  secretKey: very-secret\n",
	    "The accessKey=short and secretKey=*** cannot be null and length "
	    "should longer than 6");
	refused("accounts:\n- accessKey: account-1\n",
	    "The accessKey=account-1 and secretKey=*** cannot be null and "
	    "length should longer than 6");
	refused("accounts: [7]",
	    "The accessKey= and secretKey=*** cannot be null and length should "
	    "longer than 6");
	refused(ACCOUNT "- accessKey: account-1\n  secretKey: secret-2\n",
	    "accessKey=account-1 is there twice");
	refused(ACCOUNT "  topicPerms: T=PUB\n", "topicPerms is no list");
	refused(ACCOUNT "  topicPerms: [T]\n",
	    "Parse resource permission failed for topic:T");
	refused(ACCOUNT "  groupPerms: [G=PUB=SUB]\n",
	    "Parse resource permission failed for group:G=PUB=SUB");
	refused(ACCOUNT "  whiteRemoteAddress: 10.0.0.0/8\n",
	    "Netaddress examine Exception netaddress is 10.0.0.0/8");
	/* the document itself */
	refused(ACCOUNT "  secretKey: again\n",
	    "line 4: no key, or one that was there before");
	refused("a: &x [1]\nb: *x\n", "line 1: an alias");
	refused("? [a]\n: b\n", "line 1: no key, or one that was there before");
	refused(
	    "a: b\n---\na: b\n", "more than one document, or a very large one");
	refused("a: [", "line 2: did not find expected node content");
	refused("a: \"\\0\"\n", "line 1: a NUL");
	refused(
	    "[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]", "line 1: too deep");
}

/* Written and read again, it says the same. */
static struct plain_acl *
again(struct plain_acl *pa)
{
	struct plain_acl *other;
	char *yaml;
	size_t n;

	assert_int_equal(plain_acl_write(pa, &yaml, &n), ERR_OK);
	assert_int_equal(
	    plain_acl_read(&other, (struct str){ yaml, n }, &diag), ERR_OK);
	mem_free(yaml);
	plain_acl_free(&pa);
	return other;
}

static void
test_put(void **state)
{
	struct plain_acl *pa = read_well(SAMPLE), *next;
	const struct plain_account *a;
	int64_t counter, at;
	json_t *js;

	(void)state;
	js = json_pack("{s:s,s:s,s:b,s:[s],s:s}", "accessKey", "RocketMQ",
	    "secretKey", "null", "admin", 1, "topicPerms", "topicD=PUB",
	    "other", "kept");
	assert_int_equal(
	    plain_acl_put(pa, js, 1700, &next, &diag), ERR_INVALID_ARG);
	AZ(json_object_set_new(js, "secretKey", json_string("- null: #x")));
	assert_int_equal(plain_acl_put(pa, js, 1700, &next, &diag), ERR_OK);
	plain_acl_free(&pa);
	pa = again(next);
	assert_int_equal(plain_acl_n(pa), 2);
	a = plain_acl_at(pa, 1);
	assert_true(str_eq(a->key, STR_LIT("RocketMQ")));
	assert_true(str_eq(a->secret, STR_LIT("- null: #x")));
	assert_true(a->admin);
	assert_int_equal(a->group_perm, PLAIN_SUB); /* as it was */
	assert_int_equal(a->topics_n, 1);
	assert_int_equal(a->groups_n, 3);
	plain_acl_version(pa, &counter, &at);
	assert_int_equal(counter, 1);
	assert_int_equal(at, 1700);

	AZ(json_object_set_new(js, "accessKey", json_string("0123456")));
	assert_int_equal(plain_acl_put(pa, js, 1800, &next, &diag), ERR_OK);
	plain_acl_free(&pa);
	pa = again(next);
	assert_int_equal(plain_acl_n(pa), 3);
	assert_non_null(plain_acl_account(pa, STR_LIT("0123456")));
	plain_acl_version(pa, &counter, &at);
	assert_int_equal(counter, 2);

	AZ(json_object_set_new(js, "topicPerms", json_pack("[s]", "T=FLY")));
	assert_int_equal(
	    plain_acl_put(pa, js, 1, &next, &diag), ERR_INVALID_ARG);
	assert_string_equal(diag.msg,
	    "Parse resource permission error for T=FLY.\n"
	    "The expected permissions are 'SUB' or 'PUB' or 'SUB|PUB' or "
	    "'PUB|SUB'.");
	AZ(json_object_set_new(js, "topicPerms", json_pack("[s]", "T")));
	assert_int_equal(
	    plain_acl_put(pa, js, 1, &next, &diag), ERR_INVALID_ARG);
	assert_string_equal(diag.msg,
	    "Parse Resource format error for T.\n"
	    "The expected resource format is 'Res=Perm'. For example: "
	    "topicA=SUB");
	json_decref(js);
	plain_acl_free(&pa);
}

static void
test_delete_and_white(void **state)
{
	struct plain_acl *pa = read_well(SAMPLE), *next;
	json_t *list = json_pack("[s,s]", "10.0.0.1", "*");

	(void)state;
	assert_int_equal(
	    plain_acl_delete(pa, STR_LIT("nobody"), 1, &next), ERR_NO_KEY);
	assert_int_equal(
	    plain_acl_delete(pa, STR_LIT("RocketMQ"), 1, &next), ERR_OK);
	plain_acl_free(&pa);
	pa = again(next);
	assert_int_equal(plain_acl_n(pa), 1);
	assert_int_equal(
	    plain_acl_put_white(pa, list, 1, &next, &diag), ERR_OK);
	plain_acl_free(&pa);
	pa = again(next);
	assert_true(white_has(plain_acl_white(pa), STR_LIT("1::2")));
	AZ(json_array_append_new(list, json_string("10.0.{1,2}")));
	assert_int_equal(
	    plain_acl_put_white(pa, list, 1, &next, &diag), ERR_INVALID_ARG);
	json_decref(list);
	plain_acl_free(&pa);
}

static void
test_yaml(void **state)
{
	static const char WANT[] = "a: b\n"
				   "c:\n"
				   "- 'true'\n"
				   "- '1'\n"
				   "- ''\n"
				   "- PUB|SUB\n"
				   "- 7\n"
				   "- true\n"
				   "- null\n"
				   "d: []\n";
	json_t *js, *back;
	char *text;
	size_t n;

	(void)state;
	js = json_pack("{s:s,s:[s,s,s,s,i,b,n],s:[]}", "a", "b", "c", "true",
	    "1", "", "PUB|SUB", 7, 1, "d");
	assert_int_equal(yaml_doc_write(&text, &n, js, 1000), ERR_OK);
	assert_string_equal(text, WANT);
	assert_int_equal(
	    yaml_doc_read(&back, (struct str){ text, n }, &diag), ERR_OK);
	mem_free(text);
	AZ(json_array_set_new(json_object_get(js, "c"), 4, json_string("7")));
	assert_true(json_equal(js, back));
	assert_int_equal(yaml_doc_write(&text, &n, js, 10), ERR_TOO_BIG);
	json_decref(js);
	json_decref(back);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_sample),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_refused),
		cmocka_unit_test(test_put),
		cmocka_unit_test(test_delete_and_white),
		cmocka_unit_test(test_yaml),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
