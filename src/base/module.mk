# SPDX-License-Identifier: Apache-2.0
noinst_LIBRARIES += %D%/libbase.a
%C%_libbase_a_SOURCES = \
	%D%/base64.c %D%/base64.h %D%/be.h \
	%D%/buf.c %D%/buf.h \
	%D%/cdefs.h \
	%D%/cidr.c %D%/cidr.h \
	%D%/conf.c %D%/conf.h %D%/conf_auth.c %D%/conf_doc.c %D%/conf_listener.c \
	%D%/tbl/conf.h %D%/tbl/conf_ignored.h %D%/tbl/conf_refused.h \
	%D%/compress.c %D%/compress.h \
	%D%/crc32.c %D%/crc32.h \
	%D%/crc32c.c %D%/crc32c.h \
	%D%/err.c %D%/err.h %D%/tbl/err.h \
	%D%/hash.c %D%/hash.h \
	%D%/histo.c %D%/histo.h %D%/tbl/histo.h \
	%D%/log.c %D%/log.h \
	%D%/map.c %D%/map.h %D%/umap.c \
	%D%/json.h \
	%D%/mbox_msg.h %D%/pos.h %D%/str.h \
	%D%/mem.c %D%/mem.h \
	%D%/metrics.c %D%/metrics.h %D%/tbl/close.h %D%/tbl/metrics.h \
	%D%/miniobj.h \
	%D%/num.c %D%/num.h \
	%D%/strbuf.c %D%/strbuf.h \
	%D%/utf8.h \
	%D%/vas.c %D%/vas.h %D%/vas_assert.h
