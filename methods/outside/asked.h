/* asked.h - server: -> the addresses of servers that are told of this node directly, besides everybody by broadcast. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_OUTSIDE_ASKED_H
#define METHODS_OUTSIDE_ASKED_H

#include "methods/method.h"

/* The addresses of every HOST of server:, in its order; a port there is not looked at, for who is asked this way has
 * the same one everywhere. *LIST is malloc'ed; none where server: is silent. 0 or -errno with F->fail filled:
 * FAIL_CMD_BAD_VALUE, or where none of the names has an address the FAIL_DNS_* of the last. */
int asked_find(const struct fetch *f, struct peer_address **list, size_t *count) must_check;

#endif
