/* netlink.h - a request to the kernel's networking, built by hand -> its answer, attribute by attribute (RFC 3549). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_NETLINK_H
#define NET_NETLINK_H

#include "base/buf.h"

#include <linux/netlink.h>

/* One socket. Requests and events use two of them, so that an answer never hides behind an event. */
struct netlink {
	int fd;       /* -1: not open */
	uint32_t seq; /* of the last request */
};

/* Opens a routing socket that hears the GROUPS (RTMGRP_LINK | ...; 0: only answers to its own requests).
 * 0 or -errno. */
int netlink_open(struct netlink *nl, uint32_t groups) must_check;
void netlink_close(struct netlink *nl);

/* Starts the message M (which is emptied): TYPE (RTM_NEWLINK ...), FLAGS (NLM_F_CREATE ...), and the fixed header that
 * TYPE wants (struct ifinfomsg ...). */
void nl_begin(struct buf *m, uint16_t type, uint16_t flags, const void *header, size_t len);

/* Adds an attribute. Lack of memory shows in m->failed, which netlink_request looks at. */
void nl_put(struct buf *m, uint16_t type, const void *data, size_t len);
void nl_put_u32(struct buf *m, uint16_t type, uint32_t value);
void nl_put_string(struct buf *m, uint16_t type, const char *s);

/* Starts an attribute that holds attributes; returns what nl_nest_end needs to close it. */
size_t nl_nest(struct buf *m, uint16_t type);
void nl_nest_end(struct buf *m, size_t nest);

/* Sends M and waits for the kernel's verdict: 0 or the -errno it says. WHAT names the request in the log line
 * ("route to 10.0.0.0/8"). */
int netlink_request(struct netlink *nl, struct buf *m, const char *what);

/* Gets one message without its netlink header: TYPE, then the fixed header and attributes. A negative result ends the
 * reading and is handed up. */
typedef int nl_message_fn(void *ctx, uint16_t type, const uint8_t *data, size_t len);

/* Sends M as a dump request and gives each answer to FN. 0, -errno, or FN's negative result. */
int netlink_dump(struct netlink *nl, struct buf *m, nl_message_fn *fn, void *ctx) must_check;

/* Gives events that have come in to FN, a limited number of them; never waits. 0, FN's negative result, -errno;
 * -ENOBUFS: events were lost, the state must be asked for again. */
int netlink_events(struct netlink *nl, nl_message_fn *fn, void *ctx) must_check;

/* One attribute of a message; DATA points into the message. */
struct nl_attr {
	uint16_t type;
	const uint8_t *data;
	size_t len;
};

/* Takes the next attribute off *P (of *LEN bytes). False at the end, and where the bytes make no attribute. */
bool nl_next(const uint8_t **p, size_t *len, struct nl_attr *a);

/* The attribute as a number (0 when it is too short), and as a string in DST of SIZE bytes (cut when it is longer). */
uint32_t nl_u32(const struct nl_attr *a);
void nl_string(const struct nl_attr *a, char *dst, size_t size);

#endif
