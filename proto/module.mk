# SPDX-License-Identifier: Apache-2.0
# Protobuf codecs, generated at build time by nanopb into the build folder:
# proto/x.proto (+ proto/x.options) -> proto/x.pb.c, proto/x.pb.h.
# Include them as "proto/x.pb.h".

EXTRA_DIST += %D%/README %D%/pulsar.proto %D%/pulsar.options

noinst_LIBRARIES += %D%/libproto.a
%C%_libproto_a_SOURCES =
nodist_%C%_libproto_a_SOURCES = %D%/pulsar.pb.c
%C%_libproto_a_CFLAGS = $(GEN_CFLAGS)
BUILT_SOURCES += %D%/pulsar.pb.h
CLEANFILES += %D%/pulsar.pb.c %D%/pulsar.pb.h

# One run makes both files; the header follows from the source.
%D%/%.pb.c: %D%/%.proto %D%/%.options
	$(AM_V_GEN)$(MKDIR_P) %D% && $(PROTOC) \
	    --plugin=protoc-gen-nanopb=$(NANOPB) -I$(top_srcdir) \
	    --nanopb_out="-I$(top_srcdir) -q:$(top_builddir)" \
	    $(top_srcdir)/%D%/$(*F).proto
%D%/%.pb.h: %D%/%.pb.c
	@test -f $@ && touch $@
