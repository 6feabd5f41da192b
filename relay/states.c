/* states.c - a change of state that no table allows -> a bug in the log. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/states.h"

#include "base/log.h"

bool states_strict;

void states_bug(const char *what, const char *from, const char *to)
{
	log_error("bug: %s goes from \"%s\" to \"%s\"", what, from, to);
	if (states_strict)
		abort();
}
