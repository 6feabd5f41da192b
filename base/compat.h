/* compat.h - what dietlibc and musl lack or hide -> declared here once, for every file that needs it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_COMPAT_H
#define BASE_COMPAT_H

/* Include it after the system's headers. Each entry says which library lacks it; add one only when a file needs it.
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

/* dietlibc: newer system calls and what goes with them. Its utimensat is the bare call, which takes an open file where no
 * name is given. */
#ifndef SYS_openat2
#define SYS_openat2 437
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
