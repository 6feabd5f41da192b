/* options.c - mount options as people write them for mount(8) -> flags, and those that the kernel's NFS client
 * knows. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/nfs/mount.h"

#include "base/log.h"

#include <sys/mount.h>

/* mount(8): what is a flag of mount(2). */
static const struct {
	char name[12];
	unsigned flag;
} flags[] = { { "noatime", MS_NOATIME },
	      { "nodiratime", MS_NODIRATIME },
	      { "relatime", MS_RELATIME },
	      { "strictatime", MS_STRICTATIME },
	      { "sync", MS_SYNCHRONOUS } };

/* What is said by root: and proto by the address, what is the default anyway, and what is for mount(8), mount.nfs(8),
 * fstab(5) or systemd.mount(5) alone; with '=' or '-' at its end: whatever follows. */
static const char others[] =
	"ro rw defaults suid nosuid dev nodev exec noexec atime diratime norelatime nostrictatime async dirsync "
	"mand nomand silent loud lazytime nolazytime iversion noiversion auto noauto user nouser users "
	"owner group nofail bg fg intr nointr _netdev _rnetdev tcp proto=tcp proto=tcp6 mountproto=tcp "
	"mountproto=tcp6 x- X- comment= user= retry= helper=";

/* True when the LEN bytes at P are WORD of N bytes, or begin with it where it is open at its end. */
static bool matches(const char *p, size_t len, const char *word, size_t n)
{
	bool open = word[n - 1] == '=' || word[n - 1] == '-';

	return (open ? len >= n : len == n) && memcmp(p, word, n) == 0;
}

static bool is_for_others(const char *p, size_t len)
{
	for (const char *word = others; *word; word += strspn(word, " ")) {
		size_t n = strcspn(word, " ");

		if (matches(p, len, word, n))
			return true;
		word += n;
	}
	return false;
}

static unsigned flag_of(const char *p, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
		if (matches(p, len, flags[i].name, strnlen(flags[i].name, sizeof(flags[i].name))))
			return flags[i].flag;
	return 0;
}

char *nfs_read_options(const char *text, unsigned long *mount_flags)
{
	struct buf kernel = { 0 };
	size_t len;

	*mount_flags = 0;
	for (const char *p = text ? text : ""; *p; p += len, p += *p != '\0') {
		unsigned flag;

		len = strcspn(p, "+,");
		flag = len ? flag_of(p, len) : 0;
		*mount_flags |= flag;
		if (!len || flag)
			continue;
		if (is_for_others(p, len))
			log_info("options: %.*s is none of the NFS client's: left out", (int)len, p);
		else
			buf_printf(&kernel, "%s%.*s", kernel.len ? "," : "", (int)len, p);
	}
	return buf_take(&kernel);
}
