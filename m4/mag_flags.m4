dnl SPDX-License-Identifier: Apache-2.0
dnl MAG_CFLAG(VARIABLE, FLAG) - append FLAG to VARIABLE if the compiler takes
dnl it without a complaint. -Werror turns clang's "unknown warning" into a no.
AC_DEFUN([MAG_CFLAG], [
AS_VAR_PUSHDEF([cv], [mag_cv_cflag_$2])
AC_CACHE_CHECK([whether $CC takes $2], [cv], [
	mag_save_CFLAGS=$CFLAGS
	CFLAGS="$CFLAGS -Werror $2"
	AC_COMPILE_IFELSE([AC_LANG_SOURCE([[
#include <stdio.h>
int main(void);
int main(void) { return puts("x") < 0; }
]])],
		[AS_VAR_SET([cv], [yes])], [AS_VAR_SET([cv], [no])])
	CFLAGS=$mag_save_CFLAGS])
AS_VAR_IF([cv], [yes], [$1="$$1 $2"])
AS_VAR_POPDEF([cv])])

dnl MAG_LDFLAG(VARIABLE, FLAG) - the same for the linker.
AC_DEFUN([MAG_LDFLAG], [
AS_VAR_PUSHDEF([cv], [mag_cv_ldflag_$2])
AC_CACHE_CHECK([whether the linker takes $2], [cv], [
	mag_save_LDFLAGS=$LDFLAGS
	LDFLAGS="$LDFLAGS $2"
	AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
		[AS_VAR_SET([cv], [yes])], [AS_VAR_SET([cv], [no])])
	LDFLAGS=$mag_save_LDFLAGS])
AS_VAR_IF([cv], [yes], [$1="$$1 $2"])
AS_VAR_POPDEF([cv])])

dnl MAG_LIB(VARIABLE, LIBRARY, FUNCTION, HEADER, DEBIAN PACKAGE, [MORE LIBS])
dnl A library that must be there: VARIABLE gets -lLIBRARY.
AC_DEFUN([MAG_LIB], [
AC_CHECK_HEADER([$4], [], [AC_MSG_ERROR([$4 not found: install $5])])
AC_CHECK_LIB([$2], [$3], [$1="-l$2"],
	[AC_MSG_ERROR([lib$2 not found: install $5])], [$6])
AC_SUBST([$1])])
