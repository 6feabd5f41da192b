/* metrics.c - the model -> text that Prometheus reads (its exposition format 0.0.4). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/status/json.h"
#include "server/head/status/web.h"

/* A label's value: three characters are escaped. */
static void add_label(struct buf *out, const char *name, const char *value)
{
	buf_printf(out, "%s=\"", name);
	for (const char *p = value; *p; p++) {
		if (*p == '\\' || *p == '"')
			buf_char(out, '\\');
		buf_char(out, *p);
	}
	buf_char(out, '"');
}

static void add_head(struct buf *out, const char *name, const char *type, const char *words)
{
	buf_printf(out, "# HELP %s %s\n# TYPE %s %s\n", name, words, name, type);
}

static void add_one(struct buf *out, const char *name, const char *type, const char *words, int64_t value)
{
	add_head(out, name, type, words);
	buf_printf(out, "%s %lld\n", name, (long long)value);
}

/* NAME{address="...",name="..."} VALUE. */
static void add_of_node(struct buf *out, const char *name, const struct node *n, int64_t value)
{
	buf_printf(out, "%s{", name);
	add_label(out, "address", n->address);
	buf_char(out, ',');
	add_label(out, "name", n->name);
	buf_printf(out, "} %lld\n", (long long)value);
}

static void add_nodes(struct buf *out, const struct model *m)
{
	add_head(out, "stage1_node_up", "gauge", "1 where the node said that its system is up.");
	for (size_t i = 0; i < m->count; i++)
		add_of_node(out, "stage1_node_up", m->node[i], m->node[i]->phase == PHASE_UP);
	add_head(out, "stage1_node_failed", "gauge", "1 where the node's boot failed.");
	for (size_t i = 0; i < m->count; i++)
		add_of_node(out, "stage1_node_failed", m->node[i], m->node[i]->phase == PHASE_FAILED);
	add_head(out, "stage1_node_boots_total", "counter", "Boots of the node that were seen.");
	for (size_t i = 0; i < m->count; i++)
		add_of_node(out, "stage1_node_boots_total", m->node[i], m->node[i]->boots);
	add_head(out, "stage1_node_failures_total", "counter", "Those of them that failed.");
	for (size_t i = 0; i < m->count; i++)
		add_of_node(out, "stage1_node_failures_total", m->node[i], m->node[i]->failures);
}

void web_metrics(struct buf *out, const struct model *m)
{
	struct counts c = count_nodes(m);

	add_head(out, "stage1_nodes", "gauge", "Nodes in each phase.");
	for (size_t i = 0; i < PHASES; i++)
		buf_printf(out, "stage1_nodes{phase=\"%s\"} %u\n", phase_name((enum phase)i), c.phase[i]);
	add_one(out, "stage1_nodes_silent", "gauge", "Nodes that are on the way and say nothing.", c.silent);
	add_one(out, "stage1_nodes_slow", "gauge", "Nodes that fetch at less than half of the median.", c.slow);
	add_one(out, "stage1_nodes_doubtful", "gauge", "Nodes that say they are somebody else.", c.suspect);
	add_one(out, "stage1_rate_bytes", "gauge", "Bytes a second that all nodes fetch.", c.rate);
	add_one(out, "stage1_refused_messages_total", "counter", "Messages of unknown addresses that were too many.",
		(int64_t)m->refused);
	add_one(out, "stage1_damaged_messages_total", "counter", "Datagrams that were no messages.",
		(int64_t)m->damaged);
	add_nodes(out, m);
}
