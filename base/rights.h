/* rights.h - a program that is about to read what others send -> nobody, with no more than the system calls it needs.
 */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_RIGHTS_H
#define BASE_RIGHTS_H

#include "base/base.h"

#include <sys/syscall.h>

/* What every program needs: memory, time, the descriptors it has, its end. */
#define RIGHTS_BASIC                                                                                                   \
	__NR_read, __NR_write, __NR_readv, __NR_writev, __NR_pread64, __NR_close, __NR_fcntl, __NR_brk, __NR_mmap,     \
		__NR_mremap, __NR_munmap, __NR_madvise, __NR_clock_gettime, __NR_gettimeofday, __NR_time,              \
		__NR_rt_sigreturn, __NR_rt_sigprocmask, __NR_rt_sigaction, __NR_restart_syscall, __NR_exit,            \
		__NR_exit_group

/* From here on this process is user and group 65534 (if it was root), starts no process, dies with the one
 * that started it, and makes no system call but the COUNT CALLS (__NR_*): any other fails with EPERM. False when root
 * could not be got rid of; a kernel without seccomp is one with less protection, and no reason not to boot. */
bool rights_drop(const int *calls, size_t count) must_check;

#endif
