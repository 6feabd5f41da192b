/* fuzz_look.c - any bytes as the answer to a second look: no crash, words that are printable. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/tls/look.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_buf struct buf words = { 0 };
	struct look look, none = { 0 };

	look_parse(&look, data, size);
	look_words(&words, &look, &none);
	look_words(&words, &none, &look);
	for (size_t i = 0; i < words.len; i++)
		assert(words.data[i] >= ' ' && words.data[i] < 0x7f);
	return 0;
}
