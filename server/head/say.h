/* say.h - what head-node has to tell -> one line on stderr. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_SAY_H
#define SERVER_HEAD_SAY_H

#include "base/base.h"

/* "head-node: WORDS", written at once, so that lines of several processes do not mix. */
void head_say(const char *fmt, ...) printf_like(1, 2);

#endif
