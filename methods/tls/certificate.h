/* certificate.h - the bytes of an X.509 certificate -> its public key, its dates and its IP addresses (RFC 5280). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TLS_CERTIFICATE_H
#define METHODS_TLS_CERTIFICATE_H

#include "base/base.h"

/* A piece of a certificate, within its bytes. */
struct der {
	const uint8_t *p;
	size_t len;
};

struct certificate {
	struct der key;                   /* SubjectPublicKeyInfo, tag and length included: what a pin is the sum of */
	struct der not_before, not_after; /* digits and a Z: "20260901100000Z", or with two digits for the year */
	struct der names;                 /* contents of the extension subjectAltName; empty where there is none */
};

/* Takes LEN bytes of DER apart. Nothing is verified but the form. 0 or -EBADMSG. Pure. */
int certificate_parse(struct certificate *c, const uint8_t *der, size_t len) must_check;

/* A date of a certificate in seconds since 1970. 0 or -EBADMSG. Pure. */
int certificate_time(const struct der *date, int64_t *seconds) must_check;

/* True when one of the names is the IP address of LEN (4 or 16) bytes. */
bool certificate_has_ip(const struct certificate *c, const uint8_t *ip, size_t len);

#endif
