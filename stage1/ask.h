/* ask.h - a question -> a person's answer, typed on whichever console there is somebody. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_ASK_H
#define STAGE1_ASK_H

#include "stage1/choices.h"
#include "stage1/screen.h"

/* What a question can end with, beside 0 (answered) and -errno. */
#define ASK_BACK 1 /* one question back */

#define ASK_IDLE_S 300 /* ask_timeout: changes it */

/* Who is asked, and about which machine. */
struct asked {
	struct screen *screen;
	int64_t idle_ms;     /* no key for so long: the node is unattended, and -ETIMEDOUT is returned */
	const char *sysfs;   /* "/sys": where its cards and disks are listed */
	struct probe *probe; /* knows the cards' names; NULL: nobody does */
};

/* Shows QUESTION and the items of C, numbered from 1, and "0" for back; Enter alone takes DEFAULT_ITEM (from 0).
 * 0 with *CHOSEN (from 0), ASK_BACK, -ETIMEDOUT or -ENOMEM. */
int ask_choice(const struct asked *a, const char *question, const struct choices *c, size_t default_item,
	       size_t *chosen) must_check;

/* Asks for one line. Enter alone takes DEFAULT_VALUE (may be NULL), "-" takes nothing, "<" or Escape goes back. With
 * SECRET neither the answer nor the default is shown. *ANSWER is malloc'ed, "" for nothing. 0, ASK_BACK, -ETIMEDOUT or
 * -ENOMEM. */
int ask_text(const struct asked *a, const char *question, const char *default_value, bool secret,
	     char **answer) must_check;

/* One line as typed. STATE {0} begins; call for each byte: true when the line is ended. Pure, for tests. */
struct ask_line {
	struct buf text;
	bool escape;   /* an Escape came, perhaps the beginning of an arrow key */
	bool sequence; /* inside such a sequence */
};
bool ask_line_key(struct ask_line *l, char key);

#endif
