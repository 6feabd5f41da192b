/* kexec.c - a fetched kernel, initrd and command line -> the machine runs them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/kexec.h"

#include <sys/reboot.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef SYS_kexec_file_load
#define SYS_kexec_file_load 320 /* x86_64 */
#endif
#ifndef RB_KEXEC
#define RB_KEXEC 0x45584543 /* linux/reboot.h, LINUX_REBOOT_CMD_KEXEC */
#endif
#define NO_INITRAMFS 4 /* linux/kexec.h, KEXEC_FILE_NO_INITRAMFS */

int kexec_load(int kernel, int initrd, const char *command_line, struct failure *f)
{
	unsigned long flags = initrd < 0 ? NO_INITRAMFS : 0;

	if (syscall(SYS_kexec_file_load, kernel, initrd, strlen(command_line) + 1, command_line, flags) == 0)
		return 0;
	return fail(f, FAIL_ROOT_KEXEC, -errno, "the running kernel refuses it: %s",
		    errno == ENOEXEC ? "it is no kernel for this machine" : err_text(errno));
}

int kexec_start(struct failure *f)
{
	sync();
	reboot((int)RB_KEXEC);
	return fail(f, FAIL_ROOT_KEXEC, -errno, "it was loaded, but does not start: %s", err_text(errno));
}

static int hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
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
