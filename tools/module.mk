# SPDX-License-Identifier: Apache-2.0
# Checkers that make check runs, and the writer of what follows from the
# configuration's table.

noinst_PROGRAMS += %D%/confgen
%C%_confgen_SOURCES = %D%/confgen.c
%C%_confgen_LDADD = $(BASE_LINK) $(BASE_LIBS)

dist_sysconf_DATA = conf/magnetar.conf
dist_doc_DATA = doc/configuration.md doc/permissions.md doc/secure.md
unitdir = $(prefix)/lib/systemd/system
unit_DATA = conf/magnetar.service
sysusersdir = $(prefix)/lib/sysusers.d
EXTRA_DIST += conf/magnetar.service.in conf/magnetar.sysusers
CLEANFILES += conf/magnetar.service
conf/magnetar.service: conf/magnetar.service.in
	$(AM_V_GEN)$(MKDIR_P) conf && $(SED) -e 's|@bindir[@]|$(bindir)|' \
		-e 's|@sysconfdir[@]|$(sysconfdir)|' \
		$(srcdir)/conf/magnetar.service.in >$@
# its name there is magnetar.conf
install-data-local:
	$(MKDIR_P) $(DESTDIR)$(sysusersdir)
	$(INSTALL_DATA) $(srcdir)/conf/magnetar.sysusers \
		$(DESTDIR)$(sysusersdir)/magnetar.conf
uninstall-local:
	rm -f $(DESTDIR)$(sysusersdir)/magnetar.conf

dist_check_SCRIPTS += %D%/check-unit
TESTS += %D%/check-unit
dist_man_MANS = doc/magnetar.8 doc/magnetar.conf.5

# written into the source tree; make check compares
conf-files: %D%/confgen$(EXEEXT)
	%D%/confgen sample >$(top_srcdir)/conf/magnetar.conf
	%D%/confgen markdown >$(top_srcdir)/doc/configuration.md
	%D%/confgen man >$(top_srcdir)/doc/magnetar.conf.5
.PHONY: conf-files

dist_check_SCRIPTS += %D%/check-conf
TESTS += %D%/check-conf

dist_check_SCRIPTS += %D%/check-layers %D%/tidy %D%/check-docs
TESTS += %D%/check-layers %D%/tidy %D%/check-docs

EXTRA_DIST += %D%/check-all
dist_check_SCRIPTS += %D%/check-dist
TESTS += %D%/check-dist
print-dist:
	@echo $(DISTFILES)
.PHONY: print-dist

dist_check_SCRIPTS += %D%/check-style
TESTS += %D%/check-style
style:
	srcdir=$(top_srcdir) $(top_srcdir)/%D%/check-style -i
style-check:
	srcdir=$(top_srcdir) $(top_srcdir)/%D%/check-style
.PHONY: style style-check
