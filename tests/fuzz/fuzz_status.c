/* fuzz_status.c - any bytes as a syslog message, a line of a log, a chain, a saved state: no crash, and only clean text
 * comes out. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/status/history.h"
#include "server/head/status/json.h"
#include "server/head/status/state.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_text(const char *text, size_t room)
{
	char again[512];

	assert(strnlen(text, room) < room);
	text_clean(again, sizeof(again), span_of(text));
	assert(strcmp(text, again) == 0);
}

static void check_event(struct model *m, const struct event *e)
{
	check_text(e->words, sizeof(e->words));
	check_text(e->name, sizeof(e->name));
	check_text(e->node_id, sizeof(e->node_id));
	check_text(e->report.name, sizeof(e->report.name));
	assert(e->report.step_count <= EVENT_STEPS && e->kind < EVENT_KINDS);
	model_event(m, e, INT64_C(1800000000000));
}

/* Everything that is made of it is JSON that can be read again. */
static void check_saved(struct model *m)
{
	cleanup_buf struct buf saved = { 0 }, shown = { 0 };
	struct model copy;
	int64_t when;

	model_tick(m, INT64_C(1800000100000));
	assert(json_model(&shown, m, 1, 1) == 0 && json_save(&saved, m, 1) == 0);
	model_open(&copy, NULL, NULL);
	assert(json_load(&copy, saved.data, saved.len, &when) == 0 && copy.count == m->count);
	model_close(&copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	struct history h = { 0 };
	struct model m, loaded;
	struct event e;
	int64_t when;

	model_open(&m, NULL, NULL);
	if (event_of_datagram(&e, "10.0.0.1", text, size) == 0)
		check_event(&m, &e);
	if (event_of_dnsmasq(&e, text, size) == 0)
		check_event(&m, &e);
	if (event_of_nginx(&e, text, size) == 0)
		check_event(&m, &e);
	chain_take(&m, text, size, 0);
	check_saved(&m);
	model_close(&m);
	model_open(&loaded, NULL, NULL);
	(void)!json_load(&loaded, text, size, &when);
	model_close(&loaded);
	(void)!history_add(&h, text, size);
	history_free(&h);
	return 0;
}
