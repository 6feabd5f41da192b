/* policy.c - a failed boot -> a countdown, then reboot or power off; a key press -> the shell, then another try. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/policy.h"

#include "base/clock.h"
#include "options/advice.h"
#include "stage1/keyboards.h"
#include "stage1/shell.h"
#include "stage1/system.h"

#include <limits.h>
#include <poll.h>

#define COUNTDOWN_S 30
#define NO_SHELL_MS 5000 /* so that it can be read, and a boot that fails at once does not spin */

enum policy policy_of(const struct options *o)
{
	static const char *const names[] = {
		[POLICY_REBOOT] = "reboot",
		[POLICY_POWEROFF] = "poweroff",
		[POLICY_SHELL] = "shell",
		[POLICY_ASK] = "ask",
	};
	const char *asked = o->value[KEY_ONFAIL];

	for (size_t i = 0; asked && i < ARRAY_SIZE(names); i++)
		if (streq(asked, names[i]))
			return (enum policy)i;
	/* without automatic= somebody chose to be asked */
	return o->automatic || asked ? POLICY_REBOOT : POLICY_ASK;
}

/* The installer is the root by now, so there is nothing to try again; but what it left may be wanted. */
static _Noreturn void keep_evidence(struct screen *s)
{
	int status;

	if (shell_run(s, -1, "reboots"))
		system_leave(false);
	screen_say(s, "The machine stays as it is; switch it off, or press Ctrl-Alt-Del to reboot.");
	for (;;) /* process 1 still has children to bury */
		(void)system_wait_child(0, &status, now_ms() + INT_MAX);
}

void policy_apply(const struct options *o, struct screen *s, const struct failure *f)
{
	bool installer = f->id == FAIL_ROOT_INSTALLER;
	enum policy policy = policy_of(o);
	cleanup_buf struct buf advice = { 0 };
	int console = -1;

	if (f->id == FAIL_CMD_UNATTENDED && policy == POLICY_ASK)
		policy = POLICY_REBOOT;
	if (installer && (policy == POLICY_ASK || !o->value[KEY_ONFAIL]))
		policy = POLICY_SHELL; /* as the original: no reboot over the evidence */

	advice_words(&advice, f->id, o, ADVICE_NODE);
	screen_failure(s, f, buf_cstr(&advice));
	if (policy != POLICY_ASK) /* who asks looks for them anyway */
		keyboards_find(o);
	switch (policy) {
	case POLICY_REBOOT:
	case POLICY_POWEROFF:
		console = screen_countdown(s, policy == POLICY_REBOOT ? "Rebooting" : "Powering off", COUNTDOWN_S);
		if (console < 0) {
			screen_close(s); /* everything is written before the machine goes */
			system_leave(policy == POLICY_POWEROFF);
		}
		break;
	case POLICY_ASK: /* the next try asks */
		return;
	case POLICY_SHELL:
		break;
	}
	if (installer)
		keep_evidence(s);
	if (!shell_run(s, console, "tries the boot again"))
		poll(NULL, 0, NO_SHELL_MS);
}
