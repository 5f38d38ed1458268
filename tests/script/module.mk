# SPDX-License-Identifier: Apache-2.0
# Protocol scripts against the built broker: tests/script/run says how.
TESTS += %D%/run
EXTRA_DIST += %D%/run %D%/mqlib.py %D%/codecs_raw.py \
	%D%/p01_connect.py %D%/p02_lookup.py %D%/p03_produce.py \
	%D%/p04_consume.py %D%/p05_cursor.py %D%/p06_topics.py \
	%D%/p07_schema_txn.py %D%/p08_end.py %D%/p09_delay.py \
	%D%/p10_tls.py %D%/p11_https.py %D%/p12_auth.py %D%/p13_may.py \
	%D%/p14_may_http.py %D%/p15_http_raw.py %D%/p16_limits.py %D%/p17_openid.py %D%/maylib.py %D%/permissions.tbl %D%/jwtlib.py \
	%D%/rmqlib.py %D%/tlslib.py %D%/not-yet \
	%D%/r01_route.py %D%/r02_send_pull.py %D%/r03_wait_filter.py \
	%D%/r04_offsets.py %D%/r05_groups.py %D%/r06_retry.py \
	%D%/r07_delay_txn.py %D%/r08_pop_reply.py %D%/r09_pop_kept.py %D%/r09_admin.py \
	%D%/r10_fit.py %D%/r10_lmq.py %D%/r11_inner.py %D%/r12_flush.py \
	%D%/r11_tls.py %D%/r12_priority.py %D%/r13_metrics.py %D%/r14_acl.py %D%/r15_may.py %D%/r16_plain_acl.py %D%/r16_limits.py \
	%D%/x01_cross.py %D%/x02_exclusion.py %D%/x03_audit.py %D%/x04_slow.py \
	%D%/x05_accounts.py %D%/x06_connections.py %D%/x07_scarce.py
