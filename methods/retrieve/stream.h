/* stream.h - a connection to a server -> bytes read and written, every wait with its deadline, stoppable by a
 * person. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_RETRIEVE_STREAM_H
#define METHODS_RETRIEVE_STREAM_H

#include "base/failure.h"
#include "base/watch.h"

#include <sys/types.h>

/* One connection. The descriptor is non-blocking and owned. */
struct stream {
	int fd;              /* -1: none */
	struct watch *watch; /* may be NULL; its owner may stop every wait */
};

/* Waits until the descriptor is ready for EVENTS. 0, -ETIMEDOUT, -ECANCELED or -errno. */
int stream_wait(struct stream *s, short events, int64_t deadline) must_check;

/* Reads what is there, at least one byte: their number, 0 at the end, -ETIMEDOUT, -ECANCELED or -errno. */
ssize_t stream_read(struct stream *s, void *space, size_t room, int64_t deadline) must_check;

/* Writes all LEN bytes. 0, -ETIMEDOUT, -ECANCELED or -errno. */
int stream_write(struct stream *s, const void *bytes, size_t len, int64_t deadline) must_check;

void stream_close(struct stream *s);

#endif
