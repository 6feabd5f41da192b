/* compat.h - what dietlibc, musl or older headers lack or hide -> declared here once, for every file that needs it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_COMPAT_H
#define BASE_COMPAT_H

/* Include it after the system's headers. Each entry says which library lacks it; add one only when a file needs it.
 * What belongs to one struct of one kernel header is where that is used (image/loop.c).
 * dietlibc shows getrandom, unshare, setns, fstatat, mkdirat and their kin with the flags that the Makefile gives
 * (-D_LINUX_SOURCE -D_ATFILE_SOURCE -D_BSD_SOURCE); strcasecmp is in <strings.h>. */

#include <unistd.h>
#include <sys/syscall.h>
#include <sys/types.h>

#ifndef __dietlibc__
#include <sys/random.h> /* getrandom; in dietlibc: <unistd.h> */
#endif

/* dietlibc: constants of newer kernels */
#ifndef CLOCK_BOOTTIME
#define CLOCK_BOOTTIME 7
#endif
#ifndef POLLRDHUP
#define POLLRDHUP 0x2000
#endif
#ifndef FALLOC_FL_KEEP_SIZE
#define FALLOC_FL_KEEP_SIZE 0x01
#endif
#ifndef FALLOC_FL_PUNCH_HOLE
#define FALLOC_FL_PUNCH_HOLE 0x02
#endif
#ifndef SEEK_DATA
#define SEEK_DATA 3 /* linux/fs.h */
#define SEEK_HOLE 4
#endif
#ifndef BLKGETSIZE64
#define BLKGETSIZE64 _IOR(0x12, 114, size_t) /* linux/fs.h; in musl's and glibc's <sys/mount.h> */
#endif
#ifndef BLKSSZGET
#define BLKSSZGET _IO(0x12, 104)
#endif
#ifndef F_SETPIPE_SZ
#define F_SETPIPE_SZ 1031 /* linux/fcntl.h */
#endif
#ifndef TCP_USER_TIMEOUT
#define TCP_USER_TIMEOUT 18 /* RFC 5482; linux/tcp.h */
#endif
#ifndef IPV6_V6ONLY
#define IPV6_V6ONLY 26 /* linux/in6.h */
#endif
#ifndef MFD_ALLOW_SEALING
#define MFD_ALLOW_SEALING 0x0002U
#endif
#ifndef F_ADD_SEALS
#define F_ADD_SEALS   1033
#define F_SEAL_SHRINK 0x0002
#define F_SEAL_WRITE  0x0008
#endif

/* dietlibc: newer system calls and what goes with them. Its utimensat is the bare call, which takes an open file where
 * no name is given. */
#ifndef SYS_kexec_file_load
#define SYS_kexec_file_load 320 /* x86_64 */
#endif
#ifndef RB_KEXEC
#define RB_KEXEC 0x45584543 /* linux/reboot.h, LINUX_REBOOT_CMD_KEXEC */
#endif
#ifndef SYS_pidfd_open
#define SYS_pidfd_open 434 /* since Linux 5.3; this and the next are the same on every architecture */
#endif
#ifndef SYS_close_range
#define SYS_close_range 436 /* since Linux 5.9 */
#endif
#ifndef SYS_openat2
#define SYS_openat2 437 /* since Linux 5.6 */
#endif
#include <sys/stat.h>
#ifdef __dietlibc__
#define UTIME_OMIT 0x3ffffffe
static inline int futimens(int fd, const struct timespec times[2])
{
	return utimensat(fd, NULL, (struct timespec *)times, 0);
}
#endif

/* The fraction of the time of the last change: the libraries name the field differently. */
static inline unsigned stat_mtime_ns(const struct stat *st)
{
#ifdef __dietlibc__
	return (unsigned)st->st_mtime_nsec;
#else
	return (unsigned)st->st_mtim.tv_nsec;
#endif
}

#endif
