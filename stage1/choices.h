/* choices.h - what the kernel shows now (cards, disks, partitions) -> lines a person can choose from. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_CHOICES_H
#define STAGE1_CHOICES_H

#include "probe/probe.h"

/* One line of a list. */
struct choice {
	char *value; /* what it stands for, as automatic= has it: "eth0", "sda1" */
	char *text;  /* what a person reads: "sda1 ext4 'DATA' 19.5 GB" */
};

/* A list. {0} is empty. Its strings are its own. */
struct choices {
	struct choice *item;
	size_t count;
};

/* Adds a line. 0 or -ENOMEM. */
int choices_add(struct choices *c, const char *value, const char *fmt, ...) printf_like(3, 4) must_check;

/* The network cards below SYSFS ("/sys"): name, address, and what it is (of P, which may be NULL). 0 or -ENOMEM. */
int choices_cards(struct choices *c, const char *sysfs, struct probe *p) must_check;

/* The disks (DISCS: only drives and disks that hold a disc's file system), with size, what is on them, and the name of
 * the model. 0 or -ENOMEM. */
int choices_disks(struct choices *c, const char *sysfs, bool discs) must_check;

/* The partitions of DISK ("sda"), with file system, label and size. 0 or -ENOMEM. */
int choices_partitions(struct choices *c, const char *sysfs, const char *disk) must_check;

void choices_free(struct choices *c);

#endif
