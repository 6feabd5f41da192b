/* fuzz_desc.c - any text as a desc, an fstab and a dump of sfdisk: no crash; what is read is written back as the same,
 * and planned within its disk. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/capture_parts.h"
#include "clone/fstab.h"
#include "clone/layout.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every partition lies within its disk. */
static void check_plan(const struct desc *d)
{
	const struct target target = { "sda", "/dev/nvme0n1", 20000 * MIB, 4096 };
	cleanup_buf struct buf why = { 0 };
	struct layout p = { 0 };

	if (layout_make(&p, d, &target, 1, &why) == 0)
		for (size_t i = 0; i < d->count; i++)
			if (d->nodes[i].kind == NODE_PARTITION)
				assert(p.places[i].start >= MIB && p.places[i].size > 0 &&
				       p.places[i].start + p.places[i].size <= target.size);
	layout_free(&p);
}

static void check_round_trip(const struct desc *d)
{
	cleanup_buf struct buf text = { 0 }, again = { 0 }, why = { 0 };
	struct desc copy = { 0 };

	desc_write(d, &text);
	assert(desc_parse(&copy, buf_cstr(&text), NULL, &why) == 0 && desc_link(&copy, &why) == 0);
	desc_write(&copy, &again);
	assert(streq(buf_cstr(&text), buf_cstr(&again)));
	desc_free(&copy);
}

static void as_dump(const char *text)
{
	struct desc d = { 0 };
	cleanup_buf struct buf why = { 0 }, out = { 0 };

	if (capture_table(&d, "sda", text) == 0 && desc_link(&d, &why) == 0) {
		capture_plain(&d, &out);
		capture_wishes(&d);
		desc_write(&d, &out);
	}
	desc_free(&d);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cleanup_free char *text = malloc(size + 1);
	cleanup_buf struct buf why = { 0 };
	struct desc d = { 0 };

	memcpy(text, data, size);
	text[size] = '\0';
	if (desc_parse(&d, text, "sda", &why) == 0 && fstab_adopt(&d, text) == 0 && desc_link(&d, &why) == 0) {
		check_round_trip(&d);
		check_plan(&d);
	}
	desc_free(&d);
	as_dump(text);
	return 0;
}
