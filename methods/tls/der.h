/* der.h - bytes in the Distinguished Encoding Rules -> their elements, one by one (X.690). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_TLS_DER_H
#define METHODS_TLS_DER_H

#include "base/base.h"

/* X.690, section 8.1.2; the class and the constructed bit are part of these. */
#define DER_BOOLEAN    0x01
#define DER_INTEGER    0x02
#define DER_BITS       0x03
#define DER_OCTETS     0x04
#define DER_OID        0x06
#define DER_UTC_TIME   0x17
#define DER_TIME       0x18
#define DER_SEQUENCE   0x30
#define DER_SET        0x31
#define DER_CONTEXT(n) (0xa0 | (n)) /* [n], with elements within */
#define DER_NAME(n)    (0x80 | (n)) /* [n], with plain bytes within */

/* A piece of a certificate, within its bytes. */
struct der {
	const uint8_t *p;
	size_t len;
};

/* Takes the next element off FROM: its tag, its contents in IN and, where WHOLE is not NULL, all of it. False when
 * there is none. Lengths of up to four bytes (X.690, section 8.1.3), which must be there. */
bool der_next(struct der *from, uint8_t *tag, struct der *in, struct der *whole) must_check;

/* The same, true only when the tag is WANTED. */
bool der_expect(struct der *from, uint8_t wanted, struct der *in) must_check;

/* The same where it may be missing: takes it only when the tag is WANTED, and says so. */
bool der_take(struct der *from, uint8_t wanted, struct der *in) must_check;

bool der_skip(struct der *from) must_check;

/* True when the bytes are the same. */
bool der_same(struct der a, struct der b);

/* D is the object identifier whose contents are OID, LEN bytes. */
bool der_is(struct der d, const void *oid, size_t len);

/* A number from 0 to INT32_MAX, of the contents of an INTEGER. False for another one. */
bool der_number(struct der in, int32_t *n) must_check;

#endif
