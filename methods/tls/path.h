/* path.h - the certificates that a server sent, and those that are trusted -> a path from one to the other, or why
 * not. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TLS_PATH_H
#define METHODS_TLS_PATH_H

#include "methods/tls/anchors.h"

/* The longest path, its anchor not counted. */
#define PATH_LONGEST 32

/* What one handshake may cost: signatures that are checked, names that are held against constraints. */
#define PATH_SIGNATURES  100
#define PATH_COMPARISONS 250000

/* Why there is none. Those further down say more. */
enum path_fault {
	PATH_GOOD,
	PATH_NOBODY,       /* who signed it was not sent and is not trusted */
	PATH_SIGNATURE,    /* somebody of the right name is there, who did not sign it */
	PATH_ALGORITHM,    /* how it is signed does not count */
	PATH_KEY,          /* its key is of no use */
	PATH_COSTLY,       /* the bounds are reached */
	PATH_UNKNOWN,      /* a critical extension */
	PATH_NO_AUTHORITY, /* it signed another one and is no authority */
	PATH_NO_SIGNER,    /* its keyUsage does not let it sign what it signed */
	PATH_TOO_LONG,     /* more authorities below it than its path length allows */
	PATH_NO_SERVER,    /* it is not for servers */
	PATH_FORBIDDEN,    /* BY does not allow the name NAME in it */
	PATH_EXPIRED,
	PATH_NOT_YET,
	PATH_DATES, /* its dates cannot be read */
};

struct path {
	/* in */
	/* as the server sent them: its own first, then any others in any order */
	const struct certificate *sent;
	size_t count; /* at least 1 */
	const struct anchors *anchors;
	int64_t seconds; /* the time of day, since 1970 */
	bool at_least;   /* it is that or later */

	/* out: the certificate that is to blame, the authority that says so, and the name; owned: path_free() */
	enum path_fault fault;
	const struct certificate *who, *by;
	char *name;

	/* its own */
	const struct certificate *steps[PATH_LONGEST];
	size_t len, signatures, comparisons;
};

/* Looks for a path from P->sent[0] to an anchor, on which everything is as RFC 5280, section 6.1 has it; the order of
 * the others does not matter, nor do those that are not on it. True, or false with P->fault. Pure. */
bool path_find(struct path *p) must_check;

void path_free(struct path *p);

#endif
