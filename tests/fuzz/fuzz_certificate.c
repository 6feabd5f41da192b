/* fuzz_certificate.c - any bytes as a certificate: no crash, and every piece lies within them. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/certificate.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(const struct der *d, const uint8_t *data, size_t size)
{
	if (d->p)
		assert(d->p >= data && d->len <= size && (size_t)(d->p - data) <= size - d->len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t ip[16] = { 10, 0, 1, 21 };
	struct certificate c;
	int64_t seconds;

	if (certificate_parse(&c, data, size))
		return 0;
	check_within(&c.key, data, size);
	check_within(&c.not_before, data, size);
	check_within(&c.not_after, data, size);
	check_within(&c.names, data, size);
	if (certificate_time(&c.not_before, &seconds) == 0)
		assert(seconds > -12000000000 && seconds < 254000000000);
	certificate_has_ip(&c, ip, 4);
	certificate_has_ip(&c, ip, 16);
	return 0;
}
