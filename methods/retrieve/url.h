/* url.h - text of addresses (HOST:PORT, http://host/path, relative references) -> their parts, and back. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_RETRIEVE_URL_H
#define METHODS_RETRIEVE_URL_H

#include "base/buf.h"

/* An absolute URL (RFC 3986). Strings are owned by the struct. A user and password in the text are dropped: they come
 * from user: and pass: only, so that no URL that is shown can hold a secret. */
struct url {
	char *scheme;  /* lower case: "http" */
	char *host;    /* name or address, without brackets */
	uint16_t port; /* never 0: the scheme's own where the text names none */
	char *path;    /* begins with '/', percent-encoded, with the query, without the fragment */
};

/* The usual port of a scheme, 0 for a scheme that is not known here. */
uint16_t url_default_port(const char *scheme);

/* Takes TEXT apart. 0, -EINVAL where it is no absolute URL with a host, -EPROTONOSUPPORT where the scheme has no known
 * port and the text names none, or -ENOMEM. */
int url_parse(struct url *u, const char *text) must_check;

/* Follows REFERENCE (absolute or relative) from BASE: RFC 3986, section 5.2. Errors as url_parse. */
int url_resolve(struct url *u, const struct url *base, const char *reference) must_check;

/* Where the query of NAME begins, a file as directory: and image: give it: at the first '?' with a '=' somewhere behind
 * it, or at its end where there is none. SCHEME, which may be NULL: others than http and https have no queries. */
size_t url_query(const char *scheme, const char *name);

/* Makes a URL of parts; PATH is a file's name, not encoded yet: what is more than a letter in a URL becomes %XX, '?',
 * '#' and
 * '+' too; a %XX that is there already stays as it is. For http and https it may have a query, which stays as it is but
 * for what would break a request. 0 or -ENOMEM. */
int url_make(struct url *u, const char *scheme, const char *host, uint16_t port, const char *path) must_check;

/* The URL as text to be shown: the usual port left out, IPv6 addresses in brackets, and "?..." for a query, which may
 * hold a key. 0 or -ENOMEM. */
int url_text(const struct url *u, struct buf *out);

/* "host", "host:port" or "[v6]:port" as the Host header has it (RFC 9110, section 7.2): no zone, no usual port. */
int url_host_text(const struct url *u, struct buf *out);

/* True when both lead to the same service: scheme, host and port are equal. */
bool url_same_origin(const struct url *a, const struct url *b);

void url_free(struct url *u);

/* Takes HOST, HOST:PORT, [V6], [V6]:PORT or a bare V6 apart. LEN bytes of TEXT are looked at. *PORT is 0 where none is
 * given. *HOST is to be freed. 0, -EINVAL or -ENOMEM. */
int host_parse(const char *text, size_t len, char **host, uint16_t *port) must_check;

#endif
