/* states.h - a change of a machine's state -> is it one that its table allows? */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef RELAY_STATES_H
#define RELAY_STATES_H

#include "base/base.h"

/* Set by tests: a change that no table allows ends the program. Else it is logged as a bug, and made. */
extern bool states_strict;

#define states_check(what, from, to, allowed, name)                                                                    \
	do {                                                                                                           \
		if (!((allowed) >> (to)&1))                                                                            \
			states_bug(what, name(from), name(to));                                                        \
	} while (0)

void states_bug(const char *what, const char *from, const char *to);

#endif
