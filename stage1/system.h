/* system.h - a bare kernel -> the file systems, signals and children a PID 1 answers for; and the way out of it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_SYSTEM_H
#define STAGE1_SYSTEM_H

#include "base/buf.h"
#include "base/failure.h"

#include <sys/types.h>

/* Where stage1 leaves things for the next system, and where it puts the new root together. */
#define RUN_DIR  "/run/stage1"
#define ROOT_DIR "/sysroot"

/* Mounts proc, sys, dev, run, makes RUN_DIR and ROOT_DIR, opens /dev/console as 0 1 2, ignores the signals that would
 * stop PID 1. What is mounted already is left. 0 or -errno with F filled (the boot may go on: more will fail). */
int system_start(struct failure *f);

/* Opens /dev/console as 0 1 2, anew where they are open: a shell that ended has hung it up. */
void system_standard_fds(void);

/* Makes the file PATH anew with TEXT in it. 0 or -errno; -ENOMEM also where TEXT lacks something. */
int system_write_file(const char *path, mode_t mode, const struct buf *text) must_check;

/* Waits until child PID ends (reaping all others on the way) or DEADLINE (of now_ms) has passed. 0 or -ETIMEDOUT. */
int system_wait_child(pid_t pid, int *status, int64_t deadline);

/* Lets only kernel messages that are worse than warnings on the consoles, unless the command line asks for more.
 * Returns the level that was in force, for system_kernel_level before the next system; 0 where nothing was changed. */
int system_quiet_kernel(const char *command_line);
void system_kernel_level(int level);

/* The new root at ROOT_DIR becomes / for PID 1: /proc, /sys, /dev, /run move along, and the initramfs is emptied.
 * Checks everything that can be checked before anything is deleted. 0 or -errno with F filled. */
int system_switch_root(struct failure *f) must_check;

/* Undoes what a failed attempt left mounted below ROOT_DIR and RUN_DIR, so that the next one starts clean. */
void system_release_root(void);

/* Writes everything out and leaves: reboot, or power off. Does not return. */
_Noreturn void system_leave(bool power_off);

#endif
