/* memory.c - /proc/meminfo -> how much memory an image may take. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/image.h"

#include <fcntl.h>
#include <unistd.h>

/* Never given away: what the kernel needs to go on (its own low watermark is a few MB), and stage1 beside it. */
#define RESERVE_LEAST (16 * MIB)
#define RESERVE_PART  20

int64_t memory_parse(const char *text)
{
	static const char key[] = "MemAvailable:";
	const char *p = strstr(text, key);
	int64_t kib = 0;

	if (!p || (p != text && p[-1] != '\n'))
		return -1;
	p += strlen(key);
	while (*p == ' ')
		p++;
	if (*p < '0' || *p > '9')
		return -1;
	for (; *p >= '0' && *p <= '9'; p++)
		if (__builtin_mul_overflow(kib, 10, &kib) || __builtin_add_overflow(kib, *p - '0', &kib))
			return -1;
	return kib > INT64_MAX / 1024 ? -1 : kib * 1024;
}

int64_t memory_available(void)
{
	/* The line is the third of the file; a short read is enough. */
	char text[512];
	ssize_t n = -1;
	int fd = open("/proc/meminfo", O_RDONLY | O_CLOEXEC);

	if (fd >= 0) {
		n = read(fd, text, sizeof(text) - 1);
		close(fd);
	}
	if (n < 0)
		return -1;
	text[n] = '\0';
	return memory_parse(text);
}

int64_t memory_reserve(int64_t available)
{
	return MAX(RESERVE_LEAST, available / RESERVE_PART);
}
