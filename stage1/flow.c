/* flow.c - options -> devices -> network -> method -> image -> root -> init: the whole boot as one table of steps. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/flow.h"

#include "base/clock.h"
#include "base/log.h"
#include "stage1/ask.h"
#include "stage1/questions.h"
#include "stage1/steps.h"

/* ---- the screen as the parts' watch */

static void on_note(struct watch *w, const char *line)
{
	log_info("%s", line);
	screen_note(((struct flow *)w)->screen, line);
}

static void on_waiting(struct watch *w, const char *why, int64_t deadline)
{
	screen_waiting(((struct flow *)w)->screen, why, deadline);
}

static void on_progress(struct watch *w, int64_t done, int64_t total)
{
	screen_progress(((struct flow *)w)->screen, done, total);
}

int flow_load_module(void *ctx, const char *name)
{
	return probe_module(ctx, name, NULL);
}

/* ---- the table */

static const struct step {
	const char *name;
	int (*run)(struct flow *f);
} steps[] = {
	{ "devices", step_devices },
	{ "network", step_network },
	{ "method", step_method },
	{ "image", step_image },
	{ "root", step_root },
	{ "init", step_init },
};

/* ---- a person's part */

/* ERR of a question, in words where it ends the run. */
static int question_ended(struct flow *f, int err)
{
	if (err == -ETIMEDOUT)
		return fail(&f->result->failure, FAIL_CMD_UNATTENDED, err, "no key was pressed for some minutes");
	if (err < 0)
		return fail(&f->result->failure, FAIL_SYS_INTERNAL, err, "asking: %s", err_text(err));
	return err;
}

/* What was answered outlives this process, so that the next try begins with it. */
static void keep_answers(struct flow *f)
{
	cleanup_buf struct buf text = { 0 };

	for (size_t i = 0; i < KEY_COUNT; i++)
		if (f->options->value[i])
			buf_printf(&text, "%s\t%s\n", key_table[i].name, f->options->value[i]);
	if (str_copy(f->result->answers, sizeof(f->result->answers), buf_cstr(&text)))
		f->result->answers[0] = '\0';
}

/* Method, drivers, details; back from the details to the method. */
static int ask_person(struct flow *f)
{
	int err;

	screen_keys(f->screen, true);
	do {
		err = questions_method(f->options, f->screen);
		f->method = err ? NULL : method_find(f->options->value[KEY_METHOD]);
		if (!err)
			err = step_devices(f);
		if (!err)
			err = questions_details(f->options, f->screen);
	} while (err == ASK_BACK);
	screen_keys(f->screen, false);
	if (!err)
		keep_answers(f);
	return f->result->failure.id ? f->result->failure.err : question_ended(f, err);
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
	if (f->method)
		return method_check(f->method, f->options, &f->result->failure);
	for (size_t i = 0; methods[i]; i++)
		buf_printf(&known, " %s", methods[i]->name);
	return fail(&f->result->failure, FAIL_CMD_BAD_METHOD, -EINVAL, "method:%s; known:%s", name, buf_cstr(&known));
}

int flow_run(struct options *o, struct screen *s, bool ask, struct flow_result *result)
{
	struct flow f = {
		.watch = { .note = on_note, .waiting = on_waiting, .progress = on_progress },
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

		result->step = i;
		screen_step(s, i + 1, ARRAY_SIZE(steps), steps[i].name);
		err = steps[i].run(&f);
		result->step_ms[i] = now_ms() - began;
		screen_step_done(s, !err);
		log_info("step %s %s after %lld ms", steps[i].name, err ? "failed" : "done",
			 (long long)result->step_ms[i]);
	}
	return err;
}
