/* journal.h - log lines -> the kernel log, RUN_DIR/log, virtual console 3, a syslog server; kernel messages ->
 * console 4. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_JOURNAL_H
#define STAGE1_JOURNAL_H

#include "base/log.h"
#include "net/net.h"

/* Starts logging to the kernel log (/dev/kmsg, at debug level: not on the consoles), to RUN_DIR/log and, where there
 * are virtual consoles, to /dev/tty3. What cannot be opened is left out. */
void journal_open(void);

/* Starts a child that copies kernel messages to /dev/tty4, where there is one. Its pid, or 0. */
int journal_follow_kernel(void);

/* Sends every further line to the UDP port 514 of the server NAME (RFC 5424). NET may be NULL. 0 or -errno with F
 * filled. */
int journal_add_server(const struct network *net, const char *name, struct failure *f) must_check;

/* Sends the server alone, where there is one, one line more: structured data (RFC 5424, section 6.3) before TEXT. */
void journal_tell(enum log_level level, const char *data, const char *text);

#endif
