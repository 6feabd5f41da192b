/* rights.c - a program that is about to read what others send -> nobody, with no more than the system calls it needs.
 */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/rights.h"

#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/compat.h"

#define NOBODY    65534
#define CALLS_MAX 120 /* more would not fit into a jump of BPF, whose offsets are bytes */

/* Another architecture's calls have other numbers: none of them (seccomp(2)). */
static size_t put_filter(struct sock_filter *to, const int *calls, size_t count)
{
	size_t n = 0;

	to[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	to[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	to[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL);
	to[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr));
	for (size_t i = 0; i < count; i++)
		to[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)calls[i],
						       (unsigned char)(count - i), 0);
	to[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM);
	to[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	return n;
}

bool rights_drop(const int *calls, size_t count)
{
	struct sock_filter filter[CALLS_MAX + 6];
	struct sock_fprog program = { 0, filter };
	const struct rlimit none = { 0 };

	if (count > CALLS_MAX)
		return false;
	if (geteuid() == 0 &&
	    (setgroups(0, NULL) || setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY)))
		return false;
	/* the second after the change of the user, which forgets it */
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) ||
	    setrlimit(RLIMIT_NPROC, &none))
		return false;
	program.len = (unsigned short)put_filter(filter, calls, count);
	(void)prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
	return true;
}
