/* words.c - a model -> the lines of `head-node status`. Pure. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/status/words.h"

#include "server/head/status/json.h"

void words_rate(struct buf *out, int64_t rate)
{
	if (rate < 0)
		return;
	if (rate >= 10000000)
		buf_printf(out, "%lld MB/s", (long long)(rate / 1000000));
	else if (rate >= 1000000)
		buf_printf(out, "%lld.%lld MB/s", (long long)(rate / 1000000), (long long)(rate / 100000 % 10));
	else
		buf_printf(out, "%lld KB/s", (long long)(rate / 1000));
}

void words_time(struct buf *out, int64_t ms)
{
	int64_t s = ms / 1000;

	if (s < 60)
		buf_printf(out, "%lld.%lld s", (long long)s, (long long)(ms / 100 % 10));
	else if (s < 3600)
		buf_printf(out, "%lld:%02lld", (long long)(s / 60), (long long)(s % 60));
	else
		buf_printf(out, "%lld h %02lld", (long long)(s / 3600), (long long)(s / 60 % 60));
}

/* "stage1 4/6 image". */
static void add_phase(struct buf *out, const struct node *n)
{
	const struct report *r = &n->report;

	buf_str(out, phase_name(n->phase));
	if (r->step && (n->phase == PHASE_STAGE1 || n->phase == PHASE_FAILED || n->phase == PHASE_CLONE))
		buf_printf(out, " %lld/%lld %s", (long long)r->step, (long long)r->steps, r->name);
}

/* What a person should know first: the failure, or why the node stands out. */
static void add_remark(struct buf *out, const struct node *n, int64_t now)
{
	if (n->phase == PHASE_FAILED && n->code[0])
		buf_printf(out, "%s %s ", n->code, json_failure(n->code) ? fail_title(json_failure(n->code)) : "");
	if (n->silent) {
		buf_str(out, "SILENT for ");
		words_time(out, now - n->seen);
		buf_char(out, ' ');
	}
	if (n->slow)
		buf_str(out, "SLOW ");
	if (n->suspect[0])
		buf_printf(out, "DOUBTFUL: %s ", n->suspect);
	if (n->dropped)
		buf_printf(out, "(%llu messages too many) ", (unsigned long long)n->dropped);
}

static const char *colour_of(const struct node *n)
{
	if (n->phase == PHASE_FAILED)
		return "\033[31m";
	if (n->silent || n->slow || n->suspect[0])
		return "\033[33m";
	return n->phase == PHASE_UP ? "\033[32m" : "";
}

/* How many bytes of TEXT fit into *COLUMNS; *COLUMNS: how many they take. Each character is taken to be one. */
static size_t fitting(const char *text, unsigned *columns)
{
	unsigned most = *columns;
	size_t len = 0;

	for (*columns = 0; text[len]; len++) {
		if (((unsigned char)text[len] & 0xc0) == 0x80)
			continue;
		if (*columns == most)
			break;
		++*columns;
	}
	return len;
}

/* Adds TEXT in WIDTH columns, the last of which is a blank. */
static void add_column(struct buf *out, const char *text, unsigned width)
{
	unsigned columns = width - 1;
	size_t len = fitting(text, &columns);

	buf_add(out, text, len);
	buf_printf(out, "%*s", (int)(width - columns), "");
}

/* Adds LINE, cut to the columns there are. */
static void add_line(struct buf *out, const char *line, const struct look *look, const char *colour)
{
	unsigned columns = look->columns;
	size_t len = fitting(line, &columns);

	while (len && line[len - 1] == ' ')
		len--;
	if (look->colour)
		buf_str(out, colour);
	buf_add(out, line, len);
	buf_str(out, look->colour && *colour ? "\033[0m\n" : "\n");
}

static void node_line(struct buf *out, const struct node *n, const struct look *look, int64_t now)
{
	cleanup_buf struct buf line = { 0 }, phase = { 0 }, rate = { 0 }, took = { 0 };
	int percent = node_percent(n);
	cleanup_buf struct buf part = { 0 };

	add_phase(&phase, n);
	if (phase_is_on_the_way(n->phase) && n->phase != PHASE_STARTS) {
		words_rate(&rate, node_rate(n));
		if (percent >= 0)
			buf_printf(&part, "%d %%", percent);
	}
	words_time(&took, node_took(n, now));
	add_column(&line, n->name[0] ? n->name : n->address[0] ? n->address : n->mac, 17);
	add_column(&line, buf_cstr(&phase), 20);
	buf_printf(&line, "%5s %9s %7s  ", buf_cstr(&part), buf_cstr(&rate), buf_cstr(&took));
	add_remark(&line, n, now);
	buf_str(&line, n->words);
	add_line(out, buf_cstr(&line), look, colour_of(n));
}

static void hint_line(struct buf *out, const struct node *n, const struct look *look)
{
	cleanup_buf struct buf hint = { 0 }, line = { 0 };

	json_hint(&hint, json_failure(n->code));
	buf_printf(&line, "%16s Try: %s", "", buf_cstr(&hint));
	if (n->phase == PHASE_FAILED && hint.len)
		add_line(out, buf_cstr(&line), look, "");
}

static void sum_line(struct buf *out, const struct model *m, const struct look *look)
{
	struct counts c = count_nodes(m);
	cleanup_buf struct buf line = { 0 };

	buf_printf(&line, "%u nodes: %u failed, %u silent, %u slow, %u on the way, %u up; ", c.total,
		   c.phase[PHASE_FAILED], c.silent, c.slow,
		   c.phase[PHASE_FIRMWARE] + c.phase[PHASE_STAGE1] + c.phase[PHASE_CLONE] + c.phase[PHASE_STARTS],
		   c.phase[PHASE_UP]);
	words_rate(&line, c.rate);
	add_line(out, buf_cstr(&line), look, "");
}

/* How many lines there are. */
static unsigned lines_of(const struct buf *out)
{
	unsigned n = 0;

	for (size_t i = 0; i < out->len; i++)
		n += out->data[i] == '\n';
	return n;
}

void words_model(struct buf *out, const struct model *m, const struct look *look, int64_t now)
{
	struct node **order = malloc((m->count + 1) * sizeof(*order));
	size_t shown = 0;

	sum_line(out, m, look);
	if (!order || !m->count) {
		free(order);
		return;
	}
	memcpy(order, m->node, m->count * sizeof(*order));
	qsort(order, m->count, sizeof(*order), node_order);
	for (; shown < m->count && (!look->rows || lines_of(out) + 3 <= look->rows); shown++) {
		node_line(out, order[shown], look, now);
		hint_line(out, order[shown], look);
	}
	if (shown < m->count)
		buf_printf(out, "and %zu more\n", m->count - shown);
	free(order);
}
