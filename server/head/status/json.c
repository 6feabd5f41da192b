/* json.c - the model -> JSON for /api, the page, `head-node status --json`; a line of the history. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/status/json.h"

#include "options/advice.h"
#include "server/head/status/json_fields.h"

/* ---- failures */

enum fail_id json_failure(const char *code)
{
	for (int i = 1; i < FAIL_COUNT; i++) {
		if (streq(fail_code((enum fail_id)i), code))
			return (enum fail_id)i;
	}
	return FAIL_NONE;
}

/* A thought for programs on a shell is none for a node. */
static bool is_for_node(const char *line)
{
	return !starts_with(line, "[-node");
}

void json_hint(struct buf *out, enum fail_id id)
{
	cleanup_free char *all = strdup(fail_advice(id));
	char *rest = all, *line;

	while (all && (line = strsep(&rest, "\n"))) {
		if (*line && is_for_node(line))
			buf_printf(out, "%s%s", out->len ? " " : "", advice_line(line));
	}
}

/* ---- one node */

/* An object takes a value over; one that is NULL (memory, text that is no UTF-8) is left out. */
static void put(json_t *object, const char *key, json_t *value)
{
	if (value)
		(void)!json_object_set_new(object, key, value);
}

static void put_times(json_t *object, const struct node *n)
{
	json_t *names = json_array(), *ms = json_array();

	for (unsigned i = 0; i < n->report.step_count; i++)
		(void)!json_array_append_new(ms, json_integer(n->report.step_ms[i]));
	for (unsigned i = 0; i < EVENT_STEPS && i < MAX(n->report.step, n->report.steps); i++)
		(void)!json_array_append_new(names, json_string(n->step_name[i]));
	put(object, "step_ms", ms);
	put(object, "step_names", names);
}

static void put_failure(json_t *object, const struct node *n)
{
	enum fail_id id = json_failure(n->code);
	cleanup_buf struct buf hint = { 0 };

	if (!n->code[0])
		return;
	json_hint(&hint, id);
	put(object, "title", json_string(id == FAIL_NONE ? "" : fail_title(id)));
	put(object, "hint", json_string(buf_cstr(&hint)));
}

static json_t *node_object(const struct node *n, int64_t now)
{
	json_t *o = json_object();

	fields_put(o, n, true);
	put(o, "phase", json_string(phase_name(n->phase)));
	put(o, "step_name", json_string(n->report.name));
	put(o, "percent", json_integer(node_percent(n)));
	put(o, "rate", json_integer(node_rate(n)));
	put(o, "took", json_integer(node_took(n, now)));
	put_times(o, n);
	put_failure(o, n);
	return o;
}

/* ---- the whole */

struct counts count_nodes(const struct model *m)
{
	struct counts c = { .total = (unsigned)m->count };

	for (size_t i = 0; i < m->count; i++) {
		const struct node *n = m->node[i];

		c.phase[n->phase]++;
		c.silent += n->silent;
		c.slow += n->slow;
		c.suspect += n->suspect[0] != '\0';
	}
	c.rate = m->sample[(m->sample_end + MODEL_SAMPLES - 1) % MODEL_SAMPLES];
	return c;
}

static json_t *counts_object(const struct model *m)
{
	struct counts c = count_nodes(m);
	json_t *o = json_object();

	for (size_t i = 0; i < PHASES; i++)
		put(o, phase_name((enum phase)i), json_integer(c.phase[i]));
	put(o, "silent", json_integer(c.silent));
	put(o, "slow", json_integer(c.slow));
	put(o, "suspect", json_integer(c.suspect));
	put(o, "nodes", json_integer(c.total));
	put(o, "rate", json_integer(c.rate));
	put(o, "refused", json_integer((json_int_t)m->refused));
	put(o, "damaged", json_integer((json_int_t)m->damaged));
	return o;
}

/* Bytes a second of the last minutes, oldest first; of a change, only the last one. */
static json_t *samples_array(const struct model *m, bool all)
{
	json_t *a = json_array();

	for (unsigned i = all ? 0 : MODEL_SAMPLES - 1; i < MODEL_SAMPLES; i++)
		(void)!json_array_append_new(a, json_integer(m->sample[(m->sample_end + i) % MODEL_SAMPLES]));
	return a;
}

static json_t *nodes_array(const struct model *m, uint64_t since, int64_t now)
{
	struct node **order = malloc((m->count + 1) * sizeof(*order));
	json_t *a = json_array();

	if (order && m->count) {
		memcpy(order, m->node, m->count * sizeof(*order));
		qsort(order, m->count, sizeof(*order), node_order);
	}
	for (size_t i = 0; order && i < m->count; i++) {
		if (order[i]->version > since)
			(void)!json_array_append_new(a, node_object(order[i], now));
	}
	free(order);
	return a;
}

static int dump_piece(const char *bytes, size_t len, void *out)
{
	return buf_add(out, bytes, len);
}

/* Adds OBJECT, which is then gone, on one line. */
static int dump(struct buf *out, json_t *object)
{
	int err = json_dump_callback(object, dump_piece, out, JSON_COMPACT | JSON_ENCODE_ANY);

	json_decref(object);
	return err || out->failed ? -ENOMEM : 0;
}

int json_model(struct buf *out, const struct model *m, uint64_t since, int64_t now)
{
	json_t *o = json_object();

	put(o, "now", json_integer(now));
	put(o, "all", json_boolean(since == 0));
	put(o, "counts", counts_object(m));
	put(o, "rates", samples_array(m, since == 0));
	put(o, "nodes", nodes_array(m, since, now));
	return dump(out, o);
}

int json_log(struct buf *out, const struct node *n)
{
	return dump(out, fields_log(n, MODEL_LINES));
}

int json_boot(struct buf *out, const struct node *n, enum boot_result result, int64_t now)
{
	json_t *o = json_object();

	put(o, "began", json_integer(n->began));
	put(o, "ended", json_integer(n->ended ? n->ended : now));
	put(o, "result", json_string(boot_result_name(result)));
	put(o, "address", json_string(n->address));
	put(o, "mac", json_string(n->mac));
	put(o, "name", json_string(n->name));
	put(o, "node_id", json_string(n->node_id));
	put(o, "step", json_integer(n->report.step));
	put(o, "step_name", json_string(n->report.name));
	put_times(o, n);
	put(o, "bytes", json_integer(n->measured));
	if (n->code[0])
		put(o, "code", json_string(n->code));
	put(o, "words", json_string(n->words));
	return dump(out, o);
}

/* ---- saved, and read again */

#define SAVED_LINES 25

int json_save(struct buf *out, const struct model *m, int64_t now)
{
	json_t *o = json_object(), *nodes = json_array();

	put(o, "saved", json_integer(now));
	put(o, "next_id", json_integer(m->next_id));
	put(o, "refused", json_integer((json_int_t)m->refused));
	put(o, "damaged", json_integer((json_int_t)m->damaged));
	put(o, "rates", samples_array(m, true));
	for (size_t i = 0; i < m->count; i++) {
		json_t *n = json_object();

		fields_put(n, m->node[i], false);
		put(n, "phase", json_string(phase_name(m->node[i]->phase)));
		put_times(n, m->node[i]);
		put(n, "log", fields_log(m->node[i], SAVED_LINES));
		(void)!json_array_append_new(nodes, n);
	}
	put(o, "nodes", nodes);
	return dump(out, o);
}

static void load_times(struct node *n, const json_t *o)
{
	const json_t *ms = json_object_get(o, "step_ms"), *names = json_object_get(o, "step_names");

	n->report.step_count = (unsigned)MIN(json_array_size(ms), (size_t)EVENT_STEPS);
	for (unsigned i = 0; i < n->report.step_count; i++)
		n->report.step_ms[i] = json_integer_value(json_array_get(ms, i));
	for (size_t i = 0; i < MIN(json_array_size(names), (size_t)EVENT_STEPS); i++) {
		const char *name = json_string_value(json_array_get(names, i));

		(void)str_copy(n->step_name[i], sizeof(n->step_name[i]), name ? name : "");
	}
}

static int load_node(struct model *m, const json_t *o, int64_t saved)
{
	const char *address = json_string_value(json_object_get(o, "address"));
	const char *phase = json_string_value(json_object_get(o, "phase"));
	struct node *n;

	n = model_add(m, address ? address : "", (uint32_t)json_integer_value(json_object_get(o, "id")), saved);
	if (!n)
		return -ENOMEM;
	fields_get(o, n);
	n->phase = phase_named(phase ? phase : "");
	load_times(n, o);
	fields_get_log(json_object_get(o, "log"), n);
	return 0;
}

static void load_samples(struct model *m, const json_t *a)
{
	size_t count = MIN(json_array_size(a), (size_t)MODEL_SAMPLES);

	for (size_t i = 0; i < count; i++)
		m->sample[i] = json_integer_value(json_array_get(a, i));
	m->sample_end = (unsigned)(count % MODEL_SAMPLES);
}

int json_load(struct model *m, const char *text, size_t len, int64_t *saved)
{
	json_t *o = json_loadb(text, len, 0, NULL), *nodes = json_object_get(o, "nodes");
	int err = json_is_array(nodes) ? 0 : -EBADMSG;

	*saved = json_integer_value(json_object_get(o, "saved"));
	m->next_id = MAX(m->next_id, (uint32_t)json_integer_value(json_object_get(o, "next_id")));
	m->refused = (uint64_t)json_integer_value(json_object_get(o, "refused"));
	m->damaged = (uint64_t)json_integer_value(json_object_get(o, "damaged"));
	load_samples(m, json_object_get(o, "rates"));
	for (size_t i = 0; !err && i < json_array_size(nodes); i++)
		err = load_node(m, json_array_get(nodes, i), *saved);
	json_decref(o);
	return err;
}
