/* fuzz_volume.c - any bytes as the beginning of a disk, and as what it is asked for next. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "methods/media/volume.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The first two bytes choose where the next look finds its bytes; the input stands at the beginning and at the places
 * where file systems keep their head. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const size_t places[] = { 0, 1024, 32768, 65536 };
	static uint8_t head[VOLUME_HEAD];
	struct volume v;

	if (size < 2)
		return 0;
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		size_t len = MIN(size, sizeof(head) - places[i]);

		memset(head, 0, sizeof(head));
		memcpy(head + places[i], data, len);
		volume_recognise(head, places[i] + len, &v);
		for (int n = 0; v.more_len; n++) {
			size_t from = (size_t)(data[0] | data[1] << 8) % size;

			if (n > 4 || v.more_len > VOLUME_MORE || v.more_at < 0)
				abort();
			volume_more(&v, data + from, MIN(v.more_len, size - from));
		}
		if (strlen(v.label) >= sizeof(v.label) || strlen(v.uuid) >= sizeof(v.uuid))
			abort();
	}
	return 0;
}
