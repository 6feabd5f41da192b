/* medium.h - where the image came from -> mounted in the new root, for a system that goes on reading there. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef STAGE1_MEDIUM_H
#define STAGE1_MEDIUM_H

#include "stage1/flow.h"

/* What medium_attach found, in memory of the child that asks, and gone with it; NULL: there is none. */
struct medium {
	char *tree; /* the folder that has install/stage2, from /tmp: "media/x86_64", "loop" */
	char *iso;  /* the ISO file it is in: "/tmp/media/isos/a.iso" */
};

/* In the working directory, the new root's /tmp: mounts what F's image came from at "media", an ISO file on it at
 * "loop", and makes the link "image" to the folder that has the image. Where the method has no medium, nothing is done.
 * May hang as long as a server is silent. 0 or -errno with FAILURE filled. */
int medium_attach(const struct flow *f, struct medium *m, struct failure *failure) must_check;

#endif
