/* up.c - cards and options -> every card tried at once, the first usable answer configured (the arrow's one function). */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/net.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/address.h"
#include "net/arp.h"
#include "net/card.h"
#include "net/configure.h"
#include "net/link.h"
#include "net/packet.h"
#include "net/seeker.h"
#include "net/wish.h"

#include <linux/rtnetlink.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

enum {
	CARD_GRACE_MS = 2000,   /* a wished-for card may still be appearing (USB) */
	SETTLE_MS = 5000,       /* links come up within that, mostly */
	QUIET_MS = 15,          /* nothing happened for so long: time for while_waiting */
	TELL_MS = 1000,         /* how often it is said what is waited for, and a stop is looked for */
	BRIDGES_MS = 1500,      /* without an answer, before bridges are listened to */
	STATIC_PATIENCE_MS = 50000, /* spanning tree; after that a static address is taken unheard */
	FRAME_SIZE = 9216,      /* the biggest frame a card takes; DHCP messages are far smaller */
};

/* One card that is tried. */
struct attempt {
	struct wire wire;
	struct search *search;
	struct card card;
	struct seeker *seeker;
	int fd; /* of packet_open; -1: no link */
	bool linked; /* had link at some time */
	int64_t link_ms;    /* since when; of now_ms() */
	bool hears_bridges;
};

/* All that one call of net_up_with has in hand. */
struct search {
	const struct net_request *request;
	struct failure *fail;
	struct net_wish wish;
	struct netlink commands, events;
	struct attempt **attempt; /* each is its own piece of memory: its wire must not move */
	size_t count;
	struct pollfd *poll; /* count + 1 */
	int64_t began_ms, moved_ms, told_ms; /* moved: something happened; told: watch_waiting */
	bool meanwhile_done;
	struct attempt *winner;
};

/* ---- the wire of an attempt */

static void wire_send(struct wire *wire, const void *frame, size_t len)
{
	struct attempt *a = container_of(wire, struct attempt, wire);
	int err = a->fd >= 0 ? packet_send(a->fd, a->card.ifindex, frame, len) : -ENETDOWN;

	if (err)
		log_debug("%s: a frame is lost: %s", wire->name, err_text(err));
}

static bool wire_is_ours(struct wire *wire, const uint8_t mac[MAC_LEN])
{
	const struct search *s = container_of(wire, struct attempt, wire)->search;

	for (size_t i = 0; i < s->count; i++)
		if (memcmp(s->attempt[i]->wire.mac, mac, MAC_LEN) == 0)
			return true;
	return false;
}

/* ---- cards come, get link, lose it and go */

static struct attempt *find_attempt(struct search *s, int ifindex)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->attempt[i]->card.ifindex == ifindex)
			return s->attempt[i];
	return NULL;
}

static void link_is_there(struct attempt *a)
{
	const struct net_request *r = a->search->request;
	struct card_facts facts;
	const char *title = NULL;
	cleanup_buf struct buf line = { 0 };

	a->fd = packet_open(a->card.ifindex);
	if (a->fd < 0) {
		log_error("%s: no raw frames: %s", a->wire.name, err_text(a->fd));
		return;
	}
	a->linked = true;
	a->link_ms = now_ms();
	a->hears_bridges = false;
	card_ask(a->wire.name, &facts);
	if (r->card_title && facts.address[0])
		title = r->card_title(r->ctx, facts.address);
	if (!title)
		title = facts.driver;
	buf_printf(&line, "%s%s%s, link", a->wire.name, *title ? " " : "", title);
	if (facts.speed)
		buf_printf(&line, " %d Mb/s", facts.speed);
	watch_note(r->watch, "%s", buf_cstr(&line));
	a->seeker->ops->start(a->seeker, now_ms());
}

static void link_is_gone(struct attempt *a)
{
	a->seeker->ops->stop(a->seeker, now_ms());
	close(a->fd);
	a->fd = -1;
}

static void attempt_free(struct attempt *a)
{
	if (a->fd >= 0)
		link_is_gone(a);
	if (a->seeker) {
		network_free(&a->seeker->found);
		a->seeker->ops->free(a->seeker);
	}
	free(a);
}

static void drop_attempt(struct search *s, int ifindex)
{
	for (size_t i = 0; i < s->count; i++)
		if (s->attempt[i]->card.ifindex == ifindex) {
			log_info("%s: the card is gone", s->attempt[i]->wire.name);
			attempt_free(s->attempt[i]);
			memmove(&s->attempt[i], &s->attempt[i + 1], (s->count - i - 1) * sizeof(s->attempt[0]));
			s->count--;
			return;
		}
}

static struct attempt *attempt_new(struct search *s, const struct card *card)
{
	struct attempt *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	*a = (struct attempt){ .search = s, .card = *card, .fd = -1,
			       .wire = { .send = wire_send, .is_ours = wire_is_ours } };
	str_copy(a->wire.name, sizeof(a->wire.name), card->name);
	memcpy(a->wire.mac, card->mac, MAC_LEN);
	if (s->wish.mode == NET_STATIC) /* before the deadline in any case */
		a->seeker = static_seeker(&a->wire, &s->wish,
					  MIN(STATIC_PATIENCE_MS, ms_left(s->request->deadline) / 2));
	else
		a->seeker = dhcp_seeker(&a->wire, s->wish.hostname[0] ? s->wish.hostname : NULL);
	if (a->seeker)
		return a;
	free(a);
	return NULL;
}

static int add_attempt(struct search *s, const struct card *card)
{
	struct attempt **more = realloc(s->attempt, (s->count + 1) * sizeof(*more));
	struct pollfd *poll_more = realloc(s->poll, (s->count + 2) * sizeof(*poll_more));
	struct attempt *a = attempt_new(s, card);

	s->attempt = more ? more : s->attempt;
	s->poll = poll_more ? poll_more : s->poll;
	if (!more || !poll_more || !a) {
		if (a)
			attempt_free(a);
		return -ENOMEM;
	}
	s->attempt[s->count++] = a;
	return 0;
}

/* A card as the kernel now describes it. */
static int card_is(struct search *s, const struct card *card)
{
	struct attempt *a = find_attempt(s, card->ifindex);
	int err;

	if (!a) {
		if (!card_is_usable(card) || !card_matches(card, &s->wish.card))
			return 0;
		err = add_attempt(s, card);
		if (err)
			return err;
		a = s->attempt[s->count - 1];
		/* IPv6 would join groups while we wait for an answer: see packet_hear_bridges */
		if (!card->up)
			link_auto_ipv6(card->name, false);
		err = card->up ? 0 : link_set_up(&s->commands, card->ifindex, true);
		if (err)
			log_error("%s: the driver does not switch the card on: %s", card->name, err_text(err));
	}
	a->card = *card;
	if (card->running && a->fd < 0)
		link_is_there(a);
	else if (!card->running && a->fd >= 0)
		link_is_gone(a);
	return 0;
}

static int on_link_event(void *ctx, uint16_t type, const uint8_t *data, size_t len)
{
	struct search *s = ctx;
	struct card card;

	s->moved_ms = now_ms();
	if (!card_read(data, len, &card))
		return 0;
	if (type == RTM_NEWLINK)
		return card_is(s, &card);
	if (type == RTM_DELLINK)
		drop_attempt(s, card.ifindex);
	return 0;
}

static int look_at_all_cards(struct search *s)
{
	struct cards cards;
	int err = cards_list(&s->commands, &cards);

	for (size_t i = 0; !err && i < cards.count; i++)
		err = card_is(s, &cards.card[i]);
	cards_free(&cards);
	return err;
}

/* ---- words */

/* "eth1: no link; eth0: no answer to 4 DHCP requests in 15 s" */
static void explain(const struct search *s, struct buf *out)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct attempt *a = s->attempt[i];
		const char *separator = out->len ? "; " : "";

		if (a->fd < 0)
			buf_printf(out, "%s%s: %s", separator, a->wire.name, a->linked ? "link lost" : "no link");
		else if (a->seeker->state != SEEK_FOUND) {
			buf_printf(out, "%s%s: ", separator, a->wire.name);
			a->seeker->ops->explain(a->seeker, now_ms(), out);
		}
	}
}

static void tell(struct search *s)
{
	cleanup_buf struct buf why = { 0 };
	int64_t now = now_ms();

	if (now - s->told_ms < TELL_MS)
		return;
	s->told_ms = now;
	explain(s, &why);
	if (!s->count)
		buf_str(&why, "waiting for a network card");
	watch_waiting(s->request->watch, s->request->deadline, "%s", buf_cstr(&why));
}

/* The wished-for card is not there. */
static int no_such_card(struct search *s)
{
	char quote[120];
	cleanup_buf struct buf list = { 0 };
	struct cards cards;

	if (cards_list(&s->commands, &cards) == 0)
		cards_describe(&cards, &list);
	cards_free(&cards);
	if (!list.len)
		return fail(s->fail, FAIL_DEV_NO_CARD, -ENODEV, "the kernel shows no Ethernet card");
	return fail(s->fail, FAIL_NET_NO_INTERFACE, -ENODEV, "%s; there is: %s",
		    net_wish_quote(&s->wish, KEY_INTERFACE, quote, sizeof(quote)), buf_cstr(&list));
}

/* The time is over, or nothing can come any more. */
static int give_up(struct search *s)
{
	enum fail_id id = FAIL_NET_NO_LINK;
	cleanup_buf struct buf why = { 0 };
	char mac[MAC_TEXT_SIZE];

	if (!s->count)
		return no_such_card(s);
	explain(s, &why);
	for (size_t i = 0; i < s->count; i++) {
		const struct attempt *a = s->attempt[i];

		if (!a->linked)
			continue;
		/* a reason that somebody gave counts more than silence */
		if (id == FAIL_NET_NO_LINK || id == FAIL_NET_NO_ANSWER)
			id = a->seeker->trouble;
		buf_printf(&why, "; %s is %s", a->wire.name, mac_text(a->wire.mac, mac));
	}
	return fail(s->fail, id, id == FAIL_NET_NO_LINK ? -ENETDOWN : -ETIMEDOUT, "%s", buf_cstr(&why));
}

/* No answer for a while: is spanning tree the reason? */
static void listen_for_bridges(struct search *s, int64_t now)
{
	for (size_t i = 0; i < s->count; i++) {
		struct attempt *a = s->attempt[i];

		if (a->fd < 0 || a->hears_bridges || now - a->link_ms < BRIDGES_MS)
			continue;
		packet_hear_bridges(a->fd, a->card.ifindex);
		a->hears_bridges = true;
	}
}

/* ---- the loop */

static void read_frames(struct attempt *a)
{
	static uint8_t frame[FRAME_SIZE];
	bool no_checksum;
	int n;

	while (a->fd >= 0 && (n = packet_receive(a->fd, frame, sizeof(frame), &no_checksum)) >= 0)
		a->seeker->ops->frame(a->seeker, now_ms(), frame, (size_t)n, no_checksum);
}

/* When poll(2) must return at the latest. */
static int64_t next_time(const struct search *s)
{
	int64_t next = MIN(s->request->deadline, s->told_ms + TELL_MS);

	if (!s->count)
		next = MIN(next, s->began_ms + CARD_GRACE_MS);
	if (!s->meanwhile_done)
		next = MIN(next, s->moved_ms + QUIET_MS);
	for (size_t i = 0; i < s->count; i++)
		if (s->attempt[i]->fd >= 0)
			next = MIN(next, s->attempt[i]->seeker->next_ms);
	return next;
}

/* Sleeps until something is to be done, and reads what came in. */
static int wait_and_read(struct search *s)
{
	size_t count = s->count;
	int n, err;

	s->poll[0] = (struct pollfd){ .fd = s->events.fd, .events = POLLIN };
	for (size_t i = 0; i < count; i++)
		s->poll[i + 1] = (struct pollfd){ .fd = s->attempt[i]->fd, .events = POLLIN };
	n = poll(s->poll, count + 1, ms_left(next_time(s)));
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n > 0)
		s->moved_ms = now_ms();
	/* Frames before links: the list of attempts is still the one that was polled. */
	for (size_t i = 0; i < count; i++)
		if (s->poll[i + 1].revents)
			read_frames(s->attempt[i]);
	if (!s->poll[0].revents)
		return 0;
	err = netlink_events(&s->events, on_link_event, s);
	return err == -ENOBUFS ? look_at_all_cards(s) : err;
}

static void work(struct search *s)
{
	int64_t now = now_ms();

	for (size_t i = 0; i < s->count && !s->winner; i++) {
		struct attempt *a = s->attempt[i];

		if (a->fd >= 0 && a->seeker->next_ms <= now)
			a->seeker->ops->time(a->seeker, now);
		if (a->fd >= 0 && a->seeker->state == SEEK_FOUND)
			s->winner = a;
	}
}

/* True when every card has failed for good and no other can be expected. */
static bool hopeless(const struct search *s)
{
	bool all = s->count > 0;

	for (size_t i = 0; i < s->count; i++)
		if (s->attempt[i]->fd >= 0 ? s->attempt[i]->seeker->state != SEEK_FAILED :
					     now_ms() < s->began_ms + SETTLE_MS)
			all = false;
	return all;
}

/* No card matches after a moment. BOOTIF= may name a card whose driver is missing: then any other is as good. */
static int widen(struct search *s)
{
	char mac[MAC_TEXT_SIZE];

	if (!s->wish.card.by_bootif)
		return give_up(s);
	log_warn("BOOTIF=%s is no card that the kernel shows, every card is tried", mac_text(s->wish.card.mac, mac));
	s->wish.card = (struct card_wish){ .choice = CARD_ANY };
	return look_at_all_cards(s);
}

static int search_cards(struct search *s)
{
	const struct net_request *r = s->request;
	int err = look_at_all_cards(s);

	while (!err && !s->winner) {
		int64_t now = now_ms();

		if (watch_cancelled(r->watch))
			return fail(s->fail, FAIL_SYS_CANCELLED, -ECANCELED, "while looking for a network");
		if (now >= r->deadline || hopeless(s))
			return give_up(s);
		if (!s->count && now >= s->began_ms + CARD_GRACE_MS) {
			err = widen(s);
			if (err || !s->count)
				return err ? err : give_up(s);
		}
		if (!s->meanwhile_done && now >= s->moved_ms + QUIET_MS) {
			s->meanwhile_done = true;
			if (r->while_waiting)
				r->while_waiting(r->ctx);
		}
		tell(s);
		listen_for_bridges(s, now);
		err = wait_and_read(s);
		if (!err)
			work(s);
	}
	return err;
}

/* ---- after it */

/* The cards that were tried but not chosen are as they were: off, without address. */
static void switch_off_others(struct search *s)
{
	for (size_t i = 0; i < s->count; i++) {
		struct attempt *a = s->attempt[i];
		int err;

		if (a == s->winner)
			continue;
		if (a->fd >= 0)
			link_is_gone(a);
		err = link_flush_addresses(&s->commands, a->card.ifindex);
		if (!err)
			err = link_set_up(&s->commands, a->card.ifindex, false);
		link_auto_ipv6(a->card.name, true);
		if (err)
			log_warn("%s: not switched off: %s", a->wire.name, err_text(err));
	}
}

static int replace_text(char **text, const char *wanted)
{
	char *copy = wanted ? strdup(wanted) : NULL;

	if (!wanted)
		return 0;
	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

static int card_state(void *ctx, uint16_t type, const uint8_t *data, size_t len)
{
	struct card *card = ctx, now;

	if (type == RTM_NEWLINK && card_read(data, len, &now) && now.ifindex == card->ifindex)
		*card = now;
	return 0;
}

/* A driver may have restarted its card to change the MTU. */
static int wait_for_link(struct search *s, struct card *card)
{
	struct ifinfomsg which = { .ifi_index = card->ifindex };
	cleanup_buf struct buf m = { 0 };
	int err;

	nl_begin(&m, RTM_GETLINK, 0, &which, sizeof(which));
	err = netlink_dump(&s->commands, &m, card_state, card);
	while (!err && !card->running) {
		err = wait_fd(s->events.fd, POLLIN, s->request->deadline);
		if (!err)
			err = netlink_events(&s->events, card_state, card);
	}
	if (err)
		return fail(s->fail, FAIL_NET_NO_LINK, err, "%s has lost its link while its MTU was set", card->name);
	return 0;
}

static int use_winner(struct search *s, struct network *net)
{
	struct attempt *a = s->winner;
	char address[ADDRESS_TEXT_SIZE];
	int err;

	*net = a->seeker->found;
	a->seeker->found = (struct network){ 0 };
	net->ifindex = a->card.ifindex;
	if (s->wish.mtu)
		net->mtu = s->wish.mtu;
	switch_off_others(s);
	err = net_configure(&s->commands, &a->card, net, s->fail);
	if (!err && net->mtu)
		err = wait_for_link(s, &a->card);
	if (err)
		return err;
	arp_announce(&a->wire, net->address);
	/* Older readers of the log look for this line: mdk-stage1's stage2 takes the address from it. */
	log_info("configuring device %s ip: %s", net->interface, address_text(net->address, address));
	err = replace_text(&net->hostname, net_wish_value(&s->wish, KEY_HOSTNAME));
	if (!err)
		err = replace_text(&net->domain, net_wish_value(&s->wish, KEY_DOMAIN));
	if (err)
		return fail(s->fail, FAIL_SYS_INTERNAL, err, "no memory for the network's values");
	close(a->fd); /* without giving the lease back */
	a->fd = -1;
	return 0;
}

/* ---- all of it */

static int read_options(struct search *s)
{
	struct network checked;
	int err = net_wish_read(s->request->options, &s->wish, s->fail);

	if (err || s->wish.mode != NET_STATIC)
		return err;
	err = static_network(&s->wish, &checked, s->fail);
	if (!err)
		network_free(&checked);
	return err;
}

static int open_netlink(struct search *s)
{
	int err = netlink_open(&s->commands, 0);

	if (!err)
		err = netlink_open(&s->events, RTMGRP_LINK);
	if (!err)
		s->poll = malloc(sizeof(*s->poll));
	if (!err && !s->poll)
		err = -ENOMEM;
	if (err)
		fail(s->fail, FAIL_NET_CONFIGURE, err, "no rtnetlink: %s", err_text(err));
	return err;
}

int net_up_with(struct network *net, const struct net_request *request, struct failure *f)
{
	struct failure unheard = { 0 };
	struct search s = { .request = request, .fail = f ? f : &unheard, .commands = { -1, 0 }, .events = { -1, 0 } };
	int err;

	*s.fail = (struct failure){ 0 };
	*net = (struct network){ 0 };
	s.began_ms = s.moved_ms = s.told_ms = now_ms();
	err = read_options(&s);
	if (!err)
		err = open_netlink(&s);
	if (!err) {
		link_loopback_up(&s.commands);
		err = search_cards(&s);
		if (err && s.fail->id == FAIL_NONE)
			fail(s.fail, FAIL_NET_CONFIGURE, err, "%s", err_text(err));
	}
	if (!err)
		err = use_winner(&s, net);
	if (err)
		network_free(net);
	for (size_t i = 0; i < s.count; i++)
		attempt_free(s.attempt[i]);
	free(s.attempt);
	free(s.poll);
	net_wish_free(&s.wish);
	netlink_close(&s.events);
	netlink_close(&s.commands);
	return err;
}

int net_up(struct network *net, const struct options *o, int64_t deadline, struct watch *w, struct failure *f)
{
	return net_up_meanwhile(net, o, deadline, w, f, NULL, NULL);
}

int net_up_meanwhile(struct network *net, const struct options *o, int64_t deadline, struct watch *w,
		     struct failure *f, void (*while_waiting)(void *ctx), void *ctx)
{
	const struct net_request request = { .options = o, .deadline = deadline, .watch = w,
					     .while_waiting = while_waiting, .ctx = ctx };

	return net_up_with(net, &request, f);
}
