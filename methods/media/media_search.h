/* media_search.h - options and a choice of media -> the image from the first medium that has it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef METHODS_MEDIA_MEDIA_SEARCH_H
#define METHODS_MEDIA_MEDIA_SEARCH_H

#include "methods/media/media.h"
#include "methods/method.h"

/* Seconds a medium that is not there yet is waited for; timeout: changes it. */
#define SEARCH_WAIT_S 15

/* One way to choose among media. */
struct media_search {
	const char *what; /* for words: "disk or partition", "CD or DVD" */
	/* How good D is: 0: not at all; 1 is looked at first, then 2... D->volume is known. */
	unsigned (*rank)(const struct options *o, const struct media_device *d);
	unsigned ranks; /* the worst rank there is */
};

/* Brings the image that F->options name into F->sink: looks on all media that S ranks, mounts one after the other
 * read-only (nothing is ever written to them, no journal is replayed), waits for more to appear where none has the
 * image. Nothing stays mounted but what F->found is on; F->origin says where the image was. 0, or -errno with F->fail
 * filled. */
int media_search_fetch(struct fetch *f, const struct media_search *s) must_check;

/* The mount of such a method (struct method): the medium that had the image, read-only. */
int media_search_mount(const struct fetch *f, const char *point, const char **below) must_check;

#endif
