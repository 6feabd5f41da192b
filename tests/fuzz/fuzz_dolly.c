/* fuzz_dolly.c - any bytes as a dolly greeting, configuration or answer -> no crash; a written configuration is
 * read. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "relay/dolly/conf.h"
#include "relay/dolly/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dolly_greeting g;
	struct dolly_conf c, again;
	char error[200], name[16];
	size_t used;

	dolly_read_greeting(data, size, false, &g);
	dolly_read_greeting(data, size, true, &g);
	if (dolly_conf_parse(&c, (const char *)data, size, error, sizeof(error)) == 0) {
		struct buf b = { 0 };

		if (c.hosts > 0 && dolly_conf_write(&c, true, 0, &b) == 0 &&
		    dolly_conf_parse(&again, b.data, b.len, error, sizeof(error)) == 0)
			dolly_conf_free(&again);
		buf_free(&b);
		dolly_conf_free(&c);
	}
	if (size > 0 && dolly_read_answer(data, size, &used) == DOLLY_ANSWER_LINE)
		dolly_line_ready((const char *)data, used, name, sizeof(name));
	return 0;
}
