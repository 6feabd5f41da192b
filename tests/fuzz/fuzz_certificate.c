/* fuzz_certificate.c - any bytes as a certificate: no crash, every piece lies within them, and it is judged in
 * words. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/judge.h"
#include "methods/tls/names.h"
#include "methods/tls/signature.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_within(const struct der *d, const uint8_t *data, size_t size)
{
	if (d->p)
		assert(d->p >= data && d->len <= size && (size_t)(d->p - data) <= size - d->len);
}

/* Its names against its own constraints: the two come from the same bytes, so both may be anything. */
static void check_names(const struct certificate *c)
{
	cleanup_buf struct buf words = { 0 };
	size_t budget = 1000;

	names_forbidden(c, c, &budget, &words);
	names_add_hosts(&words, c);
	names_add_title(&words, c->subject);
	names_same(c->subject, c->issuer);
	for (size_t i = 0; i < words.len; i++)
		assert(words.data[i] >= ' ' && words.data[i] < 0x7f);
}

/* As what a server sent, twice, under its own authority. */
static void check_verdict(const struct certificate *c, const uint8_t *data, size_t size)
{
	struct anchor anchor = { .certificate = *c, .authority = true };
	struct anchors anchors = { .list = &anchor, .count = 1 };
	cleanup_buf struct buf words = { 0 };
	struct judge j;

	if (key_parse(&anchor.key, c->key))
		anchors.count = 0;
	judge_init(&j, "head", NULL, &anchors, 0, 1800000000);
	j.vtable->start_chain(&j.vtable, "head");
	for (int i = 0; i < 2; i++) {
		j.vtable->start_cert(&j.vtable, (uint32_t)size);
		j.vtable->append(&j.vtable, data, size);
		j.vtable->end_cert(&j.vtable);
	}
	if (j.vtable->end_chain(&j.vtable))
		judge_words(&j, &words);
	judge_free(&j);
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
	certificate_has_host(&c, "head.lab");
	check_within(&c.body, data, size);
	check_within(&c.signature, data, size);
	check_within(&c.subject_whole, data, size);
	check_within(&c.permitted, data, size);
	check_within(&c.excluded, data, size);
	check_names(&c);
	check_verdict(&c, data, size);
	return 0;
}
