/* flow.c - options -> devices -> network -> method -> image -> root -> init: the whole boot as one table of steps. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/flow.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/card.h"
#include "stage1/journal.h"
#include "stage1/keyboards.h"
#include "stage1/questions.h"
#include "stage1/steps.h"

/* A sign of life at the time NOW. Where there is a guard, it lasts that much longer. */
static void stay_alive(struct flow *f, int64_t now)
{
	if (f->silence_ms)
		__atomic_store_n(&f->result->alive_until, now + f->silence_ms, __ATOMIC_RELAXED);
}

void flow_guard(struct flow *f, int64_t ms, enum fail_id id, const char *what)
{
	(void)str_copy(f->result->waits_for, sizeof(f->result->waits_for), what);
	f->result->silent = id;
	f->silence_ms = ms;
	stay_alive(f, now_ms());
}

void flow_unguard(struct flow *f)
{
	f->silence_ms = 0;
	__atomic_store_n(&f->result->alive_until, 0, __ATOMIC_RELAXED);
}

/* ---- what the head node hears of it (doc/status.md) */

#define REPORT_MS 1000

/* How the step stands, and how many bytes are there (-1: not known). */
static void report(struct flow *f, const char *state, int64_t done, int64_t total, const char *text)
{
	const struct flow_result *r = f->result;
	const char *id = f->options->node_id, *blank = "";
	cleanup_buf struct buf data = { 0 };
	char mac[MAC_TEXT_SIZE];

	f->reported_ms = now_ms();
	buf_printf(&data,
		   "[stage1@32473 step=\"%u\" steps=\"%u\" name=\"%s\" state=\"%s\" done=\"%lld\" total=\"%lld\" "
		   "code=\"%s\" mac=\"%s\" node=\"%s\" up=\"%lld\" ms=\"",
		   r->step + 1, STEP_MAX, f->step_name, state, (long long)done, (long long)total,
		   fail_code(r->failure.id), mac_text(f->network.mac, mac), id && !strpbrk(id, "\"\\]") ? id : "",
		   (long long)f->reported_ms);
	for (unsigned i = 0; i < r->step + (*state != 'r'); i++, blank = " ")
		buf_printf(&data, "%s%lld", blank, (long long)r->step_ms[i]);
	buf_str(&data, "\"]");
	journal_tell(*state == 'f' ? LOG_LEVEL_ERROR : LOG_LEVEL_INFO, buf_cstr(&data), text);
}

/* The words are the screen's. */
static void report_each_second(struct flow *f, int64_t done, int64_t total)
{
	if (now_ms() - f->reported_ms >= REPORT_MS)
		report(f, "runs", done, total, buf_cstr(&f->screen->bottom));
}

static void on_note(struct watch *w, const char *line)
{
	stay_alive((struct flow *)w, now_ms());
	log_info("%s", line);
	screen_note(((struct flow *)w)->screen, line);
}

static void on_waiting(struct watch *w, const char *why, int64_t deadline)
{
	stay_alive((struct flow *)w, MAX(deadline, now_ms())); /* who waits in words ends by itself */
	screen_waiting(((struct flow *)w)->screen, why, deadline);
	report_each_second((struct flow *)w, -1, -1);
}

static void on_progress(struct watch *w, int64_t done, int64_t total)
{
	stay_alive((struct flow *)w, now_ms());
	screen_progress(((struct flow *)w)->screen, done, total);
	report_each_second((struct flow *)w, done, total);
}

static void on_reads(struct watch *w, const char *what)
{
	struct flow *f = (struct flow *)w;

	(void)str_copy(f->result->waits_for, sizeof(f->result->waits_for), what);
	stay_alive(f, now_ms());
}

int flow_load_module(void *ctx, const char *name)
{
	return probe_module(ctx, name, NULL);
}

/* ---- the table */

static const struct step {
	const char *name;
	int (*run)(struct flow *f);        /* for a root */
	int (*run_kernel)(struct flow *f); /* where kernel: is given */
} steps[] = {
	{ "devices", step_devices, step_devices }, { "network", step_network, step_network },
	{ "method", step_method, kernel_method },  { "image", step_image, kernel_image },
	{ "root", step_root, kernel_root },        { "init", step_init, kernel_init },
};

/* ---- a person's part */

/* What was answered outlives this process, so that the next try begins with it. */
static void keep_answers(struct flow *f)
{
	cleanup_buf struct buf text = { 0 };

	for (size_t i = 0; i < KEY_COUNT; i++)
		buf_printf(&text, "%s\t%s\n", key_table[i].name, f->options->value[i] ? f->options->value[i] : "");
	if (str_copy(f->result->answers, sizeof(f->result->answers), buf_cstr(&text)))
		f->result->answers[0] = '\0';
}

/* Method, drivers, details; back from the details to the method. 0 or ASK_BACK or -errno. */
static int ask_all(struct flow *f, struct asked *a)
{
	int err;

	do {
		err = questions_method(f->options, a);
		f->method = err ? NULL : method_find(f->options->value[KEY_METHOD]);
		if (!err)
			err = step_devices(f);
		a->probe = f->probe;
		if (!err)
			err = questions_details(f->options, a);
	} while (err == ASK_BACK);
	return err;
}

static int ask_person(struct flow *f)
{
	struct failure *failure = &f->result->failure;
	struct asked a = { .screen = f->screen, .sysfs = "/sys" };
	struct failure bad;
	int64_t idle_s;
	int err = options_number(f->options, KEY_ASK_TIMEOUT, 1, 86400, ASK_IDLE_S, &idle_s, &bad);

	if (err) /* to fail here would lead here again */
		screen_say(f->screen, "%s; %d it is.", bad.detail, ASK_IDLE_S);
	a.idle_ms = idle_s * 1000;
	keyboards_find(f->options);
	screen_keys(f->screen, true);
	err = ask_all(f, &a);
	screen_keys(f->screen, false);
	if (!err)
		keep_answers(f);
	if (err == -ETIMEDOUT && !failure->id)
		return fail(failure, FAIL_CMD_UNATTENDED, err, "no key was pressed for %lld s", (long long)idle_s);
	if (err && !failure->id)
		return fail(failure, FAIL_SYS_INTERNAL, err, "asking: %s", err_text(err));
	return err;
}

/* What can be said before anything is touched. */
static int check_options(struct flow *f)
{
	const char *name = f->options->value[KEY_METHOD];
	cleanup_buf struct buf known = { 0 };

	if (!name)
		return fail(&f->result->failure, FAIL_CMD_NO_METHOD, -EINVAL,
			    f->options->automatic ? "automatic= has no method:" : "there is no automatic=");
	f->method = method_find(name);
	if (f->method) {
		int err = method_check(f->method, f->options, &f->result->failure);

		return err ? err : plan_make(f->options, f->method, &f->plan, &f->result->failure);
	}
	for (size_t i = 0; methods[i]; i++)
		buf_printf(&known, " %s", methods[i]->name);
	return fail(&f->result->failure, FAIL_CMD_BAD_METHOD, -EINVAL, "method:%s; known:%s", name, buf_cstr(&known));
}

/* What fails once the image is there knows its bytes, not its name; a kernel is named where it is fetched. */
static void name_image(const struct flow *f)
{
	if (!f->plan.kernel)
		fail_name_image(&f->result->failure, f->found.kind ? f->found.words : f->origin.words);
}

int flow_run(struct options *o, struct screen *s, bool ask, struct flow_result *result)
{
	struct flow f = {
		.watch = { .note = on_note, .waiting = on_waiting, .progress = on_progress, .reads = on_reads },
		.screen = s,
		.options = o,
		.result = result,
		.store = { .fd = -1 },
	};
	int err = ask ? ask_person(&f) : 0;

	if (!err)
		err = check_options(&f);

	for (unsigned i = 0; !err && i < ARRAY_SIZE(steps); i++) {
		int64_t began = now_ms();

		stay_alive(&f, now_ms());
		result->step = i;
		f.step_name = steps[i].name;
		screen_step(s, i + 1, ARRAY_SIZE(steps), steps[i].name);
		report(&f, "runs", -1, -1, "");
		err = f.plan.kernel ? steps[i].run_kernel(&f) : steps[i].run(&f);
		if (err)
			name_image(&f);
		result->step_ms[i] = now_ms() - began;
		screen_step_done(s, !err);
		log_info("step %s %s after %lld ms", steps[i].name, err ? "failed" : "done",
			 (long long)result->step_ms[i]);
		report(&f, err ? "failed" : "done", -1, -1, result->failure.detail);
	}
	return err;
}
