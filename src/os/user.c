/* SPDX-License-Identifier: Apache-2.0 */
#include "os/user.h"

#include <dirent.h>
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/vas.h"
#include "os/file.h"

#define KEEP ((uid_t)-1)
#define PASSWD_MAX (64u << 10)

static bool lent;
static uid_t lent_uid;
static gid_t lent_gid;

/* --- who -------------------------------------------------------------------------- */

static enum err
find(const char *name, uid_t *uid, gid_t *gid, struct diag *d)
{
	struct passwd pw, *found = NULL;
	char *buf = mem_alloc(PASSWD_MAX);
	int e = getpwnam_r(name, &pw, buf, PASSWD_MAX, &found);

	*uid = *gid = KEEP;
	if (found != NULL) {
		*uid = pw.pw_uid;
		*gid = pw.pw_gid;
	}
	mem_free(buf);
	if (found != NULL)
		return ERR_OK;
	return diag_set(d, ERR_INVALID_ARG, "user %s: %s", name,
	    e != 0 ? strerror(e) : "there is no such user");
}

/* --- the data directory ----------------------------------------------------------- */

static enum err
check_owner(const char *path, const char *name, uid_t uid, struct diag *d)
{
	struct stat st;

	if (lstat(path, &st) != 0)
		return diag_set(
		    d, file_err(errno), "%s: %s", path, strerror(errno));
	if (st.st_uid == uid)
		return ERR_OK;
	return diag_set(d, ERR_PERMISSION,
	    "%s belongs to uid %u, not to user %s: stop the broker and chown -R "
	    "the data directory",
	    path, (unsigned)st.st_uid, name);
}

/* The directory and its entries: what a start as root left behind. */
static enum err
check_entries(const char *path, const char *name, uid_t uid, struct diag *d)
{
	enum err e = check_owner(path, name, uid, d);
	struct dirent *ent;
	char *full;
	DIR *dir;

	if (e != ERR_OK)
		return e;
	dir = opendir(path);
	if (dir == NULL)
		return diag_set(
		    d, file_err(errno), "%s: %s", path, strerror(errno));
	while (e == ERR_OK && (ent = readdir(dir)) != NULL) {
		if (strcmp(ent->d_name, ".") == 0 ||
		    strcmp(ent->d_name, "..") == 0)
			continue;
		full = mem_printf("%s/%s", path, ent->d_name);
		e = check_owner(full, name, uid, d);
		mem_free(full);
	}
	(void)closedir(dir);
	return e;
}

static enum err
own(const char *path, const char *name, uid_t uid, gid_t gid, struct diag *d)
{
	struct stat st;
	enum err e;

	if (stat(path, &st) == 0)
		return check_entries(path, name, uid, d);
	e = file_mkdirs(path);
	if (e != ERR_OK)
		return diag_set(
		    d, e, "cannot create %s: %s", path, err_text(e));
	if (chown(path, uid, gid) != 0)
		return diag_set(
		    d, file_err(errno), "%s: %s", path, strerror(errno));
	return ERR_OK;
}

/* --- becoming it ------------------------------------------------------------------ */

enum err
user_lend(const char *name, const char *data_dir, struct diag *d)
{
	uid_t uid;
	gid_t gid;
	enum err e;

	assert(!lent);
	e = find(name, &uid, &gid, d);
	if (e != ERR_OK)
		return e;
	if (geteuid() == uid)
		return ERR_OK;
	if (geteuid() != 0)
		return diag_set(
		    d, ERR_PERMISSION, "only root can become user %s", name);
	e = own(data_dir, name, uid, gid, d);
	if (e != ERR_OK)
		return e;
	/* no program that is run gets it back; threads inherit that */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    initgroups(name, gid) != 0 || setresgid(gid, gid, gid) != 0 ||
	    setresuid(uid, uid, 0) != 0)
		return diag_set(d, ERR_PERMISSION, "cannot become user %s: %s",
		    name, strerror(errno));
	lent = true;
	lent_uid = uid;
	lent_gid = gid;
	return ERR_OK;
}

/* Of this thread only, which glibc has no call for. */
static void
set_euid(uid_t uid)
{
	assert(syscall(SYS_setresuid, KEEP, uid, KEEP) == 0);
}

int
user_bind(int fd, const struct sockaddr *sa, socklen_t len)
{
	int r, e;

	if (!lent)
		return bind(fd, sa, len);
	set_euid(0);
	r = bind(fd, sa, len);
	e = errno;
	set_euid(lent_uid);
	errno = e;
	return r;
}

enum err
user_drop(struct diag *d)
{
	uid_t r, e, s;
	gid_t gr, ge, gs;

	if (!lent)
		return ERR_OK;
	/* glibc's is of all threads */
	if (setresuid(lent_uid, lent_uid, lent_uid) != 0)
		return diag_set(d, ERR_PERMISSION, "cannot give up root: %s",
		    strerror(errno));
	lent = false;
	assert(getresuid(&r, &e, &s) == 0 && getresgid(&gr, &ge, &gs) == 0);
	assert(r == lent_uid && e == lent_uid && s == lent_uid);
	assert(gr == lent_gid && ge == lent_gid && gs == lent_gid);
	assert(lent_uid == 0 || setuid(0) != 0);
	/* /proc/self would be root's else: the metrics read it */
	(void)prctl(PR_SET_DUMPABLE, 1, 0, 0, 0);
	return ERR_OK;
}
