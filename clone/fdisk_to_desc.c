/* fdisk_to_desc.c - the disks of this golden node -> /tmp/desc, in the old grammar where it can say it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/help.h"
#include "clone/capture.h"

static const char usage_text[] = "usage: fdisk_to_desc [-o FILE] [--root DIR] [DISK...]\n"
				 "  -o FILE     where the description goes (/tmp/desc; - is standard output)\n"
				 "  --root DIR  the folder whose etc/fstab says what is mounted where\n"
				 "  DISK        sda, /dev/nvme0n1; silent: all that have a partition table\n";

int main(int argc, char **argv)
{
	if (help_given(argc, argv, "fdisk_to_desc", usage_text))
		return 0;
	return capture_main("fdisk_to_desc", argc, argv, true);
}
