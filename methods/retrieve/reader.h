/* reader.h - a file that has to be mounted first -> the sink, or where it lies, by a child that may hang without
 * harm. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_RETRIEVE_READER_H
#define METHODS_RETRIEVE_READER_H

#include "methods/retrieve/retrieve.h"

/* Runs in the child, where mounts are its own: mounts what it must and opens the file for reading. Nothing needs to be
 * taken back: mounts end with the child. The descriptor, or -errno with F filled. */
typedef int reader_open_fn(void *ctx, struct failure *f);

/* One try to bring the file that OPEN_FILE(CTX) opens from AT into T, as struct protocol's get; WHAT names it. A
 * mount(2) or read(2) may hang for ever in the kernel when a server is silent (NFS 4 does); here a child hangs, and
 * after T->timeout_ms (OPEN_MS until the file is open) it is killed. 0, or -errno with F filled. */
int reader_get(struct transfer *t, const struct place *at, reader_open_fn *open_file, void *ctx, int64_t open_ms,
	       const char *what, struct failure *f) must_check;

/* Runs in the child, with the mounts of all: mounts what it must at IMAGE_MEDIA and IMAGE_ISO and fills FOUND. 0, or
 * -errno with F filled. */
typedef int reader_look_fn(void *ctx, struct found *found, struct failure *f);

/* Finds by LOOK(CTX) what is used where it lies, within OPEN_MS; WHAT names it, W may stop it. 0, or -errno with F
 * filled and nothing left mounted. */
int reader_look(struct watch *w, reader_look_fn *look, void *ctx, int64_t open_ms, const char *what,
		struct found *found, struct failure *f) must_check;

#endif
