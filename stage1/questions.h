/* questions.h - options with holes -> options a person filled, question by question, with Back everywhere. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_QUESTIONS_H
#define STAGE1_QUESTIONS_H

#include "stage1/options.h"
#include "stage1/screen.h"

/* Asks for the method. What O holds already is the default. 0, -ETIMEDOUT (nobody answered) or -errno. */
int questions_method(struct options *o, struct screen *s) must_check;

/* Asks for what the chosen method needs: the card and its addresses, then the method's own keys. Drivers must be
 * loaded. 0, ASK_BACK (the person wants another method), -ETIMEDOUT or -errno. */
int questions_details(struct options *o, struct screen *s) must_check;

#endif
