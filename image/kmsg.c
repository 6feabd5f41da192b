/* kmsg.c - the kernel's log -> what it had to say since a moment ago. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "image/kmsg.h"

#include "base/buf.h"

#include <fcntl.h>
#include <unistd.h>

/* The longest record the kernel gives (CONSOLE_EXT_LOG_MAX). */
#define RECORD_SIZE 8192
#define WARNING     4

int kmsg_mark(void)
{
	int fd = open("/dev/kmsg", O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	(void)lseek(fd, 0, SEEK_END);
	return fd;
}

/* The message of one record of /dev/kmsg when its level is a warning or worse, else NULL. Cuts RECORD at the line's
 * end. Linux Documentation/ABI/testing/dev-kmsg. */
static char *complaint_of(char *record)
{
	char *text = strchr(record, ';'), *end;
	unsigned level = 0;
	const char *p;

	for (p = record; *p >= '0' && *p <= '9'; p++)
		level = level * 10 + (unsigned)(*p - '0');
	if (!text || p == record || (level & 7) > WARNING)
		return NULL;
	text++;
	end = strchr(text, '\n');
	if (end)
		*end = '\0';
	return text;
}

void kmsg_complaint(int fd, char *text, size_t size)
{
	char record[RECORD_SIZE];
	ssize_t n;

	text[0] = '\0';
	if (fd < 0)
		return;
	while ((n = read(fd, record, sizeof(record) - 1)) > 0 || (n < 0 && errno == EPIPE)) {
		char *message;

		record[MAX(n, 0)] = '\0';
		message = complaint_of(record);
		if (message) {
			(void)str_copy(text, size, message);
			return;
		}
	}
}
