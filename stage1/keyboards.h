/* keyboards.h - options -> the drivers of keyboards, when somebody may want to press a key. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_KEYBOARDS_H
#define STAGE1_KEYBOARDS_H

#include "options/options.h"

/* Loads the drivers of keyboards, USB ones included, unless O says noauto. Takes some seconds at the most. */
void keyboards_find(const struct options *o);

#endif
