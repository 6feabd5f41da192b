/* version.h - the one place that says which version this is. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_VERSION_H
#define BASE_VERSION_H

#define STAGE1_VERSION "0.1"

/* The day of its release, in seconds since 1970: 2026-11-23. Where a clock stands before it, it is wrong. */
#define STAGE1_RELEASED INT64_C(1795392000)

#endif
