/* keyboards.c - options -> the drivers of keyboards, when somebody may want to press a key. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "stage1/keyboards.h"

#include "base/clock.h"
#include "probe/probe.h"
#include "stage1/system.h"

#include <unistd.h>

#define INPUT_MS 10000 /* for a USB keyboard to be found */

/* In a child: a driver that hangs must not hang who waits for a key. */
void keyboards_find(const struct options *o)
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
