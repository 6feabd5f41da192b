/* fuzz_outside.c - any bytes as packets between stage1 and stage1-relay: numbers within bounds, words that end, a
 * job. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/outside/outside.h"

#include "base/log.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct outside_message *m, const struct outside_packet *p, size_t len, bool fd)
{
	assert(m->kind < OUTSIDE_KINDS);
	assert((const uint8_t *)m->words == p->bytes + OUTSIDE_HEADER && strlen(m->words) == len - OUTSIDE_HEADER);
	assert(fd == (m->kind == OUTSIDE_COPY || m->kind == OUTSIDE_TAKE || m->kind == OUTSIDE_MAY_TAKE));
	if (m->kind == OUTSIDE_VALUE)
		assert(m->a >= 0 && m->a < KEY_COUNT);
	if (m->kind == OUTSIDE_ANSWER || m->kind == OUTSIDE_END)
		assert(m->a <= 0 && m->b >= 0 && m->b < FAIL_COUNT);
	if (m->kind == OUTSIDE_COPY)
		assert(m->a >= 0 && m->b > 0);
	if (m->kind == OUTSIDE_LOG)
		assert(m->a >= LOG_LEVEL_ERROR && m->a <= LOG_LEVEL_DEBUG);
}

/* One packet after the other: a byte's lowest bit says whether a descriptor came, two are its length. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct outside_packet p;
	struct outside_job job = { 0 };

	while (size > 3) {
		bool fd = data[0] & 1;
		size_t len = MIN((size_t)data[1] | (size_t)data[2] << 8, size - 3);
		struct outside_message m;

		data += 3;
		size -= 3;
		memcpy(p.bytes, data, MIN(len, sizeof(p.bytes)));
		if (outside_parse(&p, len, fd, &m) == 0) {
			check(&m, &p, len, fd);
			(void)!outside_job_add(&job, &m);
		}
		data += len;
		size -= len;
	}
	outside_job_free(&job);
	return 0;
}
