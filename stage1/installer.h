/* installer.h - stage2 is an installer: the files it reads (the classic contract), and running it as its init would. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_INSTALLER_H
#define STAGE1_INSTALLER_H

#include "stage1/medium.h"

/* The program that makes a stage2 an installer. */
#define INSTALLER "/usr/bin/runinstall2"

/* In the new root (a descriptor of it): where the image came from a medium, /tmp/media, /tmp/loop and /tmp/image (see
 * stage1/medium.h); with FILES also /tmp/env, /tmp/network, /tmp/ifcfg-IFACE, /tmp/modules.conf, /tmp/stage1.log, the
 * link /tmp/stage2 and /etc/resolv.conf. Installers expect user and password in /tmp/env; it is readable by root only.
 * 0 or -errno with F's failure filled. */
int installer_prepare(const struct flow *f, int root, bool files) must_check;

/* Pure: the text of /tmp/env (0 or -errno), of /tmp/network and of /tmp/ifcfg-IFACE. */
int installer_env(const struct flow *f, const struct medium *m, struct buf *out) must_check;
void installer_network(const struct network *n, struct buf *out);
void installer_ifcfg(const struct network *n, struct buf *out);

/* The text of /tmp/modules.conf: an alias for each interface below SYSFS ("/sys"), the options of what was LOADED
 * (lines of probe_list_modules). */
void installer_modules(const char *sysfs, const char *loaded, struct buf *out);

/* As PID 1 in the root of stage2: runs the installer, again while it exits with 0x35, and then reboots, or powers off
 * when it left "halt" in /var/run/rebootctl. Returns, with F filled, only when it ended abnormally (a signal, or a
 * status without rebootctl): the evidence is for a person. */
int installer_run(struct failure *f) must_check;

#endif
