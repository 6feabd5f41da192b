/* service.h - what one `head-node serve` has in hand, and its life between preparation and end. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef SERVER_HEAD_SERVICE_H
#define SERVER_HEAD_SERVICE_H

#include "server/head/boot_files.h"
#include "server/head/supervise.h"

#define SERVICE_CHILDREN 6

/* All of it. Zero, with the site filled, is the beginning. Release it with service_free. */
struct service {
	struct site site;
	struct loaders have;
	char *image; /* its name below images/ */
	struct nodes nodes;
	struct seen seen;
	struct loop loop;
	struct supervisor supervisor;
	struct child dnsmasq, nginx, sender, nfs, status;
	struct child *children[SERVICE_CHILDREN];
	struct loop_fd signals;    /* those that end it */
	struct loop_fd files;      /* inotify on the state folder: the nodes file */
	struct loop_fd wire;       /* raw frames: who asks for an address */
	struct loop_timer ready;   /* looks whether all servers listen */
	int64_t began;             /* of now_ms() */
	struct loop_timer changed; /* the nodes file has changed a moment ago */
	char *text[16];            /* words of the children; owned */
	size_t text_count;
};

/* Reads the nodes file and the file of machines seen. 0 or -errno, after a word on stderr. */
int service_read_nodes(struct service *s) must_check;

/* Writes what depends on the nodes: the boot loaders' settings, and dnsmasq's list of machines. 0 or -errno, and WHY.
 */
int service_settings(const struct service *s, struct buf *why) must_check;

/* Writes every configuration and setting, and makes the list of children. 0 or -errno, and WHY. */
int service_configure(struct service *s, struct buf *why) must_check;

/* Starts the children and runs until SIGINT, SIGTERM or SIGHUP has come and all of them have ended. 0 or -errno. */
int service_run(struct service *s) must_check;

void service_free(struct service *s);

#endif
