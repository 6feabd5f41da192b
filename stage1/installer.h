/* installer.h - stage2 is an installer: the files it reads (the classic contract), and running it as its init would. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_INSTALLER_H
#define STAGE1_INSTALLER_H

#include "stage1/flow.h"

/* The program that makes a stage2 an installer. */
#define INSTALLER "/usr/bin/runinstall2"

/* Writes, below the present root (that of stage2), /tmp/env, /tmp/network, /tmp/ifcfg-IFACE, /tmp/stage1.log and
 * /etc/resolv.conf. Installers expect user and password in /tmp/env; it is readable by root only. 0 or -errno. */
int installer_write(const struct flow *f) must_check;

/* Pure: the text of /tmp/env, of /tmp/network and of /tmp/ifcfg-IFACE. */
void installer_env(const struct flow *f, struct buf *out);
void installer_network(const struct network *n, struct buf *out);
void installer_ifcfg(const struct network *n, struct buf *out);

/* As PID 1 in the root of stage2: runs the installer, again while it exits with 0x35, and then reboots, or powers off
 * when it left "halt" in /var/run/rebootctl. Returns, with F filled, only when it ended abnormally (a signal, or a status
 * without rebootctl): the evidence is for a person. */
int installer_run(char *const envp[], struct failure *f) must_check;

#endif
