/* fuzz_uevent.c - any bytes as a message of the kernel or a uevent file of sysfs. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe/uevent.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every field must lie within the bytes that were given, terminated. */
static void look_at(const struct uevent *ev)
{
	const char *fields[] = { ev->action, ev->devpath, ev->subsystem, ev->modalias, ev->driver };
	volatile size_t sum = 0;

	for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
		if (fields[i])
			sum += strlen(fields[i]);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *copy = malloc(size + 1);
	struct uevent ev;

	memcpy(copy, data, size);
	copy[size] = 'x'; /* not terminated behind the end */
	if (uevent_parse(copy, size, &ev) == 0)
		look_at(&ev);
	uevent_parse_file(copy, size, &ev);
	look_at(&ev);
	free(copy);
	return 0;
}
