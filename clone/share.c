/* share.c - room, and who wants how much of it -> how much each gets. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "clone/share.h"

int64_t share_least(const struct share *s, size_t count)
{
	int64_t sum = 0;

	for (size_t i = 0; i < count; i++)
		sum = MIN(sum + s[i].least, INT64_MAX / 2);
	return sum;
}

/* What S lacks to what it wants. */
static int64_t lack(const struct share *s)
{
	return MAX(MIN(s->want, s->most) - s->got, 0);
}

/* All of LEFT to those that lack SUM, which is more: a part of it each, what cannot be divided to the first. */
static void share_lack(struct share *s, size_t count, int64_t left, int64_t sum)
{
	int64_t given = 0;

	for (size_t i = 0; i < count; i++) {
		int64_t part = (int64_t)((__int128)lack(&s[i]) * left / sum);

		s[i].got += part;
		given += part;
	}
	for (size_t i = 0; i < count && given < left; i++) {
		if (lack(&s[i]) > 0) {
			s[i].got++;
			given++;
		}
	}
}

/* One round: an equal part of LEFT to all that fill and may have more. What is left then. */
static int64_t fill_round(struct share *s, size_t count, int64_t left)
{
	int64_t open = 0, part;

	for (size_t i = 0; i < count; i++)
		open += s[i].fill && s[i].got < s[i].most;
	if (!open)
		return 0;
	part = MAX(left / open, 1);
	for (size_t i = 0; i < count && left > 0; i++) {
		int64_t more = s[i].fill ? MIN(MIN(part, left), s[i].most - s[i].got) : 0;

		s[i].got += MAX(more, 0);
		left -= MAX(more, 0);
	}
	return left;
}

int share_out(struct share *s, size_t count, int64_t units)
{
	int64_t left = units - share_least(s, count), sum = 0;

	if (left < 0)
		return -ENOSPC;
	for (size_t i = 0; i < count; i++) {
		s[i].got = s[i].least;
		sum = MIN(sum + lack(&s[i]), INT64_MAX / 2);
	}
	if (sum > left) {
		share_lack(s, count, left, sum);
		return 0;
	}
	for (size_t i = 0; i < count; i++)
		s[i].got += lack(&s[i]);
	for (left -= sum; left > 0;)
		left = fill_round(s, count, left);
	return 0;
}
