/* kexec.c - a fetched kernel, initrd and command line -> the machine runs them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/kexec.h"

#include "base/digits.h"
#include "stage1/screen.h"

#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/compat.h"

#define NO_INITRAMFS 4 /* linux/kexec.h, KEXEC_FILE_NO_INITRAMFS */

const char *kexec_refusal(int err)
{
	switch (err) {
	case -ENOEXEC:
		return "it is no kernel for this machine";
	/* Linux kernel/kexec_file.c: what a lockdown answers to a signature that does not prove anything */
	case -EPERM:
		return "it is locked down (Secure Boot), and the new one is not signed by anybody it trusts";
	case -EKEYREJECTED:
	case -ENOKEY:
	case -ENODATA:
	case -ENOPKG:
	case -EBADMSG:
		return "it starts only signed kernels, and this one's signature is missing or none that it trusts";
	case -ENOSYS:
	case -EOPNOTSUPP:
		return "it was built without kexec";
	case -EINVAL: /* the command line; arch/x86/kernel/kexec-bzimage64.c */
		return "the kernel file, the initrd or a command line of this length is nothing it can start";
	default:
		return err_text(err);
	}
}

/* The running kernel reads both files into memory once, and copies them to where they will be started: the store has
 * them for the third time. Without the room it would end other programs, this one among them. */
static int check_memory(int64_t bytes, struct failure *f)
{
	int64_t there = memory_available(), needed = 2 * bytes + memory_reserve(there);
	cleanup_buf struct buf text = { 0 };

	if (there < 0 || needed <= there)
		return 0;
	screen_format_bytes(&text, needed);
	buf_str(&text, " are needed to start it besides what it takes now, ");
	screen_format_bytes(&text, there);
	buf_str(&text, " are free");
	return fail(f, FAIL_MEM_TOO_LITTLE, -ENOMEM, "%s", buf_cstr(&text));
}

int kexec_load(const struct store *kernel, const struct store *initrd, const char *command_line, struct failure *f)
{
	unsigned long flags = initrd ? 0 : NO_INITRAMFS;
	int err = check_memory(kernel->size + (initrd ? initrd->size : 0), f);

	if (err)
		return err;
	if (syscall(SYS_kexec_file_load, kernel->fd, initrd ? initrd->fd : -1, strlen(command_line) + 1, command_line,
		    flags) == 0)
		return 0;
	err = -errno;
	if (err == -ENOMEM || err == -EADDRNOTAVAIL)
		return fail(f, FAIL_MEM_TOO_LITTLE, err, "the running kernel finds no room for the new one");
	return fail(f, FAIL_ROOT_KEXEC, err, "the running kernel refuses it: %s", kexec_refusal(err));
}

int kexec_start(struct failure *f)
{
	sync();
	reboot((int)RB_KEXEC);
	return fail(f, FAIL_ROOT_KEXEC, -errno, "it was loaded, but does not start: %s", err_text(errno));
}

int kexec_decode(const char *value, struct buf *out)
{
	int err = 0;

	for (; *value && !err; value++) {
		int high = *value == '%' ? hex_digit(value[1]) : -1;
		int low = high >= 0 ? hex_digit(value[2]) : -1;

		if (low >= 0 && high + low > 0) {
			err = buf_char(out, (char)(high * 16 + low));
			value += 2;
		} else {
			err = buf_char(out, *value);
		}
	}
	return err;
}
