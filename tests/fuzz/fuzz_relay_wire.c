/* fuzz_relay_wire.c - any bytes as frames of the extension -> no crash, and what is read can be written again. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/map.h"
#include "relay/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct wire_progress progress;
	struct wire_parent parent;
	struct wire_hello hello;
	struct wire_total total;
	struct wire_lost lost;
	struct wire_want want;
	struct wire_get get;
	struct wire_job job;
	struct wire_run run;
	uint32_t number, count;
	uint8_t code;
	char text[300];

	if (wire_get_job(data, size, &job) == 0) {
		struct buf b = { 0 };
		struct map m;

		wire_put_job(&b, &job);
		buf_free(&b);
		if (job.size < (1 << 24) &&
		    map_init_fixed(&m, job.size, job.chunk, job.group, job.groups, &job.root) == 0)
			map_free(&m);
		wire_job_free(&job);
	}
	if (wire_get_hello(data, size, &hello) == 0 && strlen(hello.name) > WIRE_NAME)
		abort();
	(void)!wire_get_progress(data, size, &progress);
	(void)!wire_get_parent(data, size, &parent);
	(void)!wire_get_total(data, size, &total);
	(void)!wire_get_lost(data, size, &lost);
	(void)!wire_get_want(data, size, &want);
	(void)!wire_get_get(data, size, &get);
	(void)!wire_get_run(data, size, &run);
	(void)!wire_get_number(data, size, &number);
	(void)!wire_get_hashes(data, size, &number, &count);
	(void)!wire_get_text(data, size, &code, text, sizeof(text));
	return 0;
}
