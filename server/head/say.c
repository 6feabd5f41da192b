/* say.c - what head-node has to tell -> one line on stderr. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/say.h"

#include "base/buf.h"

#include <unistd.h>

void head_say(const char *fmt, ...)
{
	cleanup_buf struct buf line = { 0 };
	ssize_t written;
	va_list ap;

	buf_str(&line, "head-node: ");
	va_start(ap, fmt);
	buf_vprintf(&line, fmt, ap);
	va_end(ap);
	buf_char(&line, '\n');
	written = write(STDERR_FILENO, line.data, line.len);
	(void)written; /* nobody listens: there is nobody to tell */
}
