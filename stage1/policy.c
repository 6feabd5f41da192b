/* policy.c - a failed boot -> a countdown, then reboot or power off; a key press -> the shell, then another try. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/policy.h"

#include "base/clock.h"
#include "base/log.h"
#include "probe/probe.h"
#include "stage1/shell.h"
#include "stage1/system.h"

#include <unistd.h>

#define COUNTDOWN_S 30
#define INPUT_MS    10000 /* for a USB keyboard to be found */

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
	if (asked)
		log_warn("onfail:%s is none of ask, shell, reboot, poweroff; reboot it is", asked);
	/* without automatic= somebody chose to be asked */
	return o->automatic || asked ? POLICY_REBOOT : POLICY_ASK;
}

/* Keyboards are looked for only now, when somebody may want to press a key. In a child: a driver that hangs must not
 * hang PID 1. */
static void find_keyboards(const struct options *o)
{
	int status;
	pid_t pid = o->noauto ? -1 : fork();

	if (pid == 0) {
		struct probe *p;
		struct failure f;

		if (probe_open(&p, o, NULL, NULL, &f) == 0)
			(void)!probe_load(p, PROBE_USB | PROBE_INPUT, now_ms() + INPUT_MS);
		_exit(0);
	}
	if (pid > 0)
		(void)system_wait_child(pid, &status, now_ms() + INPUT_MS);
}

void policy_apply(const struct options *o, struct screen *s, const struct failure *f)
{
	enum policy policy = policy_of(o);
	int console = -1;

	if (f->id == FAIL_CMD_UNATTENDED)
		policy = POLICY_REBOOT;
	if (f->id == FAIL_ROOT_INSTALLER && !o->value[KEY_ONFAIL])
		policy = POLICY_SHELL; /* as the original: no reboot over the evidence */

	screen_failure(s, f);
	find_keyboards(o);
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
	shell_run(s, console);
}
