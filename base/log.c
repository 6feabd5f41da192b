/* log.c - one line of words -> every log that was added; early lines wait for the first one. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/log.h"

#include "base/buf.h"

struct log_sink {
	log_sink_fn *fn;
	void *ctx;
	struct log_sink *next;
};

#define EARLY_MAX (64 * 1024)

static struct log_sink *sinks;
static struct buf early; /* level digit, line, NUL; repeated */

static void replay_early(void)
{
	const char *p = early.data, *end = early.data + early.len;

	while (p && p < end) {
		sinks->fn(sinks->ctx, (enum log_level)(p[0] - '0'), p + 1);
		p += strlen(p) + 1;
	}
	buf_free(&early);
}

int log_add_sink(log_sink_fn *fn, void *ctx)
{
	struct log_sink *s = malloc(sizeof(*s)), **end = &sinks;

	if (!s)
		return -ENOMEM;
	*s = (struct log_sink){ .fn = fn, .ctx = ctx };
	while (*end)
		end = &(*end)->next;
	*end = s;
	if (s == sinks)
		replay_early();
	return 0;
}

void log_line(enum log_level level, const char *fmt, ...)
{
	cleanup_buf struct buf line = { 0 };
	va_list ap;

	va_start(ap, fmt);
	buf_vprintf(&line, fmt, ap);
	va_end(ap);
	for (size_t i = 0; i < line.len; i++)
		if ((unsigned char)line.data[i] < ' ')
			line.data[i] = ' '; /* outside text must not forge lines or move the cursor */
	if (!sinks && early.len + line.len < EARLY_MAX) {
		buf_char(&early, (char)('0' + level));
		buf_add(&early, buf_cstr(&line), line.len + 1);
	}
	for (struct log_sink *s = sinks; s; s = s->next)
		s->fn(s->ctx, level, buf_cstr(&line));
}
