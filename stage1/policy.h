/* policy.h - a failed boot -> what a person or nobody at the console wants next. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_POLICY_H
#define STAGE1_POLICY_H

#include "stage1/screen.h"
#include "options/options.h"

/* onfail:, and what stands for it when it is silent. */
enum policy { POLICY_REBOOT, POLICY_POWEROFF, POLICY_SHELL, POLICY_ASK };

/* What O says; an unknown word, which options_parse warns of, is POLICY_REBOOT. */
enum policy policy_of(const struct options *o);

/* Shows the failure and carries the policy out. Returns when the boot is to be tried again (a shell was left, or a
 * person is to be asked); otherwise the machine reboots or powers off. */
void policy_apply(const struct options *o, struct screen *s, const struct failure *f);

#endif
