/* watch.c - what the working code has to say -> whoever shows it; silent where nobody watches. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/watch.h"

#include "base/buf.h"

void watch_note(struct watch *w, const char *fmt, ...)
{
	cleanup_buf struct buf line = { 0 };
	va_list ap;

	if (!w || !w->note)
		return;
	va_start(ap, fmt);
	buf_vprintf(&line, fmt, ap);
	va_end(ap);
	w->note(w, buf_cstr(&line));
}

void watch_waiting(struct watch *w, int64_t deadline, const char *fmt, ...)
{
	cleanup_buf struct buf why = { 0 };
	va_list ap;

	if (!w || !w->waiting)
		return;
	va_start(ap, fmt);
	buf_vprintf(&why, fmt, ap);
	va_end(ap);
	w->waiting(w, buf_cstr(&why), deadline);
}

void watch_progress(struct watch *w, int64_t done, int64_t total)
{
	if (w && w->progress)
		w->progress(w, done, total);
}

void watch_reads(struct watch *w, const char *what)
{
	if (w && w->reads)
		w->reads(w, what);
}

bool watch_cancelled(struct watch *w)
{
	return w && w->cancelled && w->cancelled(w);
}
