/* watch.h - what the working code has to say while it works -> whoever shows it (console, shell, test). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BASE_WATCH_H
#define BASE_WATCH_H

#include "base/base.h"

/* The working code's only way to a person. All calls may be NULL-safe through the watch_* helpers. */
struct watch {
	/* A fact worth a line of its own: "eth0 Intel 82540EM, link 1000 Mb/s". */
	void (*note)(struct watch *w, const char *line);
	/* Why nothing seems to happen, and until when at the most: "eth0: waiting for the port to forward".
	 * DEADLINE is of now_ms(). May be called often; the text replaces the one before. */
	void (*waiting)(struct watch *w, const char *why, int64_t deadline);
	/* DONE of TOTAL bytes are there; TOTAL is -1 while unknown. May be called for every block. */
	void (*progress)(struct watch *w, int64_t done, int64_t total);
	/* From here on WHAT is read ("vda"), which may hang without an end: a disk that does not answer holds up its
	 * reader in the kernel. */
	void (*reads)(struct watch *w, const char *what);
	/* True when a person or a signal asks to stop: the work returns -ECANCELED soon. */
	bool (*cancelled)(struct watch *w);
};

/* Each does nothing where W or its call is NULL. */
void watch_note(struct watch *w, const char *fmt, ...) printf_like(2, 3);
void watch_waiting(struct watch *w, int64_t deadline, const char *fmt, ...) printf_like(3, 4);
void watch_progress(struct watch *w, int64_t done, int64_t total);
void watch_reads(struct watch *w, const char *what);
bool watch_cancelled(struct watch *w);

#endif
