/* anchors.h - a bundle of certificates in PEM -> the authorities that are trusted. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TLS_ANCHORS_H
#define METHODS_TLS_ANCHORS_H

#include "methods/tls/certificate.h"

#include <bearssl.h>

struct anchor {
	struct certificate certificate;
	br_x509_pkey key;
	bool authority; /* it may stand behind others; a server's own certificate is trusted for itself only */
	uint8_t *bytes; /* owned; what the others point into */
};

struct anchors {
	struct anchor *list; /* owned */
	size_t count;
	size_t unread; /* certificates in the bundle that cannot be used */
};

/* Reads LEN bytes of PEM. What is no certificate is passed over. 0 or -ENOMEM. */
int anchors_parse(struct anchors *a, const char *pem, size_t len) must_check;

void anchors_free(struct anchors *a);

#endif
