/* json_fields.c - the plain fields of a node <-> members of a JSON object, by one table. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/status/json_fields.h"

#include "base/buf.h"

enum field_kind { TEXT, NUMBER64, NUMBER32, FLAG };

#define FIELD(member, kind, everybody)                                                                                 \
	{                                                                                                              \
#member, kind, everybody, offsetof(struct node, member), sizeof(((struct node *)0)->member)            \
	}
#define REPORT(member, everybody)                                                                                      \
	{                                                                                                              \
#member, NUMBER64, everybody, offsetof(struct node, report.member), sizeof(int64_t)                    \
	}

static const struct field {
	const char *name;
	enum field_kind kind;
	bool everybody; /* in /api, too; else only where it is saved */
	size_t offset, size;
} fields[] = {
	FIELD(id, NUMBER32, true),
	FIELD(address, TEXT, true),
	FIELD(mac, TEXT, true),
	FIELD(mac_known, FLAG, true),
	FIELD(name, TEXT, true),
	FIELD(name_known, FLAG, false),
	FIELD(node_id, TEXT, true),
	FIELD(began, NUMBER64, true),
	FIELD(kernel_began, NUMBER64, false),
	FIELD(seen, NUMBER64, true),
	FIELD(said, NUMBER64, true),
	FIELD(since, NUMBER64, true),
	FIELD(ended, NUMBER64, true),
	FIELD(measured, NUMBER64, false),
	FIELD(measured_at, NUMBER64, false),
	FIELD(code, TEXT, true),
	FIELD(words, TEXT, true),
	FIELD(recorded, FLAG, false),
	FIELD(silent, FLAG, true),
	FIELD(slow, FLAG, true),
	FIELD(suspect, TEXT, true),
	FIELD(boots, NUMBER32, true),
	FIELD(failures, NUMBER32, true),
	FIELD(lines, NUMBER64, true),
	FIELD(dropped, NUMBER64, true),
	FIELD(parent, TEXT, true),
	FIELD(chain_state, TEXT, true),
	FIELD(chain_bytes, NUMBER64, true),
	FIELD(chain_rate, NUMBER64, false),
	FIELD(chain_size, NUMBER64, true),
	REPORT(step, true),
	REPORT(steps, true),
	REPORT(done, true),
	REPORT(total, true),
	REPORT(up_ms, false),
	{ "step_name", TEXT, false, offsetof(struct node, report.name), sizeof(((struct node *)0)->report.name) },
	{ "step_rate", NUMBER64, false, offsetof(struct node, report.rate), sizeof(int64_t) },
	{ "step_state", NUMBER32, false, offsetof(struct node, report.state), sizeof(enum report_state) },
	{ "clone", FLAG, true, offsetof(struct node, report.clone), sizeof(bool) },
};

static json_t *field_value(const struct field *f, const char *at)
{
	switch (f->kind) {
	case TEXT:
		return json_string(at);
	case NUMBER64:
		return json_integer(*(const int64_t *)(const void *)at);
	case NUMBER32:
		return json_integer(*(const uint32_t *)(const void *)at);
	default:
		return json_boolean(*(const bool *)at);
	}
}

void fields_put(json_t *object, const struct node *n, bool for_everybody)
{
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		json_t *v = fields[i].everybody || !for_everybody
				    ? field_value(&fields[i], (const char *)n + fields[i].offset)
				    : NULL;

		if (v)
			(void)!json_object_set_new(object, fields[i].name, v);
	}
}

static void set_field(const struct field *f, char *at, const json_t *v)
{
	if (f->kind == TEXT && json_is_string(v))
		text_clean(at, f->size, span_of(json_string_value(v)));
	else if (f->kind == NUMBER64 && json_is_integer(v))
		*(int64_t *)(void *)at = json_integer_value(v);
	else if (f->kind == NUMBER32 && json_is_integer(v))
		*(uint32_t *)(void *)at = (uint32_t)json_integer_value(v);
	else if (f->kind == FLAG && json_is_boolean(v))
		*(bool *)at = json_is_true(v);
}

/* The number and the address are those under which the node was added. */
void fields_get(const json_t *object, struct node *n)
{
	for (size_t i = 2; i < ARRAY_SIZE(fields); i++)
		set_field(&fields[i], (char *)n + fields[i].offset, json_object_get(object, fields[i].name));
}

/* ---- the log */

json_t *fields_log(const struct node *n, unsigned most)
{
	unsigned count = MIN(n->log_count, most);
	json_t *a = json_array();

	for (unsigned i = 0; i < count; i++) {
		const struct log_line *l = &n->log[(n->log_end + MODEL_LINES - count + i) % MODEL_LINES];

		(void)!json_array_append_new(
			a, json_pack("[I,i,s]", (json_int_t)l->at, (int)l->severity, l->text ? l->text : ""));
	}
	return a;
}

void fields_get_log(const json_t *array, struct node *n)
{
	for (size_t i = 0; i < json_array_size(array); i++) {
		const json_t *line = json_array_get(array, i);
		const char *text = json_string_value(json_array_get(line, 2));

		if (text)
			model_add_line(n, json_integer_value(json_array_get(line, 0)),
				       (unsigned)json_integer_value(json_array_get(line, 1)), text);
	}
}
