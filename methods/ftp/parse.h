/* parse.h - bytes of an FTP control connection, in pieces of any size -> replies and what they say. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_FTP_PARSE_H
#define METHODS_FTP_PARSE_H

#include "base/base.h"

/* The most bytes one reply may have, all its lines together. */
#define FTP_REPLY_MAX ((size_t)256 * 1024)

/* One reply, of one line or several (RFC 959, section 4.2). {0} is the beginning. */
struct ftp_reply {
	bool complete;
	int code;          /* 100..599 */
	char line[200];    /* its last line with the code, control characters blanked; longer ones are cut */
	const char *error; /* why it was refused, in words */

	/* the parser's own */
	size_t len;  /* bytes in LINE */
	size_t seen; /* bytes of the reply so far */
	bool many;   /* further lines follow until one begins with the code and a blank */
};

/* Reads the next LEN bytes. *USED of them belonged to the reply (all of them while it is not complete). 0, or -EPROTO
 * with R->error. Pure: cutting the bytes differently changes nothing. */
int ftp_reply_feed(struct ftp_reply *r, const uint8_t *bytes, size_t len, size_t *used) must_check;

/* What a reply's line says; false where it does not.
 * epsv: "229 Entering Extended Passive Mode (|||6446|)" (RFC 2428, section 3)
 * pasv: "227 Entering Passive Mode (10,0,1,21,25,46)" (RFC 959, section 4.2.2); the address is for others to believe
 * size: "213 1234" (RFC 3659, section 4)
 * time: "213 20260901100000.123" (RFC 3659, section 3); TIME gets its digits */
bool ftp_read_epsv(const char *line, uint16_t *port);
bool ftp_read_pasv(const char *line, uint16_t *port);
bool ftp_read_size(const char *line, int64_t *size);
bool ftp_read_time(const char *line, char *time, size_t size);

#endif
