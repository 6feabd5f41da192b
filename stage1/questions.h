/* questions.h - options with holes -> options a person filled, question by question, with Back everywhere. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_QUESTIONS_H
#define STAGE1_QUESTIONS_H

#include "stage1/ask.h"
#include "options/options.h"

/* Asks for the method. What O holds already is the default. 0, -ETIMEDOUT (nobody answered) or -errno. */
int questions_method(struct options *o, const struct asked *a) must_check;

/* Asks for what the chosen method needs: the card and its addresses, the disk and its partition, then the method's own
 * keys. Drivers must be loaded. 0, ASK_BACK (the person wants another method), -ETIMEDOUT or -errno. */
int questions_details(struct options *o, const struct asked *a) must_check;

/* Why VALUE cannot stand for KEY, for a person; NULL where it can. What only the network or the server can tell is not
 * looked at. Pure. */
const char *questions_objection(enum option_key key, const char *value);

#endif
