/* card_search.c - all cards that may be used, tried at once -> the one on which a network was found first. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/card_search.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/interface.h"

#include <linux/rtnetlink.h>

enum {
	CARD_GRACE_MS = 2000, /* a wished-for card may still be appearing (USB) */
	QUIET_MS = 15,        /* nothing happened for so long: time for while_waiting */
	NO_LINK_MS = 4000,    /* a cable that is in has link by then, mostly */
	TELL_MS = 1000,       /* how often it is said what is waited for, and a stop is looked for */
};

/* ---- cards come, change and go */

static bool was_tried(const struct card_search *s, const struct card *card)
{
	for (size_t i = 0; i < s->tried_count; i++)
		if (memcmp(s->tried[i], card->mac, MAC_LEN) == 0)
			return true;
	return false;
}

/* True when the card can be used as it is now: an event may be older than what was done since. */
static bool is_free(struct card_search *s, int ifindex)
{
	struct cards cards;
	bool is_free = false;

	if (cards_list(&s->commands, &cards))
		return false;
	for (size_t i = 0; i < cards.count; i++)
		is_free |= cards.card[i].ifindex == ifindex && card_is_usable(&cards.card[i]);
	cards_free(&cards);
	return is_free;
}

/* A card that belongs into the bond is given to it. */
static void give_to_bond(struct card_search *s, const struct card *card)
{
	int err;

	s->bonded |= (int)card->master == s->bond; /* of an earlier try */
	if (net_wish_leaves(&s->wish, card) || !card_is_usable(card) || !bond_wants(&s->wish.bond, card) ||
	    !is_free(s, card->ifindex))
		return;
	interface_auto_ipv6(card->name, false);
	err = bond_add(&s->commands, s->bond, card->ifindex);
	if (err)
		log_warn("%s: not part of " BOND_NAME ": %s", card->name, err_text(err));
	else
		log_info("%s: part of " BOND_NAME, card->name);
	s->bonded |= !err;
}

/* True when addresses are looked for on this one: a card, or the bond made of them. */
static bool is_candidate(const struct card_search *s, const struct card *card)
{
	if (s->bond)
		return card->ifindex == s->bond;
	return card_is_usable(card) && card_matches(card, &s->wish.card) && !was_tried(s, card) &&
	       !net_wish_leaves(&s->wish, card);
}

/* A card as the kernel now describes it. */
static int card_is(struct card_search *s, const struct card *card)
{
	struct attempt *a = attempt_of(&s->all, card);
	int err;

	if (!a) {
		if (s->bond && card->ifindex != s->bond)
			give_to_bond(s, card);
		if (!is_candidate(s, card))
			return 0;
		err = attempt_add(&s->all, card);
		if (err)
			return err;
		a = s->all.attempt[s->all.count - 1];
	}
	attempt_update(a, card);
	return 0;
}

static void card_is_gone(struct card_search *s, const struct card *card)
{
	struct attempt *a = attempt_of(&s->all, card);

	if (!a || a->card.ifindex != card->ifindex)
		return;
	log_info("%s: the card is gone", a->card.name);
	attempt_remove(&s->all, a);
}

static int on_link_event(void *ctx, uint16_t type, const uint8_t *data, size_t len)
{
	struct card_search *s = ctx;
	struct card card;

	s->moved_ms = now_ms();
	if (!card_read(data, len, &card))
		return 0;
	if (type == RTM_NEWLINK)
		return card_is(s, &card);
	if (type == RTM_DELLINK)
		card_is_gone(s, &card);
	return 0;
}

static int look_at_all_cards(struct card_search *s)
{
	struct cards cards;
	int err = cards_list(&s->commands, &cards);

	for (size_t i = 0; !err && i < cards.count; i++)
		err = card_is(s, &cards.card[i]);
	cards_free(&cards);
	return err;
}

/* The bond, with the card that interface: or the firmware names as its first: DHCP servers know the node by its
 * address. */
static int make_bond(struct card_search *s)
{
	const struct net_request *r = s->request;
	bool one = s->wish.card.choice == CARD_NAMED || s->wish.card.choice == CARD_MAC;
	struct cards cards;
	int err = r->load_module ? r->load_module(r->ctx, "bonding") : 0;

	if (err)
		log_info("module bonding: %s", err_text(err)); /* may be built in under another name */
	err = bond_make(&s->commands, s->wish.bond.mode, &s->bond);
	if (!err)
		err = cards_list(&s->commands, &cards);
	if (err)
		return fail(s->fail, FAIL_NET_CONFIGURE, err, "no " BOND_NAME ": %s", err_text(err));
	for (size_t i = 0; i < cards.count; i++)
		if (one && card_matches(&cards.card[i], &s->wish.card))
			give_to_bond(s, &cards.card[i]);
	cards_free(&cards);
	return 0;
}

/* ---- words */

/* How all cards are: those that are tried, and those that led nowhere before. */
static void explain_all(struct card_search *s, struct buf *out)
{
	struct cards cards;

	for (size_t i = 0; i < s->all.count; i++)
		attempt_explain(s->all.attempt[i], out);
	if (!s->tried_count || cards_list(&s->commands, &cards))
		return;
	for (size_t i = 0; i < cards.count; i++)
		if (card_is_usable(&cards.card[i]) && was_tried(s, &cards.card[i]))
			buf_printf(out, "%s%s: leads nowhere", out->len ? "; " : "", cards.card[i].name);
	cards_free(&cards);
}

/* "waiting for the card 00:02:b3:3f:78:8c of BOOTIF=" */
static void explain_absence(const struct card_search *s, struct buf *out)
{
	const struct card_wish *wish = &s->wish.card;
	char mac[MAC_TEXT_SIZE];

	buf_str(out, "waiting for ");
	if (wish->choice == CARD_MAC)
		buf_printf(out, "the card %s%s", mac_text(wish->mac, mac), wish->by_bootif ? " of BOOTIF=" : "");
	else if (wish->choice == CARD_NAMED)
		buf_printf(out, "the card %s", wish->name);
	else
		buf_str(out, "a network card");
}

static void tell(struct card_search *s)
{
	cleanup_buf struct buf why = { 0 };
	int64_t now = now_ms();

	if (now - s->told_ms < TELL_MS)
		return;
	s->told_ms = now;
	if (!s->all.count)
		explain_absence(s, &why);
	explain_all(s, &why);
	watch_waiting(s->request->watch, s->request->deadline, "%s", buf_cstr(&why));
}

/* The wished-for card is not there. */
static int no_such_card(struct card_search *s)
{
	char quote[120];
	cleanup_buf struct buf list = { 0 };
	struct cards cards;

	if (cards_list(&s->commands, &cards) == 0)
		cards_describe(&cards, &list);
	cards_free(&cards);
	if (!list.len)
		return fail(s->fail, FAIL_DEV_NO_CARD, -ENODEV, "the kernel shows no Ethernet card");
	if (s->tried_count)
		return fail(s->fail, FAIL_NET_NO_INTERFACE, -ENODEV, "every card was tried: %s", buf_cstr(&list));
	return fail(s->fail, FAIL_NET_NO_INTERFACE, -ENODEV, "%s; there is: %s",
		    net_wish_quote(&s->wish, s->bond ? KEY_BOND : KEY_INTERFACE, quote, sizeof(quote)),
		    buf_cstr(&list));
}

/* The time is over, or nothing can come any more: "eth1: no link; eth0: no answer to 4 DHCP requests in 15 s; eth0 is
 * 00:02:b3:3f:78:8c". */
static int give_up(struct card_search *s)
{
	enum fail_id id = FAIL_NET_NO_LINK;
	cleanup_buf struct buf why = { 0 };
	char mac[MAC_TEXT_SIZE];

	if (!s->all.count || (s->bond && !s->bonded))
		return no_such_card(s);
	explain_all(s, &why);
	for (size_t i = 0; i < s->all.count; i++) {
		const struct attempt *a = s->all.attempt[i];

		if (!a->linked && !a->broken)
			continue;
		/* a reason that somebody gave counts more than silence */
		if (id == FAIL_NET_NO_LINK || id == FAIL_NET_NO_ANSWER)
			id = attempt_trouble(a);
		buf_printf(&why, "; %s is %s", a->wire.name, mac_text(a->wire.mac, mac));
	}
	return fail(s->fail, id, id == FAIL_NET_NO_LINK ? -ENETDOWN : -ETIMEDOUT, "%s", buf_cstr(&why));
}

/* ---- the loop */

/* When poll(2) must return at the latest. */
static int64_t next_time(const struct card_search *s)
{
	int64_t next = MIN(s->request->deadline, s->told_ms + TELL_MS);

	if (!s->all.count)
		next = MIN(next, s->began_ms + CARD_GRACE_MS);
	if (!s->meanwhile_done)
		next = MIN(next, s->moved_ms + QUIET_MS);
	if (!s->asked_more)
		next = MIN(next, s->began_ms + NO_LINK_MS);
	for (size_t i = 0; i < s->all.count; i++)
		next = MIN(next, attempt_next_ms(s->all.attempt[i]));
	return next;
}

static int make_room(struct card_search *s, size_t count)
{
	struct pollfd *more;

	if (count <= s->poll_count)
		return 0;
	more = realloc(s->poll, count * sizeof(*more));
	if (!more)
		return -ENOMEM;
	s->poll = more;
	s->poll_count = count;
	return 0;
}

/* Sleeps until something is to be done, and reads what came in. */
static int wait_and_read(struct card_search *s)
{
	size_t count = s->all.count;
	int n, err = make_room(s, count + 1);

	if (err)
		return err;
	s->poll[0] = (struct pollfd){ .fd = s->events.fd, .events = POLLIN };
	for (size_t i = 0; i < count; i++)
		s->poll[i + 1] = (struct pollfd){ .fd = s->all.attempt[i]->fd, .events = POLLIN };
	n = poll(s->poll, count + 1, ms_left(next_time(s)));
	if (n < 0)
		return errno == EINTR ? 0 : -errno;
	if (n > 0)
		s->moved_ms = now_ms();
	/* Frames before links: the list of attempts is still the one that was polled. */
	for (size_t i = 0; i < count; i++)
		if (s->poll[i + 1].revents)
			attempt_read(s->all.attempt[i]);
	if (!s->poll[0].revents)
		return 0;
	err = netlink_events(&s->events, on_link_event, s);
	return err == -ENOBUFS ? look_at_all_cards(s) : err;
}

static void work(struct card_search *s)
{
	int64_t now = now_ms();

	for (size_t i = 0; i < s->all.count && !s->winner; i++)
		if (attempt_work(s->all.attempt[i], now))
			s->winner = s->all.attempt[i];
}

/* True when every card has failed for good. One without link has not: its switch may take its time. */
static bool hopeless(const struct card_search *s)
{
	for (size_t i = 0; i < s->all.count; i++)
		if (!attempt_failed(s->all.attempt[i]))
			return false;
	return s->all.count > 0;
}

/* No card matches after a moment. BOOTIF= may name a card whose driver is missing: then any other is as good. */
static int widen(struct card_search *s)
{
	char mac[MAC_TEXT_SIZE];

	if (!s->wish.card.by_bootif)
		return give_up(s);
	watch_note(s->request->watch, "BOOTIF=%s is no card that can be used, every card is tried",
		   mac_text(s->wish.card.mac, mac));
	s->wish.card = (struct card_wish){ .choice = CARD_ANY };
	return look_at_all_cards(s);
}

/* No card has link after seconds: one may sit where no driver was loaded for yet. */
static void look_for_more(struct card_search *s, int64_t now)
{
	const struct net_request *r = s->request;

	if (s->asked_more || now < s->began_ms + NO_LINK_MS)
		return;
	s->asked_more = true;
	for (size_t i = 0; i < s->all.count; i++)
		if (s->all.attempt[i]->linked)
			return;
	if (r->more_cards)
		r->more_cards(r->ctx);
}

int card_search_run(struct card_search *s)
{
	const struct net_request *r = s->request;
	int err = s->wish.bond.mode ? make_bond(s) : 0;

	if (!err)
		err = look_at_all_cards(s);
	while (!err && !s->winner) {
		int64_t now = now_ms();

		if (watch_cancelled(r->watch))
			return fail(s->fail, FAIL_SYS_CANCELLED, -ECANCELED, "while looking for a network");
		if (now >= r->deadline || hopeless(s) || (s->bond && !s->bonded && now >= s->began_ms + CARD_GRACE_MS))
			return give_up(s);
		if (!s->all.count && now >= s->began_ms + CARD_GRACE_MS) {
			err = widen(s);
			if (err || !s->all.count)
				return err ? err : give_up(s);
		}
		if (!s->meanwhile_done && now >= s->moved_ms + QUIET_MS) {
			s->meanwhile_done = true;
			if (r->while_waiting)
				r->while_waiting(r->ctx);
		}
		look_for_more(s, now);
		tell(s);
		err = wait_and_read(s);
		if (!err)
			work(s);
	}
	return err;
}

/* ---- after it */

static int take_state(void *ctx, uint16_t type, const uint8_t *data, size_t len)
{
	struct attempt *a = ctx;
	struct card now;

	if (type == RTM_NEWLINK && card_read(data, len, &now)) {
		if (now.ifindex == a->card.ifindex)
			a->card = now;
		else if (now.ifindex == a->vlan.ifindex)
			a->vlan = now;
	}
	return 0;
}

int card_search_wait_for_link(struct card_search *s, struct attempt *a)
{
	struct ifinfomsg any = { .ifi_family = AF_UNSPEC };
	cleanup_buf struct buf m = { 0 };
	int err;

	nl_begin(&m, RTM_GETLINK, 0, &any, sizeof(any));
	err = netlink_dump(&s->commands, &m, take_state, a);
	while (!err && !attempt_interface(a)->running) {
		err = wait_fd(s->events.fd, POLLIN, s->request->deadline);
		if (!err)
			err = netlink_events(&s->events, take_state, a);
	}
	if (err)
		return fail(s->fail, FAIL_NET_NO_LINK, err, "%s has lost its link while its MTU was set", a->wire.name);
	return 0;
}
