/* card_search.h - all cards that may be used, tried at once -> the one on which a network was found first. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef NET_CARD_SEARCH_H
#define NET_CARD_SEARCH_H

#include "net/attempt.h"

#include <poll.h>

/* All that one call of net_up has in hand. */
struct card_search {
	const struct net_request *request;
	struct failure *fail;
	struct net_wish wish;
	const uint8_t (*tried)[MAC_LEN]; /* cards that are left out: they led nowhere */
	size_t tried_count;
	int bond;    /* ifindex of the bond; 0: none is wished for */
	bool bonded; /* it has a card */
	struct netlink commands, events;
	struct attempts all;
	struct pollfd *poll; /* room for poll_count of them */
	size_t poll_count;
	int64_t began_ms; /* of now_ms() */
	int64_t moved_ms; /* when something happened last */
	int64_t told_ms;  /* when watch_waiting was called last */
	bool meanwhile_done;
	bool asked_more; /* more_cards was called */
	struct attempt *winner;
};

/* Tries until S->winner is there. 0, or -errno with S->fail filled. */
int card_search_run(struct card_search *s) must_check;

/* Waits until the card has link again, and takes over how it is now. 0, or -errno with S->fail filled. */
int card_search_wait_for_link(struct card_search *s, struct attempt *a) must_check;

#endif
