/* certificate.h - the bytes of an X.509 certificate -> its keys, names, dates and what it may be used for (RFC
 * 5280). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TLS_CERTIFICATE_H
#define METHODS_TLS_CERTIFICATE_H

#include "methods/tls/der.h"

/* Bits of keyUsage, by their number (RFC 5280, section 4.2.1.3). */
#define USAGE_SIGN      (1 << 0)
#define USAGE_CERT_SIGN (1 << 5)

struct certificate {
	struct der body;            /* what is signed, tag and length included */
	struct der algorithm;       /* contents of signatureAlgorithm */
	struct der signature;       /* without the byte that counts unused bits */
	struct der issuer, subject; /* contents of the two names */
	struct der subject_whole;   /* the second one, tag and length included */
	struct der key;             /* SubjectPublicKeyInfo, tag and length included: what a pin is the sum of */
	/* digits and a Z: "20260901100000Z", or with two digits for the year */
	struct der not_before, not_after;
	struct der names; /* contents of subjectAltName; empty where there is none */
	bool extended;    /* of version 3, where an authority says that it is one */
	bool authority;   /* basicConstraints: cA */
	int32_t path_len; /* basicConstraints: pathLenConstraint; -1: none */
	bool has_usage, has_purposes;
	unsigned usage;                 /* valid when HAS_USAGE: USAGE_* */
	struct der purposes;            /* valid when HAS_PURPOSES: contents of extKeyUsage */
	struct der permitted, excluded; /* contents of the two halves of nameConstraints; empty: none */
	struct der unknown;             /* object identifier of a critical extension that nobody here knows */
};

/* Takes LEN bytes of DER apart. Nothing is verified but the form. 0 or -EBADMSG. Pure. */
int certificate_parse(struct certificate *c, const uint8_t *der, size_t len) must_check;

/* A date of a certificate in seconds since 1970. 0 or -EBADMSG. Pure. */
int certificate_time(const struct der *date, int64_t *seconds) must_check;

/* True when one of the names is the IP address of LEN (4 or 16) bytes. */
bool certificate_has_ip(const struct certificate *c, const uint8_t *ip, size_t len);

/* True when one of the names is HOST or, as *.b.c, covers it; a dot at the end of either counts for nothing. Only
 * names of subjectAltName (RFC 9525, section 6.3). */
bool certificate_has_host(const struct certificate *c, const char *host);

/* True when servers may use it (RFC 5280, section 4.2.1.12): nothing is said about that, serverAuth or any. */
bool certificate_is_for_servers(const struct certificate *c);

#endif
