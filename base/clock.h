/* clock.h - the monotonic clock -> milliseconds and deadlines. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/base.h"

/* Milliseconds of CLOCK_MONOTONIC. As PID 1 of a fresh boot: milliseconds since the kernel started. */
int64_t now_ms(void);

/* Milliseconds from now to DEADLINE (of now_ms), as poll(2) wants them: at least 0, at most INT_MAX. */
int ms_left(int64_t deadline);

/* Waits until FD is ready for EVENTS (POLLIN, POLLOUT) or DEADLINE has passed. 0, -ETIMEDOUT or -errno. */
int wait_fd(int fd, short events, int64_t deadline) must_check;

#endif
