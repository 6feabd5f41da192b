/* log.h - one line of words -> every log: kernel log, file, console 3, and whatever else was added. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/base.h"

/* Levels are those of syslog (RFC 5424, section 6.2.1). */
enum log_level { LOG_LEVEL_ERROR = 3, LOG_LEVEL_WARN = 4, LOG_LEVEL_INFO = 6, LOG_LEVEL_DEBUG = 7 };

/* Gets each finished line, without line end. LINE is valid during the call only. */
typedef void log_sink_fn(void *ctx, enum log_level level, const char *line);

/* Adds a place where lines go. Before the first one, lines are kept (up to 64 KiB) and given to it. 0 or -ENOMEM. */
int log_add_sink(log_sink_fn *fn, void *ctx);

/* Writes one line. No secrets: a password never reaches a call of this. */
void log_line(enum log_level level, const char *fmt, ...) printf_like(2, 3);

#define log_error(...) log_line(LOG_LEVEL_ERROR, __VA_ARGS__)
#define log_warn(...)  log_line(LOG_LEVEL_WARN, __VA_ARGS__)
#define log_info(...)  log_line(LOG_LEVEL_INFO, __VA_ARGS__)
#define log_debug(...) log_line(LOG_LEVEL_DEBUG, __VA_ARGS__)

#endif
