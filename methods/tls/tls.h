/* tls.h - a connection to a server -> the same one with TLS 1.2 in between, spoken by a process of its own.
 *
 * stage1-tls does the cryptography and reads the certificates: what comes from outside is parsed there, without
 * privileges, and PID 1's program stays small. The two talk over a pair of sockets, and its verdict comes by a pipe. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TLS_TLS_H
#define METHODS_TLS_TLS_H

#include "methods/method.h"
#include "methods/retrieve/stream.h"

/* Where the authorities are that all.rdz trusts, as one file of PEM; a running system has its own. */
#define TLS_BUNDLE      "/etc/ssl/bundle.pem"
#define TLS_HOST_BUNDLE "/etc/ssl/certs/ca-certificates.crt"

/* The process. {0} is none. */
struct tls {
	int pid;    /* above 0 while it runs */
	int report; /* its words, line by line; valid while it runs */
};

/* What the process reports: one line each, "id words". */
#define TLS_NOTE   "note"   /* a fact worth a line; another one follows */
#define TLS_READY  "ready"  /* the server is who it should be; words: what was agreed on */
#define TLS_CLOSED "closed" /* the server said that it has sent everything */
#define TLS_TRUST                                                                                                      \
	"trust"            /* no authority that is trusted stands behind the certificate, or it is not the pinned key  \
			    */
#define TLS_NAME    "name" /* it is another server's certificate */
#define TLS_TIME    "time" /* it is not valid now */
#define TLS_REFUSED "refused" /* the two sides found no common ground, or the other side does not speak TLS */
#define TLS_BROKEN  "broken"  /* the connection broke */

/* Puts TLS into S, a connection to HOST, and waits until the server has proved who it is: by pin: of O where given,
 * else by the bundle of authorities. WHAT is the URL, for words. 0 or -errno with F (FAIL_TLS_*, FAIL_CMD_BAD_VALUE);
 * then S is closed. */
int tls_start(struct tls *t, struct stream *s, const char *host, const struct options *o, int64_t timeout_ms,
	      const char *what, struct failure *f) must_check;

/* S has ended: true when the server said so, false when the connection just broke. */
bool tls_ended_well(struct tls *t, struct stream *s);

/* Ends the process. */
void tls_stop(struct tls *t);

/* Reads a pin: 64 hexadecimal digits, or the 44 of base64 with or without "sha256//" before them. 0 or -EINVAL. */
int tls_parse_pin(const char *text, uint8_t pin[static 32]) must_check;

#endif
