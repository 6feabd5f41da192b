/* handover.h - what the flow found out -> files in RUN_DIR, for the next system. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_HANDOVER_H
#define STAGE1_HANDOVER_H

#include "stage1/flow.h"

/* Writes RUN_DIR/env (KEY='value' lines a shell can read; no user name, no password) and RUN_DIR/modules (a module
 * with its options per line). The network's own files are net_write_handover's. 0 or -errno. */
int handover_write(const struct flow *f) must_check;

/* Method ka, where the new root has a folder /ka: the address for its log, DHCP's next-server or else the ka server's,
 * in ROOT_DIR/ka/tftpserver, where the rescue system of the seeds looks for it. 0 or -errno. */
int handover_write_ka(const struct flow *f) must_check;

#endif
