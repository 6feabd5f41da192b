/* model.c - events and the time -> what is known of every node: phase, step, bytes, words, trouble. No input, no
 * output. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "server/head/status/model.h"

#include "base/buf.h"
#include "server/head/status/model_internal.h"

#define SAME_BOOT_MS 5000 /* a report's own "since the kernel started" may be off by its way here */
#define OFFERED_MS   60000

void model_open(struct model *m, const struct model_calls *calls, void *owner)
{
	*m = (struct model){ .calls = calls, .owner = owner, .next_id = 1 };
	m->newcomers.left = (int64_t)MODEL_NEW_BURST * 1000;
}

/* ---- who may speak */

static bool allow(struct allowance *a, int64_t now, int64_t rate, int64_t burst)
{
	int64_t passed = now - a->at;

	if (passed > 0)
		a->left = MIN(burst * 1000, a->left + MIN(passed, INT64_C(1000000)) * rate);
	a->at = now; /* a clock that was set back costs nobody his allowance for ever */
	if (a->left < 1000)
		return false;
	a->left -= 1000;
	return true;
}

bool model_admits(struct model *m, const char *address, int64_t now)
{
	struct node *n = model_at(m, address);

	if (!n) {
		if (allow(&m->newcomers, now, MODEL_NEW_RATE, MODEL_NEW_BURST))
			return true;
		m->refused++;
		return false;
	}
	if (allow(&n->allowance, now, MODEL_RATE, MODEL_BURST))
		return true;
	n->dropped++;
	return false;
}

/* ---- boots */

void model_end_boot(struct model *m, struct node *n, enum boot_result result)
{
	if (n->recorded || n->phase == PHASE_NEW || n->phase == PHASE_DHCP)
		return;
	n->recorded = true;
	n->failures += result == BOOT_FAILED;
	m->urgent = true;
	if (m->calls && m->calls->ended)
		m->calls->ended(m, n, result);
}

/* How the boot of N ends when another begins, or when it is heard of no more. */
enum boot_result model_result(const struct node *n)
{
	static const enum boot_result results[PHASES] = {
		[PHASE_NEW] = BOOT_LOST,    [PHASE_DHCP] = BOOT_LOST,     [PHASE_FIRMWARE] = BOOT_LOST,
		[PHASE_STAGE1] = BOOT_LOST, [PHASE_CLONE] = BOOT_LOST,    [PHASE_STARTS] = BOOT_STARTED,
		[PHASE_UP] = BOOT_UP,       [PHASE_FAILED] = BOOT_FAILED,
	};

	return results[n->phase];
}

static void set_phase(struct model *m, struct node *n, enum phase p, int64_t now)
{
	if (n->phase == p)
		return;
	n->phase = p;
	n->since = now;
	n->silent = n->slow = false;
	m->urgent = true;
}

static void begin_boot(struct model *m, struct node *n, enum phase p, int64_t began, int64_t now)
{
	model_end_boot(m, n, model_result(n));
	n->boots++;
	n->began = began;
	n->kernel_began = n->ended = 0;
	n->report = (struct report){ .done = -1, .total = -1, .rate = -1, .up_ms = -1 };
	n->measured = n->measured_at = 0;
	memset(n->step_name, 0, sizeof(n->step_name));
	n->code[0] = n->words[0] = n->suspect[0] = '\0';
	n->recorded = false;
	set_phase(m, n, p, now);
	n->since = now;
}

/* ---- what the head saw */

static bool is_over(enum phase p)
{
	return p == PHASE_UP || p == PHASE_FAILED;
}

/* A node that is up, failed, or was not heard of for long begins anew; in the middle of stage1 a file by tftp or http
 * is its image. */
static bool may_begin(const struct node *n, int64_t now)
{
	return is_over(n->phase) || n->phase == PHASE_NEW || now - n->said > OFFERED_MS;
}

static void take_firmware(struct model *m, struct node *n, const struct event *e, int64_t now)
{
	if (n->phase == PHASE_FIRMWARE || (n->phase == PHASE_DHCP && n->began)) {
		set_phase(m, n, PHASE_FIRMWARE, now);
	} else if (may_begin(n, now)) {
		begin_boot(m, n, PHASE_FIRMWARE, now, now);
	} else {
		return;
	}
	(void)str_copy(n->words, sizeof(n->words), e->words);
}

/* The head's DHCP has the last word on who a machine is. */
static void take_identity(struct node *n, const struct event *e)
{
	if (e->mac[0] && !streq(n->mac, e->mac)) {
		(void)str_copy(n->mac, sizeof(n->mac), e->mac);
		n->suspect[0] = '\0';
	}
	n->mac_known |= e->mac[0] != '\0';
	if (e->name[0]) {
		(void)str_copy(n->name, sizeof(n->name), e->name);
		n->name_known = true;
	}
}

/* Firmware asks more than once; a system that runs may ask, too. */
static void take_discover(struct model *m, struct node *n, int64_t now)
{
	bool asks = n->phase == PHASE_DHCP || n->phase == PHASE_FIRMWARE;

	if (n->phase == PHASE_NEW || n->phase == PHASE_FAILED || (asks && now - n->seen > OFFERED_MS))
		begin_boot(m, n, PHASE_DHCP, now, now);
}

static void take_head(struct model *m, struct node *n, const struct event *e, int64_t now)
{
	switch (e->kind) {
	case EVENT_DISCOVER:
		take_identity(n, e);
		take_discover(m, n, now);
		break;
	case EVENT_LEASE:
		take_identity(n, e);
		if (n->phase == PHASE_NEW)
			begin_boot(m, n, PHASE_DHCP, now, now);
		break;
	case EVENT_HTTP: /* a person's browser may be at any address */
		if (phase_is_on_the_way(n->phase) && e->severity <= 4)
			(void)str_copy(n->words, sizeof(n->words), e->words);
		break;
	default:
		take_firmware(m, n, e, now);
		break;
	}
}

/* ---- what a node says */

/* A node may lie about who it is, but not unseen: WHY gets words where E says that it is somebody else. */
static void doubt(const struct model *m, const struct node *n, const struct event *e, char why[160])
{
	if (e->mac[0] && n->mac_known && !streq(e->mac, n->mac))
		model_doubt(why, "says it is %s; DHCP has %s at this address", e->mac, n->mac);
	for (size_t i = 0; i < m->count && !why[0]; i++) {
		const struct node *o = m->node[i];

		if (o == n || !phase_is_on_the_way(o->phase) || (!o->mac_known && o->suspect[0]))
			continue;
		if (e->mac[0] && streq(o->mac, e->mac))
			model_doubt(why, "says it is %s, as %s does", e->mac, o->address);
		else if (e->name[0] && streq(o->name, e->name))
			model_doubt(why, "calls itself %s, as %s does", e->name, o->address);
	}
}

/* Is E the first one that says so? */
static bool is_news(const struct node *n, const struct event *e)
{
	return (e->mac[0] && !streq(e->mac, n->mac)) || (e->name[0] && !streq(e->name, n->name));
}

static void take_claims(struct node *n, const struct event *e)
{
	if (e->mac[0] && !n->mac_known)
		(void)str_copy(n->mac, sizeof(n->mac), e->mac);
	if (e->name[0] && !n->name_known)
		(void)str_copy(n->name, sizeof(n->name), e->name);
	if (e->node_id[0])
		(void)str_copy(n->node_id, sizeof(n->node_id), e->node_id);
}

/* Does the report belong to the boot that is known, or is it the first one of another? */
static void find_boot(struct model *m, struct node *n, const struct report *r, int64_t now)
{
	int64_t began = r->up_ms >= 0 ? now - r->up_ms : 0;
	bool first = n->phase == PHASE_NEW || n->phase == PHASE_DHCP || n->phase == PHASE_FIRMWARE;
	bool other = n->kernel_began && began &&
		     (began - n->kernel_began > SAME_BOOT_MS || n->kernel_began - began > SAME_BOOT_MS);

	if (first && !n->began) {
		begin_boot(m, n, PHASE_STAGE1, began ? began : now, now);
	} else if (!first && (other || (n->recorded && r->state == REPORT_RUNS && r->step <= 1))) {
		begin_boot(m, n, PHASE_STAGE1, began ? MAX(began, n->seen - SAME_BOOT_MS) : now, now);
	}
	if (began && !n->kernel_began)
		n->kernel_began = began;
}

/* A rate that is not said is found out from report to report. */
static void measure(struct node *n, struct report *r, int64_t now)
{
	if (r->done < 0)
		return;
	if (r->rate < 0 && n->measured_at && now > n->measured_at && r->done >= n->measured)
		r->rate = (r->done - n->measured) * 1000 / (now - n->measured_at);
	n->measured = r->done;
	n->measured_at = now;
}

static enum phase phase_of(const struct report *r)
{
	if (r->state == REPORT_FAILED)
		return PHASE_FAILED;
	if (r->steps && r->step >= r->steps && r->state == REPORT_DONE)
		return r->clone ? PHASE_UP : PHASE_STARTS;
	return r->clone ? PHASE_CLONE : PHASE_STAGE1;
}

/* Steps and their times: what was said before still holds. */
static void take_steps(struct node *n, struct report *r)
{
	if (r->clone != n->report.clone)
		memset(n->step_name, 0, sizeof(n->step_name));
	if (r->clone == n->report.clone && r->step_count < n->report.step_count && r->step > 1) {
		memcpy(r->step_ms, n->report.step_ms, sizeof(r->step_ms));
		r->step_count = n->report.step_count;
	}
	if (r->step >= 1 && r->step <= EVENT_STEPS && r->name[0])
		(void)str_copy(n->step_name[r->step - 1], sizeof(n->step_name[0]), r->name);
	if (streq(n->step_name[1], "network") && !n->step_name[0][0]) /* nothing could be sent before it */
		(void)str_copy(n->step_name[0], sizeof(n->step_name[0]), "devices");
}

static void take_report(struct model *m, struct node *n, const struct event *e, int64_t now)
{
	struct report r = e->report;

	find_boot(m, n, &r, now);
	measure(n, &r, now);
	take_steps(n, &r);
	if (r.step != n->report.step)
		n->since = now;
	n->report = r;
	(void)str_copy(n->code, sizeof(n->code), r.state == REPORT_FAILED ? r.code : "");
	set_phase(m, n, phase_of(&r), now);
	n->ended = is_over(n->phase) ? now : 0;
	if (n->phase == PHASE_UP)
		model_end_boot(m, n, BOOT_UP);
}

static void take_up(struct model *m, struct node *n, const struct event *e, int64_t now)
{
	if (n->phase == PHASE_UP)
		return;
	if (n->phase == PHASE_NEW || (n->phase == PHASE_FAILED && n->recorded))
		begin_boot(m, n, PHASE_UP, e->report.up_ms >= 0 ? now - e->report.up_ms : now, now);
	set_phase(m, n, PHASE_UP, now);
	n->code[0] = '\0';
	n->ended = now;
	model_end_boot(m, n, BOOT_UP);
}

/* What is said each second, while bytes come or something is waited for, is no line of the log. */
static bool is_progress(const struct event *e)
{
	return e->kind == EVENT_REPORT && e->report.state == REPORT_RUNS;
}

/* What stands there of a failure is not pushed out by the lines that follow it. */
static void take_words(struct node *n, const struct event *e, int64_t now)
{
	bool kept = n->phase == PHASE_FAILED && e->kind != EVENT_REPORT && n->words[0];

	if (e->words[0] && !kept && (!is_progress(e) || e->report.done < 0))
		text_clean(n->words, sizeof(n->words),
			   (struct span){ e->words + strspn(e->words, " "), strlen(e->words) - strspn(e->words, " ") });
	if (e->words[0] && !is_progress(e))
		model_add_line(n, now, e->severity, e->words);
}

static void take_said(struct model *m, struct node *n, const struct event *e, int64_t now)
{
	char why[160] = "";

	n->said = now;
	n->lines++;
	n->silent = false;
	if (is_news(n, e))
		doubt(m, n, e, why);
	take_claims(n, e);
	if (e->kind == EVENT_REPORT)
		take_report(m, n, e, now);
	else if (e->kind == EVENT_UP)
		take_up(m, n, e, now);
	if (why[0]) /* of this boot */
		(void)str_copy(n->suspect, sizeof(n->suspect), why);
	take_words(n, e, now);
}

static bool is_said(enum event_kind k)
{
	return k == EVENT_WORDS || k == EVENT_REPORT || k == EVENT_UP;
}

void model_event(struct model *m, const struct event *e, int64_t now)
{
	struct node *n = model_find(m, e, now);

	if (!n)
		return;
	if (is_said(e->kind))
		take_said(m, n, e, now);
	else
		take_head(m, n, e, now);
	n->seen = now;
	model_touch(m, n);
}

/* ---- the chain */

void model_chain_begin(struct model *m)
{
	for (size_t i = 0; i < m->count; i++) {
		struct node *n = m->node[i];

		if (n->parent[0])
			model_touch(m, n);
		n->parent[0] = n->chain_state[0] = '\0';
	}
}

void model_chain(struct model *m, const char *address, const char *parent, const char *state, int64_t bytes,
		 int64_t size, int64_t rate, int64_t now)
{
	struct node *n = model_at(m, address);

	if (!n)
		n = model_add(m, address, 0, now);
	if (!n)
		return;
	text_clean(n->parent, sizeof(n->parent), span_of(parent));
	text_clean(n->chain_state, sizeof(n->chain_state), span_of(state));
	n->chain_bytes = bytes;
	n->chain_size = size;
	n->chain_rate = rate;
	model_touch(m, n);
}
