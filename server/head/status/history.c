/* history.c - the lines of all boots -> how long each step takes, which are slow, which nodes fail often. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/status/history.h"

#include "server/head/status/json.h"

#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

/* ---- lines */

static void get_text(char *out, size_t size, const json_t *o, const char *key)
{
	const char *text = json_string_value(json_object_get(o, key));

	text_clean(out, size, span_of(text ? text : ""));
}

static void get_steps(struct boot *b, const json_t *o)
{
	const json_t *ms = json_object_get(o, "step_ms"), *names = json_object_get(o, "step_names");

	b->step_count = (unsigned)MIN(json_array_size(ms), (size_t)EVENT_STEPS);
	for (unsigned i = 0; i < b->step_count; i++) {
		const char *name = json_string_value(json_array_get(names, i));

		b->step_ms[i] = json_integer_value(json_array_get(ms, i));
		text_clean(b->step_name[i], sizeof(b->step_name[i]), span_of(name ? name : ""));
	}
}

static int read_boot(struct boot *b, const char *line, size_t len)
{
	json_t *o = json_loadb(line, len, 0, NULL);
	const char *result = json_string_value(json_object_get(o, "result"));

	*b = (struct boot){ .began = json_integer_value(json_object_get(o, "began")),
			    .ended = json_integer_value(json_object_get(o, "ended")),
			    .failed = streq(result, "failed"),
			    .lost = streq(result, "lost") };
	get_text(b->who, sizeof(b->who), o, "name");
	if (!b->who[0])
		get_text(b->who, sizeof(b->who), o, "address");
	get_text(b->key, sizeof(b->key), o, "mac");
	if (!b->key[0])
		get_text(b->key, sizeof(b->key), o, "address");
	get_text(b->code, sizeof(b->code), o, "code");
	get_text(b->step, sizeof(b->step), o, "step_name");
	get_steps(b, o);
	json_decref(o);
	return result && b->key[0] && b->began > 0 && b->ended >= b->began ? 0 : -EBADMSG;
}

/* The row for B: that of the same boot, which can only be one of the last. */
static struct boot *row_for(struct history *h, const struct boot *b)
{
	for (size_t i = h->count; i > 0 && i + MODEL_NODES > h->count; i--) {
		if (h->boot[i - 1].began == b->began && streq(h->boot[i - 1].key, b->key))
			return &h->boot[i - 1];
	}
	if (h->count == h->room) {
		struct boot *more = realloc(h->boot, (h->room + h->room / 2 + 64) * sizeof(*more));

		if (!more)
			return NULL;
		h->boot = more;
		h->room += h->room / 2 + 64;
	}
	return &h->boot[h->count++];
}

int history_add(struct history *h, const char *line, size_t len)
{
	struct boot b, *row;
	int err = read_boot(&b, line, len);

	if (err) {
		h->bad++;
		return err;
	}
	row = row_for(h, &b);
	if (!row)
		return -ENOMEM;
	*row = b;
	return 0;
}

int history_read(struct history *h, const char *path, int64_t since)
{
	FILE *in = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	ssize_t len;
	int err = in ? 0 : -errno;

	while (!err && (len = getline(&line, &room, in)) > 0) {
		err = history_add(h, line, (size_t)len);
		if (!err && h->boot[h->count - 1].began < since)
			h->count--;
		if (err == -EBADMSG)
			err = 0;
	}
	free(line);
	if (in)
		fclose(in);
	return err;
}

void history_free(struct history *h)
{
	free(h->boot);
	*h = (struct history){ 0 };
}

int history_append(const char *dir, const struct buf *line)
{
	cleanup_free char *path = str_printf("%s/" HISTORY_FILE, dir);
	cleanup_close int fd = path ? open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0644) : -1;
	cleanup_buf struct buf text = { 0 };
	char last = '\n';
	ssize_t n;
	off_t size;

	if (fd < 0)
		return path ? -errno : -ENOMEM;
	size = lseek(fd, 0, SEEK_END);
	if (size > 0 && pread(fd, &last, 1, size - 1) == 1 && last != '\n')
		buf_char(&text, '\n');
	buf_add(&text, line->data, line->len);
	buf_char(&text, '\n');
	if (text.failed)
		return -ENOMEM;
	n = write(fd, text.data, text.len);
	return n == (ssize_t)text.len ? 0 : n < 0 ? -errno : -ENOSPC;
}

/* ---- words */

static int by_size(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

/* The times of the step NAME in all boots into MS, sorted; *SLOWEST: the boot that took longest. Returns how many. */
static size_t collect(const struct history *h, const char *name, int64_t *ms, const struct boot **slowest)
{
	size_t count = 0;
	int64_t most = -1;

	for (size_t i = 0; i < h->count; i++) {
		const struct boot *b = &h->boot[i];

		for (unsigned s = 0; s < b->step_count; s++) {
			if (!streq(b->step_name[s], name))
				continue;
			ms[count++] = b->step_ms[s];
			if (b->step_ms[s] > most) {
				most = b->step_ms[s];
				*slowest = b;
			}
			break;
		}
	}
	qsort(ms, count, sizeof(*ms), by_size);
	return count;
}

static void step_row(struct buf *out, const struct history *h, const char *name, int64_t *ms)
{
	const struct boot *slowest = NULL;
	size_t n = collect(h, name, ms, &slowest);

	if (n)
		buf_printf(out, "%-12s %6zu %9.1f s %9.1f s %9.1f s  %s\n", name, n, (double)ms[n / 2] / 1000,
			   (double)ms[n * 9 / 10] / 1000, (double)ms[n - 1] / 1000, slowest->who);
}

static bool known(char (*names)[24], size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (streq(names[i], name))
			return true;
	}
	return false;
}

#define STEP_NAMES 32 /* different ones that are shown */

static void step_rows(struct buf *out, const struct history *h, int64_t *ms)
{
	char names[STEP_NAMES][24];
	size_t count = 0;

	for (size_t i = 0; i < h->count; i++) {
		for (unsigned s = 0; s < h->boot[i].step_count && count < STEP_NAMES; s++) {
			const char *name = h->boot[i].step_name[s];

			if (name[0] && !known(names, count, name))
				(void)str_copy(names[count++], sizeof(names[0]), name);
		}
	}
	for (size_t i = 0; i < count; i++)
		step_row(out, h, names[i], ms);
}

static void whole_row(struct buf *out, const struct history *h, int64_t *ms)
{
	const struct boot *slowest = NULL;
	size_t n = 0;

	for (size_t i = 0; i < h->count; i++) {
		const struct boot *b = &h->boot[i];

		if (b->failed || b->lost)
			continue;
		ms[n++] = b->ended - b->began;
		if (!slowest || b->ended - b->began > slowest->ended - slowest->began)
			slowest = b;
	}
	qsort(ms, n, sizeof(*ms), by_size);
	if (n)
		buf_printf(out, "%-12s %6zu %9.1f s %9.1f s %9.1f s  %s\n", "whole boot", n, (double)ms[n / 2] / 1000,
			   (double)ms[n * 9 / 10] / 1000, (double)ms[n - 1] / 1000, slowest->who);
}

/* What one node did. */
struct sum {
	const struct boot *last; /* its newest boot that went wrong */
	size_t boots, wrong;
};

static int by_node(const void *a, const void *b)
{
	const struct boot *x = *(const struct boot *const *)a, *y = *(const struct boot *const *)b;
	int c = strcmp(x->key, y->key);

	return c ? c : x->began < y->began ? -1 : x->began > y->began;
}

static int by_wrong(const void *a, const void *b)
{
	const struct sum *x = a, *y = b;

	if (x->wrong != y->wrong)
		return x->wrong > y->wrong ? -1 : 1;
	return x->last && y->last ? strcmp(x->last->who, y->last->who) : 0;
}

/* The sums of all nodes into SUMS, the worst first. Returns how many. */
static size_t sum_up(const struct history *h, const struct boot **order, struct sum *sums)
{
	size_t count = 0;

	for (size_t i = 0; i < h->count; i++)
		order[i] = &h->boot[i];
	qsort(order, h->count, sizeof(*order), by_node);
	for (size_t i = 0; i < h->count; i++) {
		if (i == 0 || !streq(order[i]->key, order[i - 1]->key))
			sums[count++] = (struct sum){ 0 };
		sums[count - 1].boots++;
		if (order[i]->failed || order[i]->lost) {
			sums[count - 1].wrong++;
			sums[count - 1].last = order[i];
		}
	}
	qsort(sums, count, sizeof(*sums), by_wrong);
	return count;
}

#define WORST 20

static void failing_rows(struct buf *out, const struct sum *sums, size_t count)
{
	if (!count || !sums[0].wrong)
		return;
	buf_printf(out, "\n%-20s %6s %6s  %s\n", "NODE", "WRONG", "BOOTS", "THE LAST TIME");
	for (size_t i = 0; i < MIN(count, (size_t)WORST) && sums[i].wrong; i++) {
		const struct boot *b = sums[i].last;

		buf_printf(out, "%-20.63s %6zu %6zu  ", b->who, sums[i].wrong, sums[i].boots);
		if (b->failed)
			buf_printf(out, "%s %s, step %s\n", b->code, fail_title(json_failure(b->code)), b->step);
		else
			buf_printf(out, "silent from step %s on\n", b->step[0] ? b->step : "(none)");
	}
}

void history_words(struct buf *out, const struct history *h)
{
	int64_t *ms = malloc((h->count + 1) * sizeof(*ms));
	const struct boot **order = malloc((h->count + 1) * sizeof(*order));
	struct sum *sums = malloc((h->count + 1) * sizeof(*sums));
	size_t nodes = ms && order && sums ? sum_up(h, order, sums) : 0, failed = 0, lost = 0;

	for (size_t i = 0; i < h->count; i++) {
		failed += h->boot[i].failed;
		lost += h->boot[i].lost;
	}
	buf_printf(out, "%zu boots of %zu nodes: %zu failed, %zu fell silent\n", h->count, nodes, failed, lost);
	if (nodes) {
		buf_printf(out, "\n%-12s %6s %11s %11s %11s  %s\n", "STEP", "BOOTS", "MEDIAN", "9 OF 10", "SLOWEST",
			   "WAS");
		whole_row(out, h, ms);
		step_rows(out, h, ms);
		failing_rows(out, sums, nodes);
	}
	if (h->bad)
		buf_printf(out, "\n%zu lines could not be read\n", h->bad);
	free(sums);
	free(order);
	free(ms);
}
