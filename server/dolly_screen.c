/* dolly_screen.c - the head's view of its nodes -> one screen, and the last words. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dolly.h"

#include "base/clock.h"

#include <stdio.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <unistd.h>

#define REFRESH_MS 500
#define ROWS       24 /* of a terminal that does not tell its size */
#define COLUMNS    80

void dolly_screen_open(struct dolly_screen *s, bool quiet)
{
	const char *term = getenv("TERM");

	*s = (struct dolly_screen){ .quiet = quiet, .begun = now_ms() };
	s->terminal = !quiet && isatty(STDERR_FILENO) && term && !streq(term, "dumb");
}

/* The terminal's size, asked each time: windows change. */
static struct winsize terminal_size(void)
{
	struct winsize w = { 0 };

	if (ioctl(STDERR_FILENO, TIOCGWINSZ, &w) < 0 || w.ws_row < 3 || w.ws_col < 20)
		return (struct winsize){ .ws_row = ROWS, .ws_col = COLUMNS };
	return w;
}

/* Takes back what is drawn, so that a line may be written in its place. */
static void erase(struct dolly_screen *s)
{
	if (s->drawn)
		fprintf(stderr, "\033[%uA\033[J", s->drawn);
	s->drawn = 0;
}

void dolly_screen_note(struct dolly_screen *s, const char *line)
{
	if (s->quiet)
		return;
	erase(s);
	fprintf(stderr, "%7.2f s  %s\n", (double)(now_ms() - s->begun) / 1000, line);
	s->last = 0;
}

/* What a person should know of N, "" where all is well. */
static const char *remark(const struct head_node *n)
{
	if (n->state == HEAD_FAILED || n->state == HEAD_LOST)
		return n->why;
	return n->state == HEAD_READY && n->head->plan.node[n->number].leaf ? "slow" : "";
}

/* One line of at most COLUMNS: one more would scroll what is drawn over. */
static void draw_node(const struct head_node *n, int64_t size, unsigned columns)
{
	static const char bar[] = "####################";
	int64_t bytes = (int64_t)n->progress.bytes;
	int percent = size > 0 ? (int)(bytes * 100 / size) : n->state == HEAD_DONE ? 100 : 0;
	char where[PEER_TEXT], line[512];

	snprintf(line, sizeof(line), "%-16.16s %-9s %.*s%*s %3d %% %7.1f MB/s %s",
		 n->name[0] ? n->name : head_address(n, where), head_state_name(n->state), percent / 5, bar,
		 20 - percent / 5, "", percent, MAX(n->head->plan.node[n->number].rate, 0) / 1e6, remark(n));
	fprintf(stderr, "%.*s\n", (int)columns - 1, line);
}

/* Where there are more nodes than ROWS, those that are done are left out, then the last. */
static unsigned draw_nodes(const struct head *h, int64_t size, struct winsize w)
{
	unsigned room = w.ws_row - 2u, drawn = 0;

	for (uint32_t i = 1; i <= h->count && drawn < room; i++) {
		if (h->count > room && h->node[i]->state == HEAD_DONE)
			continue;
		draw_node(h->node[i], size, w.ws_col);
		drawn++;
	}
	return drawn;
}

void dolly_screen_update(struct dolly_screen *s, const struct head *h, int64_t size, bool now)
{
	int64_t time = now_ms();
	unsigned done = 0, fetching = 0, absent = 0;
	double least = 100;

	if (s->quiet || (!now && time - s->last < (s->terminal ? REFRESH_MS : 10000)))
		return;
	s->last = time;
	erase(s);
	for (uint32_t i = 1; i <= h->count; i++) {
		const struct head_node *n = h->node[i];

		done += n->state == HEAD_DONE;
		absent += n->state == HEAD_EXPECTED;
		fetching += n->state == HEAD_READY;
		if (n->state == HEAD_READY && size > 0)
			least = MIN(least, (double)n->progress.bytes * 100 / (double)size);
	}
	s->drawn = s->terminal ? draw_nodes(h, size, terminal_size()) + 1 : 0;
	fprintf(stderr, "%u of %u nodes have everything", done, h->count);
	if (absent)
		fprintf(stderr, "; %u not seen yet", absent);
	if (fetching && size > 0)
		fprintf(stderr, "; the last one has %.0f %%", least);
	fputc('\n', stderr);
}

void dolly_screen_summary(const struct head *h, int64_t size, int64_t ms, struct buf *out)
{
	double s = (double)MAX(ms, 1) / 1000;
	unsigned done = 0;
	char where[PEER_TEXT];

	for (uint32_t i = 1; i <= h->count; i++)
		done += h->node[i]->state == HEAD_DONE;
	buf_printf(out, "%u of %u nodes have everything: %lld bytes in %.2f s, %.1f MB/s each, %.1f MB/s together\n",
		   done, h->count, (long long)size, s, (double)size / s / 1e6, (double)size * done / s / 1e6);
	for (uint32_t i = 1; i <= h->count; i++) {
		const struct head_node *n = h->node[i];

		if (n->state == HEAD_DONE)
			continue;
		buf_printf(out, "NOT DONE %s (%s): %s", n->name, head_address(n, where), head_why(n));
		if (n->progress.bytes && n->state != HEAD_FAILED)
			buf_printf(out, "; had %llu of %lld bytes", (unsigned long long)n->progress.bytes,
				   (long long)size);
		buf_char(out, '\n');
	}
}
