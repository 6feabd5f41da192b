/* loop.c - a file -> a block device with its bytes. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/loop.h"

#include <fcntl.h>
#include <stdio.h>
#include <linux/loop.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* dietlibc's <linux/loop.h> ends before these (Linux include/uapi/linux/loop.h). */
#ifndef LOOP_SET_STATUS64
#define LOOP_SET_STATUS64 0x4C04
#endif
#ifndef LOOP_CTL_GET_FREE
#define LOOP_CTL_GET_FREE 0x4C82
#endif
#ifndef LOOP_CONFIGURE
#define LOOP_CONFIGURE 0x4C0A
struct loop_config {
	uint32_t fd;
	uint32_t block_size;
	struct loop_info64 info;
	uint64_t reserved[8];
};
#endif

_Static_assert(sizeof(struct loop_info64) == 232, "as the kernel has it");

/* Another program may take the free device first; it cannot do so for ever. */
#define TRIES 64

/* Linux 5.8 and later in one call; before, in two. 0 or -errno; -EBUSY: somebody else took it. */
static int configure(int loop, int fd, bool read_only)
{
	struct loop_config config = {
		.fd = (uint32_t)fd,
		.block_size = LOOP_SECTOR,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR | (read_only ? LO_FLAGS_READ_ONLY : 0u),
	};
	int err;

	if (ioctl(loop, LOOP_CONFIGURE, &config) == 0)
		return 0;
	if (errno != ENOTTY && errno != EINVAL && errno != ENOSYS)
		return -errno;
	/* Whether it is written to follows from how it is opened. */
	if (ioctl(loop, LOOP_SET_FD, fd) < 0)
		return -errno;
	if (ioctl(loop, LOOP_SET_STATUS64, &config.info) == 0)
		return 0;
	err = -errno;
	ioctl(loop, LOOP_CLR_FD, 0);
	return err;
}

int loop_attach(int fd, bool read_only, char path[static LOOP_PATH_SIZE], struct failure *f)
{
	cleanup_close int control = open("/dev/loop-control", O_RDWR | O_CLOEXEC);
	int err = -EBUSY, tries;

	if (control < 0)
		return fail(f, FAIL_IMG_MOUNT, -errno, "no loop devices (/dev/loop-control: %s)", err_text(errno));
	for (tries = 0; tries < TRIES && err == -EBUSY; tries++) {
		int number = ioctl(control, LOOP_CTL_GET_FREE), loop;

		if (number < 0)
			return fail(f, FAIL_IMG_MOUNT, -errno, "no free loop device: %s", err_text(errno));
		snprintf(path, LOOP_PATH_SIZE, "/dev/loop%d", number);
		loop = open(path, (read_only ? O_RDONLY : O_RDWR) | O_CLOEXEC);
		if (loop < 0)
			return fail(f, FAIL_IMG_MOUNT, -errno, "opening %s: %s", path, err_text(errno));
		err = configure(loop, fd, read_only);
		if (!err)
			return loop;
		close(loop);
	}
	return fail(f, FAIL_IMG_MOUNT, err, "attaching the image to %s: %s", path, err_text(err));
}
