/* capture.h - the disks of this machine -> their desc. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLONE_CAPTURE_H
#define CLONE_CAPTURE_H

#include "base/base.h"

/* The program NAME: [-o FILE] [--plain] [--root DIR] [DISK...]. PLAIN: the old grammar where it can say all. Exit
 * status. */
int capture_main(const char *name, int argc, char **argv, bool plain);

#endif
