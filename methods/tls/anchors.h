/* anchors.h - a bundle of certificates in PEM -> the authorities that are trusted. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TLS_ANCHORS_H
#define METHODS_TLS_ANCHORS_H

#include "base/base.h"

#include <bearssl.h>

struct anchors {
	br_x509_trust_anchor *list; /* owned, with all it points to */
	size_t count;
	size_t unread; /* certificates in the bundle that cannot be used */
};

/* Reads LEN bytes of PEM. What is no certificate is passed over. 0 or -ENOMEM. */
int anchors_parse(struct anchors *a, const char *pem, size_t len) must_check;

void anchors_free(struct anchors *a);

#endif
