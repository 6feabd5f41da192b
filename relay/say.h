/* say.h - words of a machine of the relay -> its owner's call for them, where it has one. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_SAY_H
#define RELAY_SAY_H

#include "base/log.h"

#include <stdio.h>

/* Longest line, with its end; the rest is cut off. */
#define SAY_LINE 400

/* Defines NAME(OWNER, FMT, ...): a line for people, by OWNER->calls->CALL(OWNER, line). LOG: it goes to the log,
 * too. */
#define DEFINE_SAY(name, type, call, log)                                                                              \
	void name(type *owner, const char *fmt, ...)                                                                   \
	{                                                                                                              \
		char line[SAY_LINE];                                                                                   \
		va_list ap;                                                                                            \
                                                                                                                       \
		va_start(ap, fmt);                                                                                     \
		vsnprintf(line, sizeof(line), fmt, ap);                                                                \
		va_end(ap);                                                                                            \
		if (log)                                                                                               \
			log_info("%s", line);                                                                          \
		if (owner->calls->call)                                                                                \
			owner->calls->call(owner, line);                                                               \
	}

#endif
