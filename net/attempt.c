/* attempt.c - one card that is tried: its link, its VLAN, its raw frames -> a network found on it. */
/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "net/attempt.h"

#include "base/clock.h"
#include "base/log.h"
#include "net/link.h"
#include "net/packet.h"

#include <stdio.h>
#include <unistd.h>

enum {
	BRIDGES_MS = 1500,          /* without an answer, before bridges are listened to */
	STATIC_PATIENCE_MS = 50000, /* spanning tree; after that a static address is taken unheard */
	FRAME_SIZE = 9216,          /* the biggest frame a card takes; DHCP messages are far smaller */
};

const struct card *attempt_interface(const struct attempt *a)
{
	return a->all->wish->vlan ? &a->vlan : &a->card;
}

/* ---- the wire */

static void wire_send(struct wire *wire, const void *frame, size_t len)
{
	struct attempt *a = container_of(wire, struct attempt, wire);
	int err = a->fd >= 0 ? packet_send(a->fd, attempt_interface(a)->ifindex, frame, len) : -ENETDOWN;

	if (err)
		log_debug("%s: a frame is lost: %s", wire->name, err_text(err));
}

static bool wire_is_ours(struct wire *wire, const uint8_t mac[MAC_LEN])
{
	const struct attempts *all = container_of(wire, struct attempt, wire)->all;

	for (size_t i = 0; i < all->count; i++)
		if (memcmp(all->attempt[i]->wire.mac, mac, MAC_LEN) == 0)
			return true;
	return false;
}

/* ---- made and gone */

/* "eth0.12", or "vlan12" where that is too long for a name. */
static void name_wire(struct wire *wire, const struct card *card, unsigned vlan)
{
	char name[CARD_NAME_SIZE + 8];

	snprintf(name, sizeof(name), vlan ? "%s.%u" : "%s", card->name, vlan);
	if (str_copy(wire->name, sizeof(wire->name), name))
		snprintf(wire->name, sizeof(wire->name), "vlan%u", vlan);
}

static struct attempt *attempt_new(struct attempts *all, const struct card *card)
{
	const struct net_wish *wish = all->wish;
	struct attempt *a = calloc(1, sizeof(*a));

	if (!a)
		return NULL;
	*a = (struct attempt){ .all = all, .card = *card, .fd = -1,
			       .wire = { .send = wire_send, .is_ours = wire_is_ours } };
	name_wire(&a->wire, card, wish->vlan);
	memcpy(a->wire.mac, card->mac, MAC_LEN);
	if (wish->mode == NET_STATIC) /* before the deadline in any case */
		a->seeker = static_seeker(&a->wire, wish, MIN(STATIC_PATIENCE_MS, ms_left(all->request->deadline) / 2));
	else
		a->seeker = dhcp_seeker(&a->wire, wish->hostname[0] ? wish->hostname : NULL);
	if (a->seeker)
		return a;
	free(a);
	return NULL;
}

int attempt_add(struct attempts *all, const struct card *card)
{
	struct attempt **more = realloc(all->attempt, (all->count + 1) * sizeof(*more));
	struct attempt *a = more ? attempt_new(all, card) : NULL;
	int err;

	all->attempt = more ? more : all->attempt;
	if (!a)
		return -ENOMEM;
	all->attempt[all->count++] = a;
	if (card->up)
		return 0;
	link_auto_ipv6(card->name, false); /* it would join groups while we wait: see packet_hear_bridges */
	err = link_set_up(all->commands, card->ifindex, true);
	if (err)
		log_error("%s: the driver does not switch the card on: %s", card->name, err_text(err));
	return 0;
}

static void close_wire(struct attempt *a)
{
	if (a->fd >= 0)
		close(a->fd);
	a->fd = -1;
}

static void attempt_free(struct attempt *a)
{
	if (a->fd >= 0)
		a->seeker->ops->stop(a->seeker, now_ms());
	close_wire(a);
	network_free(&a->seeker->found);
	a->seeker->ops->free(a->seeker);
	free(a);
}

void attempt_remove(struct attempts *all, struct attempt *a)
{
	for (size_t i = 0; i < all->count; i++)
		if (all->attempt[i] == a) {
			memmove(&all->attempt[i], &all->attempt[i + 1],
				(all->count - i - 1) * sizeof(all->attempt[0]));
			all->count--;
			break;
		}
	attempt_free(a);
}

void attempts_free(struct attempts *all)
{
	for (size_t i = 0; i < all->count; i++)
		attempt_free(all->attempt[i]);
	free(all->attempt);
	all->attempt = NULL;
	all->count = 0;
}

/* ---- link */

/* "eth0 Intel 82540EM, link 1000 Mb/s" */
static void note_link(const struct attempt *a)
{
	const struct net_request *r = a->all->request;
	cleanup_buf struct buf line = { 0 };
	const char *title = NULL;
	struct card_facts facts;

	card_ask(a->card.name, &facts);
	if (r->card_title && facts.address[0])
		title = r->card_title(r->ctx, facts.address);
	if (!title)
		title = facts.driver;
	buf_printf(&line, "%s%s%s, link", a->wire.name, *title ? " " : "", title);
	if (facts.speed)
		buf_printf(&line, " %d Mb/s", facts.speed);
	watch_note(r->watch, "%s", buf_cstr(&line));
}

static void link_is_there(struct attempt *a)
{
	a->fd = packet_open(attempt_interface(a)->ifindex);
	if (a->fd < 0) {
		log_error("%s: no raw frames: %s", a->wire.name, err_text(a->fd));
		return;
	}
	a->linked = true;
	a->link_ms = now_ms();
	a->hears_all = false;
	note_link(a);
	a->seeker->ops->start(a->seeker, a->link_ms);
}

static void make_vlan(struct attempt *a)
{
	const struct net_request *r = a->all->request;
	int err = r->load_module ? r->load_module(r->ctx, "8021q") : 0;

	if (err)
		log_info("module 8021q: %s", err_text(err)); /* may be built in under another name */
	err = link_add_vlan(a->all->commands, a->card.ifindex, a->wire.name, a->all->wish->vlan);
	if (err && err != -EEXIST) {
		log_error("%s: no VLAN %u: %s", a->card.name, a->all->wish->vlan, err_text(err));
		a->broken = err;
	}
}

struct attempt *attempt_of(const struct attempts *all, const struct card *card)
{
	for (size_t i = 0; i < all->count; i++) {
		struct attempt *a = all->attempt[i];

		if (a->card.ifindex == card->ifindex)
			return a;
		if (all->wish->vlan && card->link == a->card.ifindex && streq(card->name, a->wire.name) &&
		    streq(card->kind, "vlan"))
			return a;
	}
	return NULL;
}

void attempt_update(struct attempt *a, const struct card *card)
{
	bool running;

	if (card->ifindex == a->card.ifindex)
		a->card = *card;
	else
		a->vlan = *card;
	if (a->all->wish->vlan && !a->vlan.ifindex && a->card.running && !a->broken)
		make_vlan(a);
	/* left from an earlier try */
	if (a->vlan.ifindex && !a->vlan.up && a->card.running)
		(void)!link_set_up(a->all->commands, a->vlan.ifindex, true);
	running = a->card.running && attempt_interface(a)->running;
	if (running && a->fd < 0) {
		link_is_there(a);
	} else if (!running && a->fd >= 0) {
		a->seeker->ops->stop(a->seeker, now_ms());
		close_wire(a);
	}
}

/* ---- frames and time */

void attempt_read(struct attempt *a)
{
	static uint8_t frame[FRAME_SIZE];
	bool no_checksum;
	int n;

	while (a->fd >= 0 && (n = packet_receive(a->fd, frame, sizeof(frame), &no_checksum)) >= 0)
		a->seeker->ops->frame(a->seeker, now_ms(), frame, (size_t)n, no_checksum);
}

int64_t attempt_next_ms(const struct attempt *a)
{
	if (a->fd < 0)
		return INT64_MAX;
	return a->hears_all ? a->seeker->next_ms : MIN(a->seeker->next_ms, a->link_ms + BRIDGES_MS);
}

bool attempt_work(struct attempt *a, int64_t now)
{
	if (a->fd < 0)
		return false;
	if (!a->hears_all && now >= a->link_ms + BRIDGES_MS) { /* is spanning tree the reason? */
		packet_hear_bridges(a->fd, a->card.ifindex);
		a->hears_all = true;
	}
	if (a->seeker->next_ms <= now)
		a->seeker->ops->time(a->seeker, now);
	return a->seeker->state == SEEK_FOUND;
}

bool attempt_failed(const struct attempt *a)
{
	return a->broken || (a->fd >= 0 && a->seeker->state == SEEK_FAILED);
}

void attempt_explain(const struct attempt *a, struct buf *out)
{
	if (a->seeker->state == SEEK_FOUND)
		return;
	buf_printf(out, "%s%s: ", out->len ? "; " : "", a->wire.name);
	if (a->broken)
		buf_printf(out, "VLAN %u: %s", a->all->wish->vlan, err_text(a->broken));
	else if (a->fd < 0)
		buf_str(out, a->linked ? "link lost" : "no link");
	else
		a->seeker->ops->explain(a->seeker, now_ms(), out);
}

/* ---- the end */

void attempt_end(struct attempt *a, bool keep)
{
	int err;

	if (a->fd >= 0 && !keep)
		a->seeker->ops->stop(a->seeker, now_ms());
	close_wire(a);
	if (keep)
		return;
	err = a->vlan.ifindex ? link_delete(a->all->commands, a->vlan.ifindex) : 0;
	if (!err)
		err = link_flush_addresses(a->all->commands, a->card.ifindex);
	if (!err)
		err = link_set_up(a->all->commands, a->card.ifindex, false);
	link_auto_ipv6(a->card.name, true);
	if (err)
		log_warn("%s: not switched off: %s", a->card.name, err_text(err));
}
