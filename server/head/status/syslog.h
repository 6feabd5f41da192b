/* syslog.h - one datagram -> the fields of a syslog message, RFC 5424 or the older RFC 3164. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_STATUS_SYSLOG_H
#define SERVER_HEAD_STATUS_SYSLOG_H

#include "server/head/status/text.h"

/* A message; the spans lie in the datagram. A field that is "-" or missing has length 0. */
struct syslog_message {
	unsigned facility, severity; /* RFC 5424, section 6.2.1; without a number: 1 and 5 (RFC 3164, 4.3.3) */
	bool structured;             /* RFC 5424: what follows up to `data` may be there */
	struct span time, host, app, process, id;
	struct span data; /* all elements, "[a@1 x=\"y\"][b@1]", well-formed */
	struct span text; /* without the BOM */
};

/* Takes the LEN bytes at BYTES apart. 0; -EBADMSG for what begins as RFC 5424 and does not go on so. Whatever else it
 * is, it is the text of an old message. */
int syslog_parse(struct syslog_message *m, const char *bytes, size_t len) must_check;

/* The parameter NAME of the element ID of M, its escapes taken back and cleaned as text_clean() does, in OUT of SIZE
 * bytes. False, and "", where there is none; the first of two counts. */
bool syslog_value(const struct syslog_message *m, const char *id, const char *name, char *out, size_t size);

/* True when M has an element ID. */
bool syslog_has(const struct syslog_message *m, const char *id);

#endif
