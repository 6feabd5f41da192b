/* names.h - names of certificates -> are they the same, what people call them, and does an authority forbid one. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TLS_NAMES_H
#define METHODS_TLS_NAMES_H

#include "methods/tls/certificate.h"

struct buf;

/* The two names are the same: case, spaces at the ends and their number between words count for nothing (RFC 5280,
 * section 7.1, for ASCII). */
bool names_same(struct der a, struct der b);

/* Adds what people call NAME: its CN, or O, or OU; "somebody without a name" where there is none. Printable always. */
void names_add_title(struct buf *out, struct der name);

/* Adds the names and addresses that C is for, "a, b and 3 more"; "no name". Printable always. */
void names_add_hosts(struct buf *out, const struct certificate *c);

/* One of C's names is not to be in a certificate below AUTHORITY, by its name constraints (RFC 5280, section
 * 4.2.1.10): says so, and adds the name to OUT. A form of names that is not understood is forbidden as soon as it is
 * constrained. BUDGET is how many comparisons may still be made; each takes one off; at 0 everything is forbidden. */
bool names_forbidden(const struct certificate *authority, const struct certificate *c, size_t *budget, struct buf *out);

#endif
