/* help.c - a program's first argument -> its help or its version, asked for in the way of all programs here. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/help.h"

#include "base/version.h"

#include <stdio.h>

bool help_given(int argc, char **argv, const char *name, const char *usage)
{
	const char *first = argc > 1 ? argv[1] : "";

	if (streq(first, "--version")) {
		fputs(name, stdout);
		puts(" (stage1 " STAGE1_VERSION ")");
		return true;
	}
	/* -h HOST is an option of ka-d-client */
	if (!streq(first, "--help") && !(argc == 2 && streq(first, "-h")))
		return false;
	fputs(usage, stdout);
	return true;
}
