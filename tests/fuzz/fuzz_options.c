/* fuzz_options.c - any bytes as a kernel command line -> options_parse must neither crash nor leak. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "options/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *line = malloc(size + 1);
	struct options o;

	if (!line)
		return 0;
	memcpy(line, data, size);
	line[size] = '\0';
	if (options_parse(&o, line) == 0 && options_add_automatic(&o, line) == 0 && o.warnings.count)
		(void)strlen(o.warnings.word[0]);
	options_free(&o);
	free(line);
	return 0;
}
