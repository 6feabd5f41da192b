/* check.h - a site -> what would fail once it is served, before anything starts. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_CHECK_H
#define SERVER_HEAD_CHECK_H

#include "server/head/site.h"

/* Who asks. */
enum check_when {
	CHECK_BEFORE, /* serve: what is quick, troubles only */
	CHECK_ALL,    /* check: all of it, and a line for each */
};

/* What a look found. */
enum check_result { CHECK_OK, CHECK_WARN, CHECK_FAIL };

/* Looks at all rows of the table and says on stderr what is wrong; CHECK_ALL: what is right, on stdout, too. How many
 * would fail. */
unsigned check_all(struct site *site, enum check_when when) must_check;

#endif
