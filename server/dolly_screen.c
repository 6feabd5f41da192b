/* dolly_screen.c - the head's view of its nodes -> one screen, and the last words. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/dolly.h"

#include "base/clock.h"

#include <stdio.h>
#include <unistd.h>

#define REFRESH_MS 500
#define MAX_ROWS   40 /* nodes drawn; with more, only those that are not done */

void dolly_screen_open(struct dolly_screen *s, bool quiet)
{
	const char *term = getenv("TERM");

	*s = (struct dolly_screen) { .quiet = quiet, .begun = now_ms() };
	s->terminal = !quiet && isatty(STDERR_FILENO) && term && !streq(term, "dumb");
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

static void draw_node(const struct head_node *n, int64_t size)
{
	static const char bar[] = "####################";
	int64_t bytes = (int64_t)n->progress.bytes;
	int percent = size > 0 ? (int)(bytes * 100 / size) : n->state == HEAD_DONE ? 100 : 0;
	char where[PEER_TEXT];

	fprintf(stderr, "%-16.16s %-9s %.*s%*s %3d %% %7.1f MB/s %s\n",
		n->name[0] ? n->name : head_address(n, where), head_state_name(n->state), percent / 5, bar,
		20 - percent / 5, "", percent, MAX(n->head->plan.node[n->number].rate, 0) / 1e6,
		n->state == HEAD_FAILED || n->state == HEAD_LOST	? n->why
		: n->state == HEAD_READY && n->head->plan.node[n->number].leaf ? "slow"
									: "");
}

void dolly_screen_update(struct dolly_screen *s, const struct head *h, int64_t size, bool now)
{
	int64_t time = now_ms();
	unsigned done = 0, rows = 0, fetching = 0, absent = 0;
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
		if (s->terminal && rows < MAX_ROWS && (h->count <= MAX_ROWS || n->state != HEAD_DONE)) {
			draw_node(n, size);
			rows++;
		}
	}
	fprintf(stderr, "%u of %u nodes have everything", done, h->count);
	if (absent)
		fprintf(stderr, "; %u not seen yet", absent);
	if (fetching && size > 0)
		fprintf(stderr, "; the last one has %.0f %%", least);
	fputc('\n', stderr);
	s->drawn = s->terminal ? rows + 1 : 0;
}

void dolly_screen_summary(const struct head *h, int64_t size, int64_t ms, struct buf *out)
{
	double s = (double)MAX(ms, 1) / 1000;
	unsigned done = 0;
	char where[PEER_TEXT];

	for (uint32_t i = 1; i <= h->count; i++)
		done += h->node[i]->state == HEAD_DONE;
	buf_printf(out, "%u of %u nodes have everything: %lld bytes in %.2f s, %.1f MB/s each, %.1f MB/s together\n", done,
		   h->count, (long long)size, s, (double)size / s / 1e6, (double)size * done / s / 1e6);
	for (uint32_t i = 1; i <= h->count; i++) {
		const struct head_node *n = h->node[i];

		if (n->state == HEAD_DONE)
			continue;
		buf_printf(out, "NOT DONE %s (%s): %s", n->name, head_address(n, where), head_why(n));
		if (n->progress.bytes && n->state != HEAD_FAILED)
			buf_printf(out, "; had %llu of %lld bytes", (unsigned long long)n->progress.bytes, (long long)size);
		buf_char(out, '\n');
	}
}
