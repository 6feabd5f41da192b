/* mount.h - a server's address and a folder on it -> mounted by the kernel's own NFS client. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_NFS_MOUNT_H
#define METHODS_NFS_MOUNT_H

#include "base/failure.h"
#include "net/net.h"

/* NFS's registered port (RFC 7530, section 3.1). */
#define NFS_PORT 2049

/* What is to be mounted. */
struct nfs_export {
	const char *host;                   /* for words and the mount table */
	const struct peer_address *address; /* the port in it does not count */
	uint16_t port;                      /* NFS_PORT, or another one that was asked for */
	const char *folder;                 /* "/stable/x86_64" */
	const char *options;                /* a person's mount options for the kernel, separated by commas; "": none */
	unsigned long flags;                /* and those that are flags of mount(2) */
	int64_t timeout_ms;                 /* how long the server may be silent once it is mounted */
	int64_t connect_ms;                 /* how long it may take to accept a connection */
	bool stays;                         /* used until the machine ends: a silent server is waited for, always */
	bool writable;                      /* and written to */
	const char *unique; /* tells this machine from others with the same host name; NULL: not known */
};

/* TEXT is mount options, joined by '+' or ',', as mount(8) and mount.nfs(8) take them: *FLAGS gets those that are flags
 * of mount(2), and what comes back, to be freed, are those for the kernel's client. What is of use to others only, or
 * is decided elsewhere (ro, rw), is left out, with a log line. NULL when memory ran out. */
char *nfs_read_options(const char *text, unsigned long *flags) must_check;

/* Mounts E at POINT, read-only unless it is to be written to: NFS 4.2 down to 4.0, then 3, over TCP. May hang for
 * minutes when the server falls silent in between: call it where that does no harm (methods/retrieve/reader.h). 0, or
 * -errno with F filled (FAIL_SRV_*, FAIL_CMD_BAD_VALUE for options, FAIL_MED_MOUNT when the kernel has no NFS
 * client). */
int nfs_mount(const struct nfs_export *e, const char *point, struct failure *f) must_check;

/* Once a file of what is mounted at POINT was looked at: can it be a root? By version 4 a server may give owners as
 * names
 * ("root@example.org"); a program of the root has to tell the kernel what they mean, and lies on that very server,
 * where it is not found before its owner is known: a root like this hangs when what the kernel remembers is a minute
 * old. WHAT is the name for words. 0, or -errno with F (FAIL_SRV_ERROR). */
int nfs_check_owners(const char *point, const char *what, struct failure *f) must_check;

#endif
