/* fuzz_url.c - any text as URL, reference and host: no crash, and what is read is written back as the same. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/retrieve/url.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A URL's text, read again, is the same URL, with nothing in it that could break a request line. */
static void check_round_trip(const struct url *u)
{
	cleanup_buf struct buf text = { 0 }, again = { 0 };
	struct url copy;

	url_text(u, &text);
	for (size_t i = 0; i < text.len; i++)
		assert(text.data[i] > ' ' && text.data[i] < 127);
	if (url_parse(&copy, buf_cstr(&text)))
		return; /* a query is not shown */
	url_text(&copy, &again);
	assert(streq(buf_cstr(&text), buf_cstr(&again)));
	url_free(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = malloc(size + 1);
	cleanup_free char *host = NULL;
	struct url base, u;
	uint16_t port;

	memcpy(text, data, size);
	text[size] = '\0';
	if (url_parse(&u, text) == 0) {
		check_round_trip(&u);
		url_free(&u);
	}
	if (url_make(&base, "http", "example.org", 80, text) == 0) {
		if (url_resolve(&u, &base, text) == 0) {
			check_round_trip(&u);
			url_free(&u);
		}
		url_free(&base);
	}
	if (host_parse(text, size, &host, &port) == 0)
		assert(*host);
	return 0;
}
