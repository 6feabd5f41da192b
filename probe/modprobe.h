/* modprobe.h - the kernel's own wish for a module -> the module, loaded. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef PROBE_MODPROBE_H
#define PROBE_MODPROBE_H

/* The program /sbin/modprobe: `modprobe [-q] [--] NAME [PARAMETER=VALUE...]`. The kernel runs it for what nobody else
 * can know in time: the driver of a network card's PHY, a file system named to mount(2), a character set
 * (kernel/kmod.c). Honours the kernel command line's module options and blacklist as probe_open does. With -q nothing
 * is said. The exit status: 0, or 1 where NAME would not load. */
int modprobe_run(int argc, char *const argv[]);

#endif
