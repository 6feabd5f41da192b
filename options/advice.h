/* advice.h - a failure + what was typed -> what to try, without a word that does not fit. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef OPTIONS_ADVICE_H
#define OPTIONS_ADVICE_H

#include "options/options.h"

/* Who shows the advice: a node that boots, or a program on a shell. */
enum advice_reader { ADVICE_NODE, ADVICE_SHELL };

/* Adds to OUT the lines of fail_advice(ID) whose conditions hold for O; base/failures.def says what a condition is. */
void advice_words(struct buf *out, enum fail_id id, const struct options *o, enum advice_reader reader);

/* The line LINE without its condition, for tables that show all of them. */
const char *advice_line(const char *line);

#endif
