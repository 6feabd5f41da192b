/* mount.c - a server's address and a folder on it -> mounted by the kernel's own NFS client. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/nfs/mount.h"

#include "base/clock.h"
#include "base/confined.h"
#include "base/file.h"
#include "base/log.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* RFC 1833: tells on which port version 3 is; where it does not answer in this time, there is no version 3. */
#define RPCBIND_PORT 111
#define RPCBIND_MS   3000

/* The kernel asks for this much ahead, in KiB: its own 128 leave a fast network idle between two questions. */
#define READ_AHEAD_KIB "8192"

#define UNIQUE_FILE "/sys/module/nfs/parameters/nfs4_unique_id"

/* In the order they are tried. */
static const char *const versions[] = { "4.2", "4.1", "4.0", "3" };
#define VERSION_3 3

/* ---- mount options */

/* The options for VERSION, NULL when a person chose one: Linux fs/nfs/fs_context.c, nfs(5). */
static char *mount_options(const struct nfs_export *e, const char *version)
{
	struct buf o = { 0 };
	char address[PEER_TEXT + 12];
	size_t len;
	bool v6 = e->address->u.sa.sa_family == AF_INET6;
	/* silence is noticed after one, two, and three times this: nfs(5), timeo= and retrans=; in tenths of a
	 * second */
	int64_t step = MAX(e->timeout_ms / 100 / 6, (int64_t)5);

	peer_text(e->address, address);
	len = strlen(address);
	if (v6 && e->address->u.in6.sin6_scope_id)
		snprintf(address + len, sizeof(address) - len, "%%%u", (unsigned)e->address->u.in6.sin6_scope_id);
	buf_printf(&o, "addr=%s,proto=tcp%s", address, v6 ? "6" : "");
	if (e->stays)
		buf_str(&o, ",hard"); /* a system cannot do without its root: it waits as long as it takes */
	else
		buf_printf(&o, ",softerr,timeo=%lld,retrans=2", (long long)step);
	if (version)
		buf_printf(&o, ",vers=%s", version);
	if (version && *version == '4')
		/* no delegations: no need to call back */
		buf_printf(&o, ",clientaddr=%s", v6 ? "::" : "0.0.0.0");
	else
		buf_printf(&o, ",nolock,mountproto=tcp%s,mountaddr=%s", v6 ? "6" : "", address);
	if (e->port != NFS_PORT || (version && *version == '4'))
		buf_printf(&o, ",port=%u", e->port);
	if (*e->options)
		buf_printf(&o, ",%s", e->options);
	return buf_take(&o);
}

/* ---- what the kernel should know before and after */

/* Servers tell clients apart by their host names, and booting nodes all have the same: without this, one node's state
 * is thrown away when the next one comes (RFC 8881, section 2.4). */
static void set_unique(const struct nfs_export *e)
{
	cleanup_close int fd = -1;

	if (!e->unique)
		return;
	if (access(UNIQUE_FILE, F_OK) < 0)
		(void)!mount("none", "/", "nfs", 0, NULL); /* refused, but the client is loaded now */
	fd = open(UNIQUE_FILE, O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, e->unique, strlen(e->unique)) < 0)
		log_info("%s: %s", UNIQUE_FILE, err_text(errno));
}

static void read_far_ahead(const char *point)
{
	struct stat st;
	cleanup_free char *path = NULL;
	cleanup_close int fd = -1;

	if (stat(point, &st) < 0)
		return;
	path = str_printf("/sys/class/bdi/%u:%u/read_ahead_kb", (unsigned)major(st.st_dev), (unsigned)minor(st.st_dev));
	fd = path ? open(path, O_WRONLY | O_CLOEXEC) : -1;
	if (fd < 0 || write(fd, READ_AHEAD_KIB, strlen(READ_AHEAD_KIB)) < 0)
		log_debug("read ahead: %s", err_text(errno));
}

/* ---- errors */

/* A version that the server or the kernel does not have: the next one may work. */
static bool is_version_error(int err)
{
	return err == -EPROTONOSUPPORT || err == -EINVAL || err == -EOPNOTSUPP || err == -EPROTO;
}

/* Another 4.x would say the same; but version 3 has no common root of all exports, and other names. */
static bool is_name_error(int err)
{
	return err == -ENOENT || err == -ENOTDIR || err == -EACCES || err == -EPERM;
}

static int mount_failed(const struct nfs_export *e, const char *source, int err, struct failure *f)
{
	switch (err) {
	case -ENODEV:
		return fail(f, FAIL_MED_MOUNT, err, "%s: the kernel has no NFS client", source);
	case -EACCES:
	case -EPERM:
		return fail(f, FAIL_SRV_DENIED, err, "%s: the server does not export it to this machine (%s)", source,
			    err_text(err));
	case -ENOENT:
	case -ENOTDIR:
		return fail(f, FAIL_SRV_NOT_FOUND, err, "%s: %s", source, err_text(err));
	case -ETIMEDOUT:
		return fail(f, FAIL_SRV_TIMEOUT, err, "%s: no answer for %lld s", source,
			    (long long)e->connect_ms / 1000);
	case -ECONNREFUSED:
		return fail(f, FAIL_SRV_REFUSED, err, "%s: %s", source, err_text(err));
	case -EHOSTUNREACH:
	case -ENETUNREACH:
		return fail(f, FAIL_SRV_UNREACHABLE, err, "%s: %s", source, err_text(err));
	case -EINVAL:
		return fail(f, FAIL_CMD_BAD_VALUE, err, "%s: the kernel does not take the mount options%s%s", source,
			    *e->options ? " " : "", e->options);
	default:
		return fail(f, FAIL_SRV_ERROR, err, "%s: %s", source, err_text(err));
	}
}

/* ---- all together */

/* True when the options choose a version themselves. */
static bool version_is_chosen(const char *options)
{
	for (const char *p = options; *p; p += strcspn(p, ","), p += *p == ',')
		if (starts_with(p, "vers=") || starts_with(p, "nfsvers=") || starts_with(p, "minorversion=") ||
		    starts_with(p, "v3") || starts_with(p, "v4"))
			return true;
	return false;
}

/* Is somebody there on PORT? The kernel would try for minutes. 0, or -errno with F filled. */
static int knock(const struct nfs_export *e, uint16_t port, int64_t wait_ms, struct failure *f)
{
	struct peer_address at = *e->address;
	int fd;

	peer_set_port(&at, port);
	fd = net_connect(&at, 1, now_ms() + wait_ms, f);
	if (fd < 0)
		return fd;
	close(fd);
	return 0;
}

/* "10.0.1.21:/export"; to be freed, NULL when memory ran out. */
static char *source_of(const struct nfs_export *e, const char *folder)
{
	bool v6 = e->address->u.sa.sa_family == AF_INET6 && strchr(e->host, ':');

	return str_printf(v6 ? "[%s]:%s" : "%s:%s", e->host, *folder ? folder : "/");
}

/* The folder BELOW what is mounted at TOP appears at POINT. 0 or -errno. */
static int bind_below(const char *top, const char *below, const char *point)
{
	cleanup_close int root = open(top, O_RDONLY | O_DIRECTORY | O_CLOEXEC), folder = -1;
	cleanup_free char *path = NULL;

	folder = root < 0 ? -errno : confined_open(root, below, O_RDONLY | O_DIRECTORY);
	if (folder < 0)
		return folder;
	path = str_printf("/proc/self/fd/%d", folder);
	return !path ? -ENOMEM : mount(path, point, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

/* Version 3 has no top of all exports to go down from, and some servers give what they export itself, and nothing below
 * it by its own name. Mounts the nearest folder above E's that is given, and goes down inside. 0 or -errno. */
static int mount_above(const struct nfs_export *e, const char *point, unsigned long flags, const char *options)
{
	cleanup_free char *folder = strdup(e->folder), *top = str_printf("%s.top", point);
	int err = folder && top && mkdir(top, 0700) < 0 && errno != EEXIST ? -errno : -ENOENT;
	char *slash;

	while (folder && top && is_name_error(err) && (slash = strrchr(folder, '/')) && slash[1]) {
		cleanup_free char *source = NULL;

		*slash = '\0';
		source = source_of(e, folder);
		err = !source ? -ENOMEM : mount(source, top, "nfs", flags, options) < 0 ? -errno : 0;
		if (!err)
			log_info("%s is mounted for what is below it", source);
	}
	if (!err) {
		err = bind_below(top, e->folder + strlen(folder), point);
		umount2(top, MNT_DETACH);
	}
	if (top)
		rmdir(top);
	return err;
}

static bool is_version_3(const struct nfs_export *e, const char *version)
{
	return version ? streq(version, "3") : strstr(e->options, "vers=3") || starts_with(e->options, "v3");
}

static int mount_version(const struct nfs_export *e, const char *source, const char *point, const char *version)
{
	const unsigned long flags = MS_NODEV | MS_NOSUID | MS_NOEXEC | (e->writable ? 0u : MS_RDONLY) | e->flags;
	cleanup_free char *options = mount_options(e, version);
	struct failure quiet;
	int err;

	if (!options)
		return -ENOMEM;
	/* the kernel asks rpcbind where version 3 is */
	if (streq(version, "3") && knock(e, RPCBIND_PORT, MIN(e->connect_ms, (int64_t)RPCBIND_MS), &quiet))
		return -EPROTONOSUPPORT;
	log_debug("mount %s: %s", source, options);
	err = mount(source, point, "nfs", flags, options) < 0 ? -errno : 0;
	if (is_name_error(err) && is_version_3(e, version) && mount_above(e, point, flags, options) == 0)
		err = 0;
	if (err)
		return err;
	log_info("%s is mounted by NFS %s", source, version ? version : e->options);
	return 0;
}

/* Tries one version after the other; the refusal that says most is the one to tell. 0 or -errno. */
static int try_versions(const struct nfs_export *e, const char *source, const char *point, bool only_3)
{
	size_t i = only_3 ? VERSION_3 : 0;
	int told = -EPROTONOSUPPORT;

	if (version_is_chosen(e->options))
		return mount_version(e, source, point, NULL);
	while (i < ARRAY_SIZE(versions)) {
		int err = mount_version(e, source, point, versions[i]);

		if (!err || (!is_version_error(err) && !is_name_error(err)))
			return err && is_name_error(told) ? told : err;
		if (!is_name_error(told) && err != -EPROTONOSUPPORT)
			told = err;
		i = is_name_error(err) && i < VERSION_3 ? VERSION_3 : i + 1;
	}
	return told;
}

int nfs_mount(const struct nfs_export *e, const char *point, struct failure *f)
{
	cleanup_free char *source = source_of(e, e->folder);
	bool only_3 = false;
	int64_t begun;
	int err;

	if (!source)
		return fail(f, FAIL_SYS_INTERNAL, -ENOMEM, "no memory for the name of an export");
	err = knock(e, e->port, e->connect_ms, f);
	if (err) {
		struct failure quiet;

		/* an old server may have version 3 on another port */
		only_3 = f->id == FAIL_SRV_REFUSED && e->port == NFS_PORT && !version_is_chosen(e->options) &&
			 knock(e, RPCBIND_PORT, MIN(e->connect_ms, (int64_t)RPCBIND_MS), &quiet) == 0;
		if (!only_3)
			return err;
	}
	set_unique(e);
	begun = now_ms();
	err = try_versions(e, source, point, only_3);
	/* what version 4 says of a server that accepts connections and is silent, once its patience is at an end */
	if (err == -EIO && now_ms() - begun >= e->timeout_ms / 2)
		return fail(f, FAIL_SRV_TIMEOUT, -ETIMEDOUT, "%s: no answer for %lld s", source,
			    (long long)(now_ms() - begun + 500) / 1000);
	if (err)
		return mount_failed(e, source, err, f);
	if (!e->stays)
		read_far_ahead(point);
	return 0;
}

/* ---- owners by name */

/* True when the file PATH has WORDS in it. */
static bool file_says(const char *path, const char *words)
{
	cleanup_buf struct buf text = { 0 };

	(void)!file_read(path, &text);
	return strstr(buf_cstr(&text), words) != NULL;
}

int nfs_check_owners(const char *point, const char *what, struct failure *f)
{
	cleanup_free char *mounted = str_printf(" %s nfs4 ", point);

	/* keyrings(7), /proc/keys: the kernel has asked for what such a name means */
	if (!mounted || !file_says("/proc/mounts", mounted) || !file_says("/proc/keys", " id_resolv"))
		return 0;
	return fail(f, FAIL_SRV_ERROR, -EKEYREJECTED,
		    "%s: the server gives owners as names, with which a root by NFS 4 would hang; let it give numbers "
		    "(nfs-ganesha: Only_Numeric_Owners), or take options:vers=3",
		    what);
}
