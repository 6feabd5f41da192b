/* failure.h - what went wrong, where it is detected -> a stable code, the cause and what to try, for whoever
 * decides. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_FAILURE_H
#define BASE_FAILURE_H

#include "base/base.h"

/* Every way to fail, FAIL_NONE first. The rows with code, words and advice are in base/failures.def. */
enum fail_id {
	FAIL_NONE,
#define FAILURE(id, code, title, advice) FAIL_##id,
#include "base/failures.def"
#undef FAILURE
	FAIL_COUNT
};

/* One failure. {0} is none. */
struct failure {
	enum fail_id id;
	int err; /* the -errno that travels up */
	/* what was tried and what happened: names, addresses, numbers; never a secret. What is longer loses its middle:
	 * names stand at the beginning, reasons at the end */
	char detail[400];
};

/* The table's words. Never NULL. */
const char *fail_code(enum fail_id id);   /* "S1-NET-04" */
const char *fail_title(enum fail_id id);  /* "No DHCP server answered" */
const char *fail_advice(enum fail_id id); /* what to try; lines separated by \n */

/* Is ID a row of that AREA, the middle of its code: "SRV", "DNS", "TLS"? */
bool fail_is_about(enum fail_id id, const char *area);

/* FAIL_SYS_INTERNAL with -ENOMEM is FAIL_MEM_WORK: memory that is used up is no fault of this program.
 * Fills F (which may be NULL), writes the log line, returns ERR, so that a detector says
 * `return fail(f, FAIL_X, -ETIMEDOUT, "...", ...)`. ERR is negative. */
int fail(struct failure *f, enum fail_id id, int err, const char *fmt, ...) printf_like(4, 5);

/* Where F is about an image (FAIL_IMG_*, FAIL_MEM_TOO_LITTLE, FAIL_ROOT_NO_INIT), who detected it mostly knows nothing
 * but its bytes: puts NAME ("http://10.0.1.21/root.sqfs"; NULL, "": not known) before what F says, unless it is
 * there. */
void fail_name_image(struct failure *f, const char *name);

/* Words for a negative errno: "Connection refused". Never NULL. */
const char *err_text(int err);

#endif
