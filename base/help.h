/* help.h - a program's first argument -> its help or its version, asked for in the way of all programs here. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_HELP_H
#define BASE_HELP_H

#include "base/base.h"

/* True when the first argument is --help, or -h with nothing behind it (USAGE goes to standard output), or --version
 * ("NAME (stage1 0.1)"): the program's status is 0 then. */
bool help_given(int argc, char **argv, const char *name, const char *usage) must_check;

#endif
